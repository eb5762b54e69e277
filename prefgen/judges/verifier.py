"""Check answers against what is known to be right: the same text, the same number, or a check of one's own.

`exact` compares the answer (or its last line, or what stands in a box) with the prompt's references after normalising; `number`
compares the last number that the answer gives; `function` calls a function of one's own, such as one that runs unit tests in a
sandbox, once for each answer, and keeps what it returned. A prompt without references has no score.
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, model_validator

from prefgen.errors import PluginError, ReplyError
from prefgen.judging import each_text
from prefgen.plugins import Plugin, code_named, judge
from prefgen.roles import Ask, Verdict
from prefgen.similarity import normal
from prefgen.templates import beside_recipe
from prefgen.types import Prompt, Response, Score

BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
NUMBER = re.compile(r"(?:(?<![\w.)])-)?(?<![\w.])\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?(?:\s*/\s*\d+)?%?")
FRACTION = re.compile(r"(-?)\s*(\d*)\s*\\d?frac\{(-?\d+)\}\{(\d+)\}")
LONGEST = 60
"""Characters of the longest number that is read."""


@judge("verifier")
class Verifier(Plugin):
    """1 for right, 0 for wrong; asks no model."""

    code = ("function",)

    check: Literal["exact", "number", "function"] = Field("number", description="How an answer is compared with the references.")
    function: str | None = Field(
        None, description="pkg.mod:name or ./file.py:name of a function (answer, prompt's metadata) that returns a bool or 0 to 1."
    )
    tolerance: float = Field(1e-6, ge=0, description="number: largest relative difference.")
    version: int = Field(1, ge=1, description="function: raise it when the function changes, so that it is run again.")

    @model_validator(mode="after")
    def _has_its_function(self) -> "Verifier":
        if (self.check == "function") != (self.function is not None) or (self.function and ":" not in self.function):
            raise ValueError("check: function needs `function: pkg.mod:name`, and nothing else takes it")
        return self

    def _function(self) -> Callable[..., Any]:
        return code_named(self.function or "", beside_recipe("."))

    def ready(self) -> None:
        if self.function:
            self._function()

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Verdict | ReplyError]:
        return await each_text(responses, lambda response: self._verify(prompt, response, ask))

    async def _verify(self, prompt: Prompt, response: Response, ask: Ask) -> list[Verdict | ReplyError]:
        if self.function:
            found = await ask.step(
                f"verifier {self.function}", self._function(), response.text, dict(prompt.metadata), version=self.version
            )
            if isinstance(found, bool) or (isinstance(found, int | float) and 0 <= found <= 1):
                return [_score(response, float(found), None)]
            raise PluginError(f"verifier: {self.function} returned {found!r}; expected a bool, or a number from 0 to 1")
        if not prompt.references:
            return [_score(response, None, "the prompt has no reference answer")]
        if self.check == "exact":
            given = answer_of(response.text)
            return [
                _score(
                    response, float(any(normal(given) == normal(reference) for reference in prompt.references)), f"answer: {given[:200]}"
                )
            ]
        number = number_in(response.text)
        wanted = [n for n in (number_in(reference) for reference in prompt.references) if n is not None]
        if not wanted:
            return [_score(response, None, "no reference of the prompt is a number")]
        right = number is not None and any(abs(number - n) <= self.tolerance * max(1, abs(n)) for n in wanted)
        return [_score(response, float(right), f"answer: {float(number):g}" if number is not None else "no number in the answer")]


def _score(response: Response, value: float | None, rationale: str | None) -> Score:
    return Score(response_id=response.id, aspect="correct", value=value, scale=(0, 1), rationale=rationale)


def answer_of(text: str) -> str:
    """What an answer ends in: the last box, what follows the last "answer is", or the last line."""
    boxed = BOXED.findall(text)
    if boxed:
        return boxed[-1].strip()
    said = re.findall(r"answer\s*(?:is|:|=)\s*([^\n]+)", text, re.IGNORECASE)
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return (said[-1] if said else lines[-1] if lines else "").strip().strip("*_`").rstrip(".").strip()


def number_in(text: str) -> Fraction | None:
    """The last number of the answer, exactly; None when there is none."""
    for part in (answer_of(text), text):
        found = FRACTION.findall(part)
        if found and len("".join(found[-1])) <= LONGEST:
            sign, whole, above, below = found[-1]
            if not int(below):
                return None
            value = int(whole or 0) + Fraction(int(above), int(below))
            return -value if sign else value
        numbers = NUMBER.findall(part)
        if numbers:
            return _fraction(numbers[-1])
    return None


def _fraction(spelled: str) -> Fraction | None:
    bare = spelled.replace(",", "").replace(" ", "")
    exponent = re.search(r"[eE][+-]?(\d+)", bare)
    if len(bare) > LONGEST or (exponent and int(exponent[1]) > 300):
        return None
    try:
        return Fraction(bare[:-1]) / 100 if bare.endswith("%") else Fraction(bare)
    except (ValueError, ZeroDivisionError):
        return None
