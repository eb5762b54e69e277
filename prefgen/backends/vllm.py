"""vLLM: servers that are running, or that the run starts, keeps alive and stops.

Where a server is, and how it is started, stands under `run: endpoints:`, since it is how and never what.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from prefgen.backends._openai_model import OpenAIModel, ScoreRoute, ServerSettings, checked_address
from prefgen.backends._served import ServedModel
from prefgen.backends._weight_files import folder_digest
from prefgen.errors import RecipeError
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.decorators import backend
from prefgen.plugins.plugin import Plugin
from prefgen.serving.vllm_command import Serve, Weights, fingerprint_of


@backend("vllm")
class VLLM(Plugin):
    """How one model is served by vLLM."""

    self_hosted = True
    identity_fields: ClassVar[tuple[str, ...]] = ("score_route",)

    url: str | tuple[str, ...] = Field(
        default=(),
        description="Address up to and with /v1 of a server that is running, or several of one model.",
    )
    serve: Serve | None = Field(
        default=None,
        description=(
            "A server that the run starts, watches and stops: python or command of vLLM's own environment, "
            "model, revision, tensor_parallel, dtype, max_model_len, quantization, and any further flag of "
            "`vllm serve`."
        ),
    )
    api_key_env: str = Field(
        default="VLLM_API_KEY", description="NAME of the environment variable that holds the servers' key."
    )
    score_route: ScoreRoute | None = Field(
        default=None,
        description=(
            "Of a reward model: classify or pooling shows it the conversation in its chat template, as chat "
            "models that rate want; score two texts, as cross-encoders want."
        ),
    )
    n: bool = Field(default=True, description="Ask for several draws of one prompt in one request.")
    headers: dict[str, str] = Field(default={}, description="Further HTTP headers; ${env:NAME} works here.")

    location: str = Field(default="", description="The model's `name`.")
    revision: str | None = Field(default=None, description="The model's own field.")

    def identity_details(self) -> dict[str, Any]:
        """What keys hold: of a folder its name and a digest of its files, and the route of a reward model,
        which decides what its rewards are.
        """
        details: dict[str, Any] = {"fields": {"score_route": self.score_route}} if self.score_route else {}
        folder = self._named_folder()
        return details | {"name": folder.name, "digest": folder_digest(folder)} if folder else details

    def validate(self) -> None:
        if self.serve is not None and self.urls():
            raise RecipeError("a model is served by `url` or by `serve`, not by both")
        if self.serve is None and not self.urls():
            raise RecipeError(
                "say where the model is served, under run: endpoints: `url` of a server that is running, or "
                "`serve: {}` for one that the run starts"
            )
        for url in self.urls():
            checked_address(url, "url")

    def urls(self) -> Sequence[str]:
        return (self.url,) if isinstance(self.url, str) else self.url

    def settings(self, address: str) -> ServerSettings:
        return ServerSettings(
            address=checked_address(address, "url"),
            api_key_env=self.api_key_env,
            needs_key="api_key_env" in self.model_fields_set,
            score_route=self.score_route,
            headers=self.headers,
        )

    def weights(self, serve: Serve) -> Weights:
        """What is to be served, and the fingerprint that proves it."""
        location, revision = serve.model or self.location, serve.revision or self.revision
        named = self._named_folder()
        folder, name = path_beside_recipe(location), named.name if named else self.location
        if not folder.is_dir() and is_path(location):
            raise RecipeError(f"the folder {location!r} does not exist (looked for {folder})")
        if not folder.is_dir():
            return Weights(location, name, revision, fingerprint_of(serve, location, revision, None))
        folder, digest = folder.resolve(), folder_digest(folder)
        return Weights(str(folder), name, None, fingerprint_of(serve, location, revision, digest))

    def _named_folder(self) -> Path | None:
        """The folder that the model's name is, where it is one: written as a path, and there."""
        folder = path_beside_recipe(self.location)
        return folder.resolve() if is_path(self.location) and folder.is_dir() else None

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[OpenAIModel | ServedModel]:
        """Open a pool of connections to each server, or be ready to start one. Nothing is sent."""
        if self.serve is None:
            model = OpenAIModel(self.settings(self.urls()[0]))
        else:
            model = ServedModel(self.serve, self.weights(self.serve), self.settings("http://127.0.0.1/v1"))
        try:
            yield model
        finally:
            await model.close()


def is_path(location: str) -> bool:
    """Whether the place of weights is written as a path, rather than as a name on the Hub."""
    return location.startswith((".", "/", "~")) or location.count("/") > 1
