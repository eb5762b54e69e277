"""Check answers against what is known to be right: the same text, the same number, or a check of one's own.

`exact` compares the answer (or its last line, or what stands in a box) with the prompt's references after normalising; `number`
compares the last number that the answer gives; `function` calls a function of one's own, such as one that runs unit tests in a
sandbox, once for each answer, and keeps what it returned. A prompt without references has no score.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from prefgen.errors import PluginError, ReplyError
from prefgen.kit.ratings import rate_each_text
from prefgen.kit.templates import beside_recipe
from prefgen.plugins.registry import Plugin, code_named, judge
from prefgen.roles import Ask, Verdict
from prefgen.text.final_answer import right
from prefgen.types import Prompt, Response, Score


@judge("verifier")
class Verifier(Plugin):
    """1 for right, 0 for wrong; asks no model."""

    code_fields = ("function",)

    check: Literal["exact", "number", "function"] = Field(
        "number", description="How an answer is compared with the references."
    )
    function: str | None = Field(
        None,
        description="pkg.mod:name or ./file.py:name of a function (answer, prompt's metadata) that returns a bool or 0 to 1.",
    )
    tolerance: float = Field(1e-6, ge=0, description="number: largest relative difference.")
    version: int = Field(
        1, ge=1, description="function: raise it when the function changes, so that it is run again."
    )

    @model_validator(mode="after")
    def _has_its_function(self) -> "Verifier":
        if (self.check == "function") != (self.function is not None) or (
            self.function and ":" not in self.function
        ):
            raise ValueError("check: function needs `function: pkg.mod:name`, and nothing else takes it")
        return self

    def _function(self) -> Callable[..., Any]:
        return code_named(self.function or "", beside_recipe("."))

    def validate(self) -> None:
        if self.function:
            self._function()

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        return await rate_each_text(responses, lambda response: self._verify(prompt, response, ask))

    async def _verify(self, prompt: Prompt, response: Response, ask: Ask) -> list[Verdict | ReplyError]:
        if self.function:
            found = await ask.step(
                f"verifier {self.function}",
                self._function(),
                response.text,
                dict(prompt.metadata),
                version=self.version,
            )
            if isinstance(found, bool) or (isinstance(found, int | float) and 0 <= found <= 1):
                return [_score(response, float(found), None)]
            raise PluginError(
                f"verifier: {self.function} returned {found!r}; expected a bool, or a number from 0 to 1"
            )
        assert self.check != "function"
        found, why = right(response.text, prompt.references, self.check, self.tolerance)
        return [_score(response, None if found is None else float(found), why)]


def _score(response: Response, value: float | None, rationale: str | None) -> Score:
    return Score(response_id=response.id, aspect="correct", value=value, scale=(0, 1), rationale=rationale)
