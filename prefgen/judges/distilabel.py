"""A task of distilabel as a judge: UltraFeedback, PrometheusEval, QualityScorer, InstructionBacktranslation
... (`prefgen[distilabel]`).

A task that takes `generations` or `responses` sees all answers in an order that is drawn once a prompt; one
that takes `generation` or `response` sees one at a time; one that says which of two is better (PrometheusEval
with `mode: relative`) sees every pair in both orders. The task runs as distilabel wrote it, parser included;
its requests go through `ask` (`prefgen.integrations.bridge`). Those parsers join numbers to answers by
the place at which they stand in the reply, and a line too many or too few shifts them all. So a reply about
several answers is taken whole or not at all: it must be whole, give a number for each in the form that the
task asks for (`prefgen.integrations.task_replies`), and where it numbers its texts do so from 1 on in their
order.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from pydantic import Field

from prefgen.errors import RecipeError, ReplyError
from prefgen.integrations.task_replies import has_form
from prefgen.integrations.tasks import DistilabelTask, row_of
from prefgen.kit.final_words import WHOLE
from prefgen.kit.gather import gather_settled
from prefgen.kit.ratings import check_scale, copy_comparisons, not_applicable_scores
from prefgen.kit.swap import both_orders
from prefgen.plugins.decorators import judge
from prefgen.roles import Ask, Verdict
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Comparison, Prompt, Reply, Response, Score

LISTWISE_INPUTS = ("generations", "responses")
POINTWISE_INPUTS = ("generation", "response")
RATING_OUTPUTS = ("ratings", "scores", "result", "score")
RATIONALE_OUTPUTS = ("rationales", "rationale", "feedback", "reason")


@judge("distilabel")
class DistilabelJudge(DistilabelTask):
    """Ratings of the task, on `scale`."""

    known_outputs = RATING_OUTPUTS
    cost = (
        "what the task asks: UltraFeedback 1 request a prompt, PrometheusEval n, or n (n - 1) with `mode: "
        "relative` (n answers)"
    )

    scale: tuple[float, float] = Field(
        default=(1.0, 5.0), description="Between which numbers the task rates."
    )
    aspect: str | None = Field(
        default=None, description="What is rated. Default: the task's own aspect or rubric."
    )
    seed: int = Field(
        default=0, description="Seed of the order in which answers are shown, and of what the task draws."
    )

    def validate(self) -> None:
        super().validate()
        check_scale(self.scale)
        task = self.build_task()
        if not set(LISTWISE_INPUTS + POINTWISE_INPUTS) & set(task.inputs):
            raise RecipeError(
                f"task {self.task} takes no answers (its inputs: {', '.join(task.inputs)}), so that it "
                "cannot judge any"
            )

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        task = self.build_task()
        column = self.task_output()
        aspect = self.aspect or getattr(task, "aspect", None) or getattr(task, "rubric", None) or "overall"
        text_groups = group_by_text(sorted(responses, key=lambda r: r.id))
        candidates = [group[0] for group in text_groups]  # equal texts are asked about once
        ask.rng(f"order/{self.seed}").shuffle(candidates)
        if getattr(task, "mode", None) == "relative":
            if len(candidates) < 2:
                return not_applicable_scores(
                    (r.id for r in responses), aspect, (0, 1), "nothing to compare with"
                )
            pairs = [pair for a, b in combinations(candidates, 2) for pair in ((a, b), (b, a))]
            verdicts = await gather_settled(
                self._compare(prompt, pair, order % 2, aspect, task, column, ask)
                for order, pair in enumerate(pairs)
            )
            verdicts = both_orders(verdicts)
            return [*verdicts, *copy_comparisons(verdicts, text_groups, aspect)]
        groups = [candidates] if set(LISTWISE_INPUTS) & set(task.inputs) else [[r] for r in candidates]
        parts = await gather_settled(self._rate(prompt, group, aspect, task, column, ask) for group in groups)
        verdicts = [v for part in parts for v in ([part] if isinstance(part, ReplyError) else part)]
        scores = [v for v in verdicts if isinstance(v, Score)]
        copies = [
            s.replacing(response_id=t.id)
            for group in text_groups
            for t in group[1:]
            for s in scores
            if s.response_id == group[0].id
        ]
        return [*verdicts, *copies]

    async def _rate(
        self, prompt: Prompt, responses: Sequence[Response], aspect: str, task: Any, column: str, ask: Ask
    ) -> list[Score | ReplyError]:
        [output], replies = await self.run(self._row(prompt, responses, task), ask, self.seed)
        values = output.get(column)
        values = values if isinstance(values, list) else [values]
        if len(values) != len(responses) or (len(responses) > 1 and None in values):
            return [self.unreadable_reply(replies, f"{len(responses)} ratings (it found {values})")]
        if values != [None] and not self._is_certain(replies, values):
            return [
                self.unreadable_reply(replies, f"ratings in the form that it asks for (it found {values})")
            ]
        reasons = next((output[name] for name in RATIONALE_OUTPUTS if output.get(name)), None)
        reasons = (
            reasons
            if isinstance(reasons, list) and len(reasons) == len(responses)
            else [reasons] * len(responses)
        )
        return [
            self._score(response, value, reason, position, aspect, replies)
            for position, (response, value, reason) in enumerate(zip(responses, values, reasons, strict=True))
        ]

    def _score(
        self,
        response: Response,
        value: Any,
        reason: Any,
        position: int,
        aspect: str,
        replies: Sequence[Reply | ReplyError],
    ) -> Score | ReplyError:
        low, high = self.scale
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            return self.unreadable_reply(
                replies, f"rating within {low:g} to {high:g} of text {position + 1} (it found {value!r})"
            )
        rationale = reason if isinstance(reason, str) and reason else None
        return Score(
            response_id=response.id,
            aspect=aspect,
            value=value,
            scale=self.scale,
            rationale=rationale,
            order=position,
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
        [output], replies = await self.run(self._row(prompt, pair, task), ask, self.seed)
        if output.get(column) not in ("A", "B"):
            raise self.unreadable_reply(replies, f"A or B (it found {output.get(column)!r})")
        if not self._is_certain(replies, [output[column]]):
            raise self.unreadable_reply(replies, f"a certain verdict (it found {output[column]})")
        reason = next((output[name] for name in RATIONALE_OUTPUTS if isinstance(output.get(name), str)), None)
        probability = 1.0 if output[column] == "A" else 0.0
        return Comparison(
            first_id=pair[0].id,
            second_id=pair[1].id,
            probability=probability,
            aspect=aspect,
            rationale=reason,
            sample=order,
            method="votes",
        )

    def _is_certain(self, replies: Sequence[Reply | ReplyError], values: Sequence[Any]) -> bool:
        """Whether the one reply that was read is whole, and certainly says that."""
        whole = [reply for reply in replies if isinstance(reply, Reply) and reply.finish_reason in WHOLE]
        return len(whole) == len(replies) == 1 and has_form(self.task, whole[0].text, values, self.scale)

    def _row(self, prompt: Prompt, responses: Sequence[Response], task: Any) -> Mapping[str, Any]:
        texts: dict[str, Any] = {
            name: [r.text for r in responses] for name in LISTWISE_INPUTS if name in task.inputs
        }
        return row_of(prompt, self.columns) | (
            texts or {name: responses[0].text for name in POINTWISE_INPUTS if name in task.inputs}
        )
