"""Stand-ins for models that a plan must not ask: they answer at the length that is expected of the model."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import find
from prefgen.recipe.build import Pipeline
from prefgen.recipe.models import BuiltModel
from prefgen.transport.request import (
    ConnectedModel,
    ModelHooks,
    ModelRequest,
    ModelResponse,
    estimate_prompt_tokens,
)
from prefgen.types import Reply

ASSUMED_OUTPUT_TOKENS = 300


async def with_guesses(pipeline: Pipeline, model: BuiltModel, mean_tokens: int | None) -> BuiltModel:
    """The model with a stand-in that answers at the length which is expected of it; a simulated one answers
    for itself.
    """
    if model.simulated:
        return model
    max_tokens = model.sampling.get("max_tokens")
    tokens = mean_tokens or (max(1, int(max_tokens) // 2) if max_tokens else ASSUMED_OUTPUT_TOKENS)
    backend: Any = model.backend
    async with backend.connect() as connected:
        host, backend_name = connected.host, connected.backend
    simulated = find("backend", "simulated", pipeline.folder)()
    stand_in = Guess(simulated=simulated, host=host, backend=backend_name, tokens=tokens)
    return replace(model, backend=stand_in, simulated=False)


class Guess(Plugin):
    """A backend that says what the simulated one says, at the length that the real one is expected to
    have.
    """

    name: ClassVar[str] = "guess"
    simulated: Any
    host: str
    backend: str
    tokens: int

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["GuessingModel"]:
        async with self.simulated.connect() as simulated:
            yield GuessingModel(simulated, self.host, self.backend, self.tokens)


class GuessingModel(ModelHooks):
    """A simulated model that passes for the one at `host`, so that its journalled replies fit."""

    def __init__(self, simulated: ConnectedModel, host: str, backend: str, tokens: int) -> None:
        self.host, self.backend = host, backend
        self._simulated, self._tokens = simulated, tokens

    async def send(self, request: ModelRequest, /) -> Sequence[ModelResponse]:
        responses = await self._simulated.send(request)
        prompt_tokens = estimate_prompt_tokens(request)
        for response in responses:
            usage = response.reply.usage.replacing(
                prompt_tokens=prompt_tokens, completion_tokens=self._tokens
            )
            response.reply = response.reply.replacing(usage=usage)
        return responses

    def parse(self, raw: bytes, endpoint: str, /) -> Reply:
        return self._simulated.parse(raw, endpoint)
