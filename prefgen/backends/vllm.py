"""vLLM: servers that are running, or that the run starts, keeps alive and stops.

Where a server is, and how it is started, stands under `run: endpoints:`, since it is how and never what.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from pydantic import Field

from prefgen.backends._openai_model import OpenAIModel, ScoreRoute, ServerSettings, checked_address
from prefgen.errors import RecipeError
from prefgen.plugins.decorators import backend
from prefgen.plugins.plugin import Plugin


@backend("vllm")
class VLLM(Plugin):
    """How one model is served by vLLM."""

    identity_fields: ClassVar[tuple[str, ...]] = ("score_route",)

    url: str | tuple[str, ...] = Field(
        default=(),
        description="Address up to and with /v1 of a server that is running, or several of one model.",
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

    def identity_details(self) -> dict[str, Any]:
        """What keys hold: the route of a reward model decides what its rewards are."""
        return {"fields": {"score_route": self.score_route}} if self.score_route else {}

    def validate(self) -> None:
        if not self.urls():
            raise RecipeError("say where the model is served: url under run: endpoints:")
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

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[OpenAIModel]:
        """Open a pool of connections to each server. Nothing is sent."""
        model = OpenAIModel(self.settings(self.urls()[0]))
        try:
            yield model
        finally:
            await model.close()
