"""Stand-ins for models that a plan must not ask: what they say is as long as is expected of the model."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import orjson

from prefgen.engine.expectations import ExpectedRequest
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import find
from prefgen.recipe.build import Pipeline
from prefgen.recipe.models import BuiltModel
from prefgen.transport.openai_replies import reply_of
from prefgen.transport.request import ConnectedModel, ModelHooks, ModelRequest, ModelResponse
from prefgen.types import Reply


async def with_guesses(pipeline: Pipeline, model: BuiltModel, mean_tokens: int | None) -> BuiltModel:
    """The model with a stand-in that answers at the length which is expected of it; a simulated one answers
    for itself.
    """
    if model.simulated:
        return model
    backend: Any = model.backend
    async with backend.connect() as connected:
        host, backend_name = connected.host, connected.backend
        hosts = connected.replica_hosts if isinstance(connected, ModelHooks) else frozenset()
    simulated = find("backend", "simulated", pipeline.folder)()
    takes_n = bool(getattr(backend, "n", True))
    stand_in = Guess(
        simulated=simulated, host=host, backend=backend_name, n=takes_n, mean_tokens=mean_tokens, hosts=hosts
    )
    return replace(model, backend=stand_in, simulated=False)


class Guess(Plugin):
    """A backend that says what the simulated one says, at the length that the real one is expected to
    have. `mean_tokens` is that of everything that the journal holds of the model.
    """

    name: ClassVar[str] = "guess"
    simulated: Any
    host: str
    backend: str
    n: bool
    mean_tokens: int | None
    hosts: frozenset[str] = frozenset()

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["GuessingModel"]:
        async with self.simulated.connect() as simulated:
            model = GuessingModel(simulated, self.host, self.backend, self.mean_tokens)
            model.replica_hosts = self.hosts
            yield model


class GuessingModel(ModelHooks):
    """A simulated model that passes for the one at `host`, so that its journalled replies fit."""

    def __init__(self, simulated: ConnectedModel, host: str, backend: str, mean_tokens: int | None) -> None:
        self.host, self.backend = host, backend
        self._simulated, self._mean_tokens = simulated, mean_tokens

    async def send(self, request: ModelRequest, /) -> Sequence[ModelResponse]:
        responses = await self._simulated.send(request)
        if isinstance(request, ExpectedRequest):  # a word to see whether it answers is none
            for draw, response in enumerate(responses):
                self._lengthen(request, draw, response)
        return responses

    def _lengthen(self, request: ExpectedRequest, draw: int, response: ModelResponse) -> None:
        """Give a reply the length that is expected: of its text too, where later asks will show it."""
        tokens = request.completion_tokens(self._mean_tokens, response.reply.usage.completion_tokens)
        if request.is_text and not response.reply.tool_calls:
            body = orjson.loads(response.raw)
            holder = body["choices"][0].get("message", body["choices"][0])
            name = "content" if "content" in holder else "text"
            holder[name] = as_long_as(holder[name], request.characters(tokens), request.seeds[draw] or draw)
            response.raw, response.reply = orjson.dumps(body), reply_of(body, request.endpoint)
        usage = response.reply.usage.replacing(
            prompt_tokens=request.prompt_tokens(draw), completion_tokens=tokens
        )
        response.reply = response.reply.replacing(usage=usage)

    def parse(self, raw: bytes, endpoint: str, /) -> Reply:
        return self._simulated.parse(raw, endpoint)


def as_long_as(text: str, characters: int, draw: int) -> str:
    """The text with so many characters: cut, or with sentences that say nothing, each its own and no other
    draw's.
    """
    parts = [text[: max(1, characters)]]
    missing, number = characters - len(text), 0
    while missing > 0:
        number += 1
        parts.append(f"\nSentence {number} of draw {draw} stands for words yet to come."[:missing])
        missing -= len(parts[-1])
    return "".join(parts)
