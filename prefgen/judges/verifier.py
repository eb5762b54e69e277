"""Check answers against what is known to be right: the same text, the same number, or a check of one's own.

What an answer comes to is what stands in its last box, what it states as the answer, or its last line.
`exact` compares that with the prompt's references after normalising; `number` compares it where it is a
number and nothing else, but for a unit; `maths` compares expressions, sets and intervals by math-verify
(`pip install 'prefgen[maths]'`); `function` calls a function of one's own, such as one that runs unit tests
in a sandbox, once for each answer, and keeps what it returned. An answer that cannot be read has no score,
and neither has one to a prompt without references.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Any, Literal

from pydantic import Field, model_validator

from prefgen.errors import PluginError, RecipeError, ReplyError
from prefgen.kit.ratings import rate_each_text
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import import_reference
from prefgen.roles import Ask, Verdict
from prefgen.text.final_answer import (
    answer_of,
    check_answer,
    why_no_answer,
    why_no_mathematics,
    why_not_checked,
)
from prefgen.text.maths import COMPARISON, INSTALL_HINT, is_installed, is_same_answer
from prefgen.text.quantities import without_thin_spaces
from prefgen.types import Prompt, Response, Score


@judge("verifier")
class Verifier(Plugin):
    """1 for right, 0 for wrong; asks no model."""

    code_fields = ("function",)

    check: Literal["exact", "number", "maths", "function"] = Field(
        default="number", description="How an answer is compared with the references."
    )
    function: str | None = Field(
        default=None,
        description=(
            "pkg.mod:name or ./file.py:name of a function (answer, prompt's metadata) that returns a bool "
            "or 0 to 1."
        ),
    )
    tolerance: float = Field(default=1e-6, ge=0, description="number: largest relative difference.")
    version: int = Field(
        default=1, ge=1, description="function: raise it when the function changes, so that it is run again."
    )

    @model_validator(mode="after")
    def _check_function(self) -> "Verifier":
        if (self.check == "function") != (self.function is not None) or (
            self.function and ":" not in self.function
        ):
            raise ValueError("check: function needs `function: pkg.mod:name`, and nothing else takes it")
        return self

    def _load_function(self) -> Callable[..., Any]:
        return import_reference(self.function or "", path_beside_recipe("."))

    def validate(self) -> None:
        if self.function:
            self._load_function()
        if self.check == "maths" and not is_installed():
            raise RecipeError(INSTALL_HINT)

    def rated_scales(self) -> Mapping[str, tuple[float, float]]:
        return {"correct": (0, 1)}

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        return await rate_each_text(responses, lambda response: self._verify(prompt, response, ask))

    async def _verify(self, prompt: Prompt, response: Response, ask: Ask) -> list[Verdict | ReplyError]:
        if self.function:
            outcome = await ask.step(
                f"verifier {self.function}",
                self._load_function(),
                response.text,
                dict(prompt.metadata),
                version=self.version,
            )
            if isinstance(outcome, bool) or (isinstance(outcome, int | float) and 0 <= outcome <= 1):
                return [_score(response, float(outcome), None)]
            raise PluginError(
                f"verifier: {self.function} returned {outcome!r}; expected a bool, or a number from 0 to 1"
            )
        if self.check == "maths":
            return [await self._compare_maths(prompt, response, ask)]
        assert self.check != "function"
        outcome, reason = check_answer(response.text, prompt.references, self.check, self.tolerance)
        return [_score(response, None if outcome is None else float(outcome), reason)]

    async def _compare_maths(self, prompt: Prompt, response: Response, ask: Ask) -> Score:
        answer = answer_of(response.text)
        reason = why_not_checked(prompt.references, self.check)
        if answer is None:
            reason = reason or why_no_answer(response.text)
        elif (reason := reason or why_no_mathematics(answer, prompt.references)) is None:
            version = 1000 * COMPARISON + int(metadata.version("math-verify").split(".")[1])
            plain = without_thin_spaces(answer)
            outcome = await ask.step(
                "verifier maths", is_same_answer, plain, list(prompt.references), version=version
            )
            words = "" if outcome is not None else ", which cannot be read as mathematics, or took too long"
            value = None if outcome is None else float(outcome)
            return _score(response, value, f"answer: {answer[:200]}{words}")
        return _score(response, None, reason)


def _score(response: Response, value: float | None, rationale: str | None) -> Score:
    return Score(response_id=response.id, aspect="correct", value=value, scale=(0, 1), rationale=rationale)
