"""Any server that speaks the OpenAI protocol: OpenAI, vLLM, SGLang, llama.cpp, Ollama, a gateway.

The address and the key come from OPENAI_BASE_URL and OPENAI_API_KEY unless `run: {endpoints: ...}` names
others; the key itself is never stored anywhere.
"""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal

from pydantic import Field

from prefgen.backends._openai_model import NO_ROUTE, OpenAIModel, ServerSettings, checked_address
from prefgen.plugins.decorators import backend
from prefgen.plugins.plugin import Plugin


@backend("openai")
class OpenAI(Plugin):
    """How one model of an OpenAI-compatible server is reached."""

    identity_fields: ClassVar[tuple[str, ...]] = ("score_route",)
    moved_to_models: ClassVar[Mapping[str, str]] = {"score_route": "earlier_score_route"}

    base_url: str | None = Field(
        default=None, description="Address up to and with /v1. Default: OPENAI_BASE_URL, else OpenAI's own."
    )
    api_key_env: str = Field(
        default="OPENAI_API_KEY",
        description="NAME of the environment variable that holds the key; one that is named must be set.",
    )
    token_field: Literal["auto", "max_tokens", "max_completion_tokens"] = Field(
        default="auto",
        description=(
            "What the server calls the limit of new tokens; auto: max_completion_tokens at OpenAI, else "
            "max_tokens."
        ),
    )
    schema_as: Literal["json_schema", "text"] = Field(
        default="json_schema",
        description=(
            "How a wanted reply format is told to the server: natively, or in words at the end of the prompt."
        ),
    )
    send_seed: bool = Field(
        default=True, description="Send each draw's own seed (servers that refuse the field want false)."
    )
    n: bool = Field(default=True, description="Ask for several draws of one prompt in one request.")
    score_route: Literal["score", "pooling", "classify"] | None = Field(
        default=None,
        description=(
            "Of a reward model: where vLLM answers for it. classify or pooling shows it the conversation in "
            "its chat template, as chat models that rate want; score two texts, as cross-encoders want. The "
            "reward comes as the model gives it, without an activation."
        ),
    )
    earlier_score_route: Literal["score", "pooling", "classify"] | None = Field(
        default=None,
        exclude=True,
        description="The route, of an earlier recipe, under `run: endpoints:`.",
    )
    headers: dict[str, str] = Field(default={}, description="Further HTTP headers; ${env:NAME} works here.")

    def identity_details(self) -> dict[str, Any]:
        """What keys hold: the route of a reward model decides what its rewards are."""
        return {"fields": {"score_route": self.score_route}} if self.score_route else {}

    def why_no_rewards(self) -> str:
        return "" if self.score_route or self.earlier_score_route else NO_ROUTE

    def validate(self) -> None:
        """What the recipe names is an address; what the environment names is looked at when it is needed."""
        if self.base_url:
            self.address()

    def address(self) -> str:
        return checked_address(
            self.base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        )

    def settings(self) -> ServerSettings:
        return ServerSettings(
            address=self.address(),
            api_key_env=self.api_key_env,
            needs_key="api_key_env" in self.model_fields_set,
            token_field=self.token_field,
            schema_as=self.schema_as,
            send_seed=self.send_seed,
            score_route=self.score_route or self.earlier_score_route,
            raw_rewards=self.score_route is not None,
            headers=self.headers,
        )

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[OpenAIModel]:
        """Open a pool of connections. Nothing is sent."""
        model = OpenAIModel(self.settings())
        try:
            yield model
        finally:
            await model.close()
