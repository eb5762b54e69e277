"""Rate every answer on UltraFeedback's four aspects (Cui et al., arXiv 2310.01377, section 2.2 and appendix).

Instruction following, honesty (may be N/A), truthfulness (with reference answers when the prompt has them)
and helpfulness, each from 1 to 5 with anchored levels. Listwise shows all answers at once in an order that is
drawn anew for each aspect, so that no answer stands first in all of them; `swap: true` also asks for the
reverse order, and both must be read. A reply is read by its JSON schema or as text; each rating is joined to
its answer by its label. A rating or a critique that cannot be read is lost alone. `critique` adds feedback
and the score `overall`, from 1 to 10, which is no part of the judge's mean: an answer that lost all its
aspects has none either, since nothing is left to check it by.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar, Literal

from pydantic import Field

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.kit.aspect_replies import (
    CRITIQUE_SCHEMA,
    OVERALL_SCALE,
    TOP_OVERALL,
    blocks_schema,
    read_critique,
    read_ratings,
)
from prefgen.kit.gather import gather, gather_settled
from prefgen.kit.judge_prompt import conversation_for_judge, material_message, text_for_judge
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import ONE_TO_FIVE, copy_to_equal_texts
from prefgen.kit.replies import ask_and_parse
from prefgen.kit.swap import SWAP_RENAMED, Swap, with_orders
from prefgen.kit.templates import render, render_once
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Critique, Message, Prompt, Response, Score, assistant, system, user

AspectName = Literal["instruction_following", "honesty", "truthfulness", "helpfulness"]


@judge("ultrafeedback")
class UltraFeedback(Plugin):
    """Four aspects, 1 to 5. Paper: listwise, one random order, temperature 0, top_p 0.6."""

    cost = (
        "4 requests a prompt listwise, 4n pointwise, 1 with `calls: one`; twice that with `swap: true`; n "
        "more with `critique` (n answers)"
    )
    renamed_fields: ClassVar[Mapping[str, str]] = SWAP_RENAMED
    later_fields = ("high",)
    texts = (
        "judges/ultrafeedback_system.j2",
        "judges/ultrafeedback.j2",
        "judges/ultrafeedback_aspects.j2",
        "judges/ultrafeedback_critique.j2",
        "judges/ultrafeedback_doubt.j2",
    )

    model: str = Field(description="The judging model, by its name under `models`.")
    aspects: tuple[AspectName, ...] = Field(
        default=("instruction_following", "honesty", "truthfulness", "helpfulness"),
        min_length=1,
        description="What is rated.",
    )
    show: Literal["listwise", "pointwise"] = Field(
        default="listwise", description="All answers in one request (paper), or one each."
    )
    calls: Literal["per_aspect", "one"] = Field(
        default="per_aspect", description="A request an aspect (paper), or one for all aspects."
    )
    swap: Swap = Field(
        default=False, description="Also ask with the order reversed; ratings are averaged (paper: not)."
    )
    seed: int = Field(default=0, description="Seed of the order in which answers are shown.")
    top_p: float | None = Field(default=0.6, gt=0, le=1, description="Nucleus of the judge (paper: 0.6).")
    temperature: float | None = Field(default=0.0, ge=0, description="Temperature of the judge (paper: 0).")
    critique: bool = Field(
        default=False,
        description="Also ask for feedback and an overall rating of 1 to 10 on each answer (paper: yes).",
    )
    low: float = Field(
        default=2.0,
        description="An overall 10 with an aspect mean at or below this is a 1 (paper's repair: 2).",
    )
    high: float = Field(
        default=4.0,
        description="An overall 10 with a mean above that and up to this is asked again (paper's repair: 4).",
    )
    schema_reply: bool = Field(default=True, description="Ask for JSON by schema; false asks for text.")

    def identity_values(self) -> dict[str, Any]:
        return with_orders(super().identity_values(), self.swap)

    def rated_scales(self) -> Mapping[str, tuple[float, float]]:
        overall = {"overall": OVERALL_SCALE} if self.critique else {}
        return {**dict.fromkeys(self.aspects, ONE_TO_FIVE), **overall}

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        text_groups = group_by_text(sorted(responses, key=lambda r: r.id))
        unique_responses = [group[0] for group in text_groups]
        parts = await gather(
            self._rate_bundle(prompt, responses, unique_responses, bundle, ask) for bundle in self._bundles()
        )
        verdicts: list[Verdict | ReplyError] = list(chain.from_iterable(parts))
        if self.show == "pointwise":  # equal texts are asked about once
            verdicts = copy_to_equal_texts(verdicts, text_groups)
        if self.critique:
            scores = [v for v in verdicts if isinstance(v, Score)]
            critiques = await gather_settled(self._critique(prompt, r, scores, ask) for r in unique_responses)
            verdicts += copy_to_equal_texts(
                [v for part in critiques for v in ([part] if isinstance(part, ReplyError) else part)],
                text_groups,
            )
        return verdicts

    def _bundles(self) -> list[tuple[AspectName, ...]]:
        """The aspects that are rated in one request."""
        return [(aspect,) for aspect in self.aspects] if self.calls == "per_aspect" else [self.aspects]

    async def _rate_bundle(
        self, prompt: Prompt, responses: Sequence[Response], unique_responses: Sequence[Response],
        bundle: tuple[AspectName, ...], ask: Ask,
    ) -> list[Score | ReplyError]:  # fmt: skip
        """The ratings of one bundle. What cannot be read is lost alone; of two orders both are needed."""
        if self.show == "pointwise":
            outcomes = await gather_settled(self._rate(prompt, [r], bundle, ask, 0) for r in unique_responses)
        else:
            orders = self._orders(responses, bundle, ask)
            outcomes = await gather_settled(
                self._rate(prompt, order, bundle, ask, number) for number, order in enumerate(orders)
            )
            if errors := [outcome for outcome in outcomes if isinstance(outcome, ReplyError)]:
                return [*errors]
        verdicts = [s for part in outcomes for s in ([part] if isinstance(part, ReplyError) else part)]
        if self.show == "pointwise" or len(outcomes) == 1:
            return verdicts
        times = Counter((v.response_id, v.aspect) for v in verdicts if isinstance(v, Score))
        return [
            v
            for v in verdicts
            if isinstance(v, ReplyError) or times[v.response_id, v.aspect] == len(outcomes)
        ]

    def _orders(self, responses: Sequence[Response], bundle: Sequence[str], ask: Ask) -> list[list[Response]]:
        """The orders to ask in, drawn anew for each bundle; the other one too where that shows anything
        else.
        """
        shuffled = sorted(responses, key=lambda r: r.id)
        ask.rng(f"order/{self.seed}/{'+'.join(bundle)}").shuffle(shuffled)
        texts = [r.text for r in shuffled]
        return [shuffled, shuffled[::-1]] if self.swap and texts != texts[::-1] else [shuffled]

    async def _rate(
        self, prompt: Prompt, responses: Sequence[Response], aspects: Sequence[AspectName], ask: Ask,
        order: int,
    ) -> list[Score | ReplyError]:  # fmt: skip
        messages = self._messages(prompt, responses, aspects)
        schema = blocks_schema(tuple(aspects), len(responses)) if self.schema_reply else None
        count = len(responses)
        ratings, reply = await ask_and_parse(
            ask, self.model, messages, lambda reply: read_ratings(reply, aspects, count),
            part_reader=lambda reply: read_ratings(reply, aspects, count, in_part=True),
            schema=schema, temperature=self.temperature, top_p=self.top_p,
        )  # fmt: skip
        # an `ask` that somebody wrapped may have none; then the stage gives the name
        name = getattr(ask, "name", "")
        return [  # `rating` has checked the values against the scale
            UnreadableReply(str(read), code=read.code, replies=(reply.text,), keys=(reply.key,))
            if isinstance(read, ParseFailure)
            else Score.trusted(
                response_id=r.id,
                aspect=aspect,
                value=read[0],
                scale=ONE_TO_FIVE,
                rationale=read[1] or None,
                judge=name,
                sample=order,
                order=position,
            )
            for position, r in enumerate(responses)
            for aspect, read in ratings[position].items()
        ]

    def _messages(
        self, prompt: Prompt, responses: Sequence[Response], aspects: Sequence[AspectName]
    ) -> list[Message]:
        """What is shared comes first: the same prompt and answers for every aspect, then what this aspect
        asks.
        """
        conversation = conversation_for_judge(prompt)
        texts = [text_for_judge(r) for r in responses]
        body = render("judges/ultrafeedback.j2", conversation=conversation, texts=texts)
        question = render_once(
            "judges/ultrafeedback_aspects.j2",
            aspects=tuple(aspects),
            count=len(responses),
            references=prompt.references if "truthfulness" in aspects else (),
            wrong=prompt.incorrect_references if "truthfulness" in aspects else (),
            as_json=self.schema_reply,
        )
        return [
            system(render_once("judges/ultrafeedback_system.j2")),
            material_message(f"{body}\n\n{question}", prompt),
        ]

    async def _critique(
        self, prompt: Prompt, response: Response, scores: Sequence[Score], ask: Ask
    ) -> list[Critique | Score | ReplyError]:
        """Feedback, and an overall rating where an aspect was rated. One of 10 that the aspects contradict is
        repaired as the paper's authors did: at a mean of `low` or less it is a 1, up to `high` the judge is
        asked again.
        """
        text = render(
            "judges/ultrafeedback_critique.j2",
            conversation=conversation_for_judge(prompt),
            text=text_for_judge(response),
            system_text=response.sampling.get("system"),
        )
        messages = [system(render_once("judges/ultrafeedback_system.j2")), material_message(text, prompt)]
        options: dict[str, Any] = {
            "schema": CRITIQUE_SCHEMA, "temperature": self.temperature, "top_p": self.top_p,
        }  # fmt: skip
        (feedback, overall), reply = await ask_and_parse(ask, self.model, messages, read_critique, **options)
        aspect_scores = [s for s in scores if s.response_id == response.id]
        if not aspect_scores:  # else the judge's mean would be made of what is no part of it
            return [Critique(response_id=response.id, text=feedback)]
        values = [s.value for s in aspect_scores if s.value is not None]
        mean = math.fsum(values) / len(values) if values else None
        if overall == TOP_OVERALL and mean is not None and mean <= self.high:
            if mean <= self.low:
                overall = 1.0
            else:
                doubt = render("judges/ultrafeedback_doubt.j2", mean=f"{mean:.1f}")
                again = [*messages, assistant(reply.text), user(doubt)]
                try:
                    (_, overall), _ = await ask_and_parse(ask, self.model, again, read_critique, **options)
                except ReplyError as error:  # the overall rating is lost, and not what was written
                    return [Critique(response_id=response.id, text=feedback), error]
        return [
            Critique(response_id=response.id, text=f"{feedback}\n\nOverall: {overall:g}/{TOP_OVERALL:g}"),
            Score(response_id=response.id, aspect="overall", value=overall, scale=OVERALL_SCALE),
        ]
