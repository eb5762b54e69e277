"""A task of distilabel as a judge: UltraFeedback, PrometheusEval, QualityScorer, InstructionBacktranslation ... (`prefgen[distilabel]`).

A task that takes `generations` or `responses` sees all answers in an order that is drawn once a prompt; one that takes `generation` or
`response` sees one at a time; one that says which of two is better (PrometheusEval with `mode: relative`) sees every pair in both orders.
The task runs as distilabel wrote it, parser included; its requests go through `ask` (`prefgen.integrations.distilabel`). Those parsers join numbers
to answers by the place at which they stand in the reply, and a line too many or too few shifts them all. So a reply about several answers is
taken whole or not at all: it must give a number for each, and where it numbers its texts it must do so from 1 on in their order.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from pydantic import Field

from prefgen.errors import RecipeError, ReplyError
from prefgen.integrations.tasks import DistilabelTask, row_of
from prefgen.kit.gather import gather_settled
from prefgen.kit.ratings import check_scale, copy_comparisons, not_applicable_scores
from prefgen.plugins.registry import judge
from prefgen.roles import Ask, Verdict
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Comparison, Prompt, Reply, Response, Score

SEVERAL = ("generations", "responses")
ONE = ("generation", "response")
RATED = ("ratings", "scores", "result", "score")
SAID = ("rationales", "rationale", "feedback", "reason")


@judge("distilabel")
class DistilabelJudge(DistilabelTask):
    """Ratings of the task, on `scale`."""

    known_outputs = RATED
    cost = "what the task asks: UltraFeedback 1 request a prompt, PrometheusEval n, or n (n - 1) with `mode: relative` (n answers)"

    scale: tuple[float, float] = Field((1.0, 5.0), description="Between which numbers the task rates.")
    aspect: str | None = Field(None, description="What is rated. Default: the task's own aspect or rubric.")
    seed: int = Field(
        0, description="Seed of the order in which answers are shown, and of what the task draws."
    )

    def validate(self) -> None:
        super().validate()
        check_scale(self.scale)
        task = self.built()
        if not set(SEVERAL + ONE) & set(task.inputs):
            raise RecipeError(
                f"task {self.task} takes no answers (its inputs: {', '.join(task.inputs)}), so that it cannot judge any"
            )

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        task = self.built()
        column = self.taken()
        aspect = self.aspect or getattr(task, "aspect", None) or getattr(task, "rubric", None) or "overall"
        twins = group_by_text(sorted(responses, key=lambda r: r.id))
        shown = [group[0] for group in twins]  # equal texts are asked about once
        ask.rng(f"order/{self.seed}").shuffle(shown)
        if getattr(task, "mode", None) == "relative":
            if len(shown) < 2:
                return not_applicable_scores(
                    (r.id for r in responses), aspect, (0, 1), "nothing to compare with"
                )
            sides = [pair for a, b in combinations(shown, 2) for pair in ((a, b), (b, a))]
            found = await gather_settled(
                self._compare(prompt, pair, order % 2, aspect, task, column, ask)
                for order, pair in enumerate(sides)
            )
            return [*found, *copy_comparisons(found, twins, aspect)]
        groups = [shown] if set(SEVERAL) & set(task.inputs) else [[r] for r in shown]
        parts = await gather_settled(self._rate(prompt, group, aspect, task, column, ask) for group in groups)
        found = [v for part in parts for v in ([part] if isinstance(part, ReplyError) else part)]
        scores = [v for v in found if isinstance(v, Score)]
        copies = [
            s.replacing(response_id=t.id)
            for group in twins
            for t in group[1:]
            for s in scores
            if s.response_id == group[0].id
        ]
        return [*found, *copies]

    async def _rate(
        self, prompt: Prompt, shown: Sequence[Response], aspect: str, task: Any, column: str, ask: Ask
    ) -> list[Score | ReplyError]:
        [made], replies = await self.run(self._row(prompt, shown, task), ask, self.seed)
        values = made.get(column)
        values = values if isinstance(values, list) else [values]
        if len(values) != len(shown) or (len(shown) > 1 and None in values):
            return [self.unread(replies, f"{len(shown)} ratings (it found {values})")]
        if len(shown) > 1 and not _in_order(replies, len(shown)):
            return [self.unread(replies, f"{len(shown)} ratings in the order of the texts")]
        reasons = next((made[name] for name in SAID if made.get(name)), None)
        reasons = (
            reasons if isinstance(reasons, list) and len(reasons) == len(shown) else [reasons] * len(shown)
        )
        return [
            self._score(response, value, reason, place, aspect, replies)
            for place, (response, value, reason) in enumerate(zip(shown, values, reasons, strict=True))
        ]

    def _score(
        self,
        response: Response,
        value: Any,
        reason: Any,
        place: int,
        aspect: str,
        replies: Sequence[Reply | ReplyError],
    ) -> Score | ReplyError:
        low, high = self.scale
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            return self.unread(
                replies, f"rating within {low:g} to {high:g} of text {place + 1} (it found {value!r})"
            )
        said = reason if isinstance(reason, str) and reason else None
        return Score(
            response_id=response.id, aspect=aspect, value=value, scale=self.scale, rationale=said, order=place
        )

    async def _compare(
        self,
        prompt: Prompt,
        pair: tuple[Response, Response],
        order: int,
        aspect: str,
        task: Any,
        column: str,
        ask: Ask,
    ) -> Comparison:
        [made], replies = await self.run(self._row(prompt, pair, task), ask, self.seed)
        if made.get(column) not in ("A", "B"):
            raise self.unread(replies, f"A or B (it found {made.get(column)!r})")
        reason = next((made[name] for name in SAID if isinstance(made.get(name), str)), None)
        won = 1.0 if made[column] == "A" else 0.0
        return Comparison(
            first_id=pair[0].id,
            second_id=pair[1].id,
            probability=won,
            aspect=aspect,
            rationale=reason,
            sample=order,
            how="votes",
        )

    def _row(self, prompt: Prompt, shown: Sequence[Response], task: Any) -> Mapping[str, Any]:
        texts: dict[str, Any] = {name: [r.text for r in shown] for name in SEVERAL if name in task.inputs}
        return row_of(prompt, self.columns) | (
            texts or {name: shown[0].text for name in ONE if name in task.inputs}
        )


_NUMBERED = re.compile(
    r"^[ \t>#*\-]*(?:output for[ \t]+)?(?:(?:text|response|answer|instruction)[ \t]*[<#\[]?|\[)(\d+)\b",
    re.IGNORECASE | re.MULTILINE,
)


def _in_order(replies: Sequence[Reply | ReplyError], count: int) -> bool:
    """Whether the texts that a reply numbers at the start of lines, if it does, are 1 to `count` in order."""
    text = "\n".join(reply.text for reply in replies if isinstance(reply, Reply))
    numbers = [int(number) for number in _NUMBERED.findall(text)]
    return not numbers or numbers == list(range(1, count + 1))
