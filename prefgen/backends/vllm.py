"""vLLM: servers that are running, or that the run starts, keeps alive and stops.

Where a server is, and how it is started, stands under `run: endpoints:`, since it is how and never what.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from prefgen.backends._openai_model import NO_ROUTE, OpenAIModel, ScoreRoute, ServerSettings, checked_address
from prefgen.backends._replica_list import ReplicaList, listed_addresses
from prefgen.backends._replicas import ReplicatedModel
from prefgen.backends._served import ServedModel
from prefgen.backends._weight_files import folder_digest
from prefgen.errors import RecipeError
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.decorators import backend
from prefgen.plugins.plugin import Plugin
from prefgen.serving.adapters import Adapter
from prefgen.serving.vllm_command import Serve, Weights, fingerprint_of

SLOTS = 64
"""Requests at once with which a server is asked at first: fewer than it takes by default."""


@backend("vllm")
class VLLM(Plugin):
    """How one model is served by vLLM."""

    self_hosted = True
    identity_fields: ClassVar[tuple[str, ...]] = ("score_route", "adapter")

    url: str | tuple[str, ...] = Field(
        default=(),
        description=(
            "Address up to and with /v1 of a server that is running, several of one model, or a text file "
            "beside the recipe with an address a line, which is followed while the run asks."
        ),
    )
    serve: Serve | None = Field(
        default=None,
        description=(
            "A server that the run starts, watches and stops: python or command of vLLM's own environment, "
            "model, revision, tensor_parallel, dtype, max_model_len, quantization, and any further flag of "
            "`vllm serve`."
        ),
    )
    replicas: int = Field(
        default=1, ge=1, description="Servers that the run starts of one model, each on GPUs of its own."
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
    adapter: str | None = Field(
        default=None,
        description=(
            "A LoRA adapter on the model: a folder beside the recipe, or a name on the Hub. Models that are "
            "served alike share one server."
        ),
    )
    n: bool = Field(default=True, description="Ask for several draws of one prompt in one request.")
    headers: dict[str, str] = Field(default={}, description="Further HTTP headers; ${env:NAME} works here.")

    location: str = Field(default="", description="The model's `name`.")
    revision: str | None = Field(default=None, description="The model's own field.")

    def identity_details(self) -> dict[str, Any]:
        """What keys hold: of a folder its name and a digest of its files, of an adapter likewise, and the
        route of a reward model, which decides what its rewards are.
        """
        fields = {"score_route": self.score_route} if self.score_route else {}
        details: dict[str, Any] = {}
        if (folder := self._named_folder()) is not None:
            details |= {"name": folder.name, "digest": folder_digest(folder)}
        if self.adapter is not None:
            adapter_folder = folder_at(self.adapter)
            fields["adapter"] = adapter_folder.name if adapter_folder else self.adapter
            if adapter_folder is not None:
                details["adapter_digest"] = folder_digest(adapter_folder)
        return details | ({"fields": fields} if fields else {})

    def why_no_rewards(self) -> str:
        return "" if self.score_route else NO_ROUTE

    def validate(self) -> None:
        if self.serve is not None and self.urls():
            raise RecipeError("a model is served by `url` or by `serve`, not by both")
        if self.adapter is not None and self.serve is None:
            raise RecipeError(
                "an adapter is loaded into a server that the run starts (`serve`). One that a running server "
                "has is a model of its own there: give its name under models:"
            )
        if self.serve is None and not self.urls():
            raise RecipeError(
                "say where the model is served, under run: endpoints: `url` of a server that is running, or "
                "`serve: {}` for one that the run starts"
            )
        for url in self.urls():
            checked_address(url, "url")

    def urls(self) -> Sequence[str]:
        """The addresses, each once. Raises RecipeError where the file that lists them cannot be read."""
        listed = self._listed_in()
        if listed is not None:
            return listed_addresses(listed)
        return tuple(dict.fromkeys((self.url,) if isinstance(self.url, str) else self.url))

    def _listed_in(self) -> Path | None:
        """The file that lists the addresses, where one does."""
        if not isinstance(self.url, str) or "://" in self.url:
            return None
        return path_beside_recipe(self.url)

    def _open(self, address: str) -> OpenAIModel:
        return OpenAIModel(self.settings(address))

    def settings(self, address: str) -> ServerSettings:
        return ServerSettings(
            address=checked_address(address, "url"),
            api_key_env=self.api_key_env,
            needs_key="api_key_env" in self.model_fields_set,
            score_route=self.score_route,
            keeps_max_length=True,
            continues_turns=True,
            slots=self.serve.flags().get("max_num_seqs", SLOTS) if self.serve else SLOTS,
            tells_load=True,
            headers=self.headers,
        )

    def _serve(self) -> Serve:
        """How it is served, with the Python of vLLM's environment as it lies from here."""
        serve = self.serve or Serve()
        python = serve.python
        if python is not None and "/" in python:
            python = str(place_of(python).absolute())
        return serve.model_copy(update={"python": python})

    def weights(self, serve: Serve) -> Weights:
        """What is to be served, and the fingerprint that proves it."""
        location, revision = serve.model or self.location, serve.revision or self.revision
        named = self._named_folder()
        folder, name = folder_at(location), named.name if named else self.location
        if folder is None:
            return Weights(location, name, revision, fingerprint_of(serve, location, revision, None))
        digest = folder_digest(folder)
        return Weights(str(folder), name, None, fingerprint_of(serve, location, revision, digest))

    def _read_adapter(self) -> Adapter | None:
        if self.adapter is None:
            return None
        folder = folder_at(self.adapter)
        if folder is None:
            from huggingface_hub import snapshot_download  # 0.3 s, wanted only for adapters of the Hub
            from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

            try:
                folder = Path(snapshot_download(self.adapter))
            except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
                reason = " ".join(str(error).split())[:300]
                raise RecipeError(f"the adapter {self.adapter!r} cannot be had: {reason}") from None
        return Adapter.read(folder, folder.name, folder_digest(folder))

    def _named_folder(self) -> Path | None:
        """The folder that the model's name is, where it is one: written as a path, and there."""
        folder = place_of(self.location)
        return folder.resolve() if is_path(self.location) and folder.is_dir() else None

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[OpenAIModel | ServedModel | ReplicatedModel]:
        """Open a pool of connections to each server, or be ready to start one. Nothing is sent."""
        urls, file = self.urls(), self._listed_in()
        if self.serve is not None:
            settings = self.settings("http://127.0.0.1/v1")
            serve = self._serve()
            weights = self.weights(serve)

            def served(replica: int) -> ServedModel:
                return ServedModel(serve, weights, settings, self._read_adapter, replica)

            numbers = range(1, self.replicas + 1)
            several = {f"replica {number}": served(number) for number in numbers}
            model = ReplicatedModel(several) if self.replicas > 1 else served(0)
        elif file is None and len(urls) == 1:
            model = self._open(urls[0])
        else:
            listed = None if file is None else ReplicaList(file, self._open)
            model = ReplicatedModel({url: self._open(url) for url in urls}, listed=listed)
        try:
            yield model
        finally:
            await model.close()


def is_path(location: str) -> bool:
    """Whether the place of weights is written as a path, rather than as a name on the Hub."""
    return location.startswith((".", "/", "~")) or location.count("/") > 1


def folder_at(location: str) -> Path | None:
    """The folder in which weights are; None for a name on the Hub. Raises RecipeError for a path at which
    there is none.
    """
    folder = place_of(location)
    if folder.is_dir():
        return folder.resolve()
    if is_path(location):
        raise RecipeError(f"the folder {location!r} does not exist (looked for {folder})")
    return None


def place_of(location: str) -> Path:
    """A path of a recipe, from its folder or from the user's home (`~`)."""
    return path_beside_recipe(str(Path(location).expanduser()))
