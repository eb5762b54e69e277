"""A model that says what a recipe's author wrote down: for tests of recipes and plug-ins.

Rules are tried in order; the first whose regular expression is found in the last message answers. Like a real
server that answers by content, it gives the same answer to the same request, whatever came before.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import orjson
from pydantic import Field, model_validator

from prefgen.errors import RequestFailed
from prefgen.plugins.decorators import backend
from prefgen.plugins.plugin import Plugin
from prefgen.transport.openai_replies import read_responses, reply_of
from prefgen.transport.request import ModelRequest, ModelResponse
from prefgen.types import Reply, Value


class ScriptedRule(Value):
    """What to say when `when` is found; a list is drawn from by the seed of the draw."""

    when: str = ""
    say: str | tuple[str, ...] = ""
    finish_reason: str = "stop"
    refuse: str | None = Field(
        default=None,
        description="Refuse the request with this provider code, as a server does with HTTP 400.",
    )

    @model_validator(mode="after")
    def _check_rule(self) -> "ScriptedRule":
        try:
            re.compile(self.when)
        except re.error as error:
            raise ValueError(f"when {self.when!r} is no regular expression: {error}") from None
        if self.say == ():
            raise ValueError("say is empty: give a text, or a list of texts")
        return self


@backend("scripted")
class ScriptedBackend(Plugin):
    """A model with a script."""

    asks_nobody = True

    rules: tuple[ScriptedRule, ...] = Field(
        default=(ScriptedRule(say="Understood."),), description="First match answers."
    )

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator["ScriptedModel"]:
        """Nothing is opened."""
        yield ScriptedModel(self.rules)


class ScriptedModel:
    """See `prefgen.transport.request.ConnectedModel`."""

    backend = "scripted"
    host = "scripted"

    def __init__(self, rules: Sequence[ScriptedRule]) -> None:
        self._rules = rules

    async def send(self, call: ModelRequest) -> Sequence[ModelResponse]:
        last_text = call.messages[-1].text if call.messages else call.text
        rule = next((r for r in self._rules if re.search(r.when, last_text, re.DOTALL)), None)
        if rule is None:
            raise RequestFailed(
                "refused", f"no rule of the script matches {last_text[:80]!r}", code="no_rule"
            )
        if rule.refuse:
            raise RequestFailed("refused", "the script refuses this", code=rule.refuse)
        responses = []
        for seed in call.seeds:
            texts = (rule.say,) if isinstance(rule.say, str) else rule.say
            text = texts[(seed or 0) % len(texts)]
            answer = (
                {"message": {"role": "assistant", "content": text}}
                if call.endpoint == "chat"
                else {"text": text}
            )
            body = {
                "choices": [{"index": 0, "finish_reason": rule.finish_reason, **answer}],
                "model": call.model,
            }
            responses.extend(read_responses(orjson.dumps(body), call))
        return responses

    def parse(self, raw: bytes, endpoint: str) -> Reply:
        return reply_of(orjson.loads(raw), endpoint)
