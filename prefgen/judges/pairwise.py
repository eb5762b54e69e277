"""Compare answers two at a time, by the probability of a label (RLAIF, arXiv 2309.00267, section 2;
Constitutional AI, arXiv 2212.08073, section 4).

Each comparison is asked in both orders; each order is a row of its own, and whoever uses them takes the mean,
so that a judge that only likes what stands first says 0.5. Where one order is lost, the other does not count.
The probability is that of one label against the other. Servers without log-probabilities are asked for
several verdicts, which are counted; the row says `votes` then. With `reasoning` the model first writes what
speaks for each text, and the label follows: such probabilities are nearly 0 or 1 and are clamped to 0.4 and
0.6, as in Constitutional AI (RLAIF does not clamp). With a constitution, `principles` of its principles are
drawn for each comparison, and their probabilities are averaged. Where the constitution has groups, each group
is asked for itself, and its comparisons are an aspect of their own: a recipe says by which it pairs (`score:
values.care`), and nothing merges them unasked.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import chain, combinations
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from prefgen.errors import RecipeError, ReplyError
from prefgen.kit.constitutions import Principle, draw_principles, load_constitution
from prefgen.kit.gather import gather_settled
from prefgen.kit.judge_prompt import judge_messages, text_for_judge
from prefgen.kit.labels import LabelJudge
from prefgen.kit.ratings import (
    copy_comparisons,
    not_applicable_scores,
)
from prefgen.kit.swap import SWAP_RENAMED, OneOrder, Swap, both_orders, with_orders
from prefgen.kit.templates import render
from prefgen.kit.tournaments import ResponsePair, Tournament
from prefgen.plugins.decorators import judge
from prefgen.roles import Ask, Verdict
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Comparison, Message, Prompt, Response, assistant, user


@judge("pairwise")
class Pairwise(LabelJudge):
    """Which of two answers is better, as a probability; for all pairs of a prompt, or in a tournament."""

    cost = (
        "n (n - 1) labels a prompt with n answers, half of that with `swap: false`; twice as many requests "
        "with `reasoning`; fewer with a tournament; times the groups of a plural constitution"
    )
    renamed_fields: ClassVar[Mapping[str, str]] = SWAP_RENAMED
    later_fields = (*LabelJudge.later_fields, "one_order", "solve_first")
    texts = ("judges/judge_system.j2", "judges/pairwise.j2", "judges/pairwise_label.j2")

    model: str = Field(description="The judging model, by its name under `models`.")
    labels: tuple[str, str] = Field(
        default=("A", "B"), description="Two labels, each of them one token of the model (RLAIF: 1 and 2)."
    )
    swap: Swap = Field(default=True, description="Ask in both orders (RLAIF); else in one that is drawn.")
    one_order: OneOrder = Field(
        default="drop",
        description="With `swap`, a comparison of which one order was lost: it does not count, or is a tie.",
    )
    preamble: Literal["base", "detailed"] = Field(
        default="base", description="How the criterion is put: in a word, or spelled out (RLAIF: both)."
    )
    instruction: str | None = Field(
        default=None,
        description="The criterion in one's own words, instead of the preamble: which reply is ... (OAIF).",
    )
    reasoning: bool = Field(default=False, description="Let the model reason before the label.")
    reasoning_tokens: int = Field(
        default=512, ge=16, description="Most tokens of the reasoning, at temperature 0 (RLAIF: 512)."
    )
    solve_first: bool = Field(
        default=False,
        description=(
            "Let the judge answer the request itself before it sees the texts, where there is one right "
            "answer: one more request a prompt."
        ),
    )
    clamp: tuple[float, float] | Literal["auto"] | None = Field(
        default="auto",
        description=(
            "Bounds of the probability. auto: 0.4 to 0.6 with reasoning (Constitutional AI), none without."
        ),
    )
    constitution: str | None = Field(
        default=None, description="A constitution whose principles' `comparison` wording is judged by."
    )
    group: str | None = Field(
        default=None,
        description="One group of a constitution that has several. Default: each for itself, as an aspect.",
    )
    principles: int = Field(
        default=1,
        ge=1,
        description=(
            "Principles that are drawn for each comparison and averaged over (Constitutional AI: 1 of 16)."
        ),
    )
    exemplars: tuple[Mapping[str, str], ...] = Field(
        default=(),
        description=(
            "Solved examples: request, first, second, better (first or second) and, if wanted, reasoning."
        ),
    )
    schedule: Literal["all", "swiss", "knockout"] = Field(
        default="all", description="All pairs of a prompt's answers, or a tournament for many answers."
    )
    rounds: int | None = Field(
        default=None,
        ge=1,
        description="Rounds of a swiss tournament; default: as many as a knockout would have.",
    )
    seed: int = Field(default=0, description="Seed of the draws: order, principles, tournament.")

    def validate(self) -> None:
        for group in self._groups() if self.constitution else ():
            draw_principles(self.constitution or "", "comparison", self.principles, self.seed, group=group)
        if self.separate_aspects() and self.schedule != "all":
            raise RecipeError(
                f"constitution {self.constitution!r} has several groups, and a tournament needs one "
                "ranking: give `group`"
            )

    def _groups(self) -> tuple[str | None, ...]:
        groups = (
            load_constitution(self.constitution).groups if self.constitution and self.group is None else ()
        )
        return groups or (self.group,)

    def separate_aspects(self) -> tuple[str, ...]:
        return tuple(group for group in self._groups() if group) if len(self._groups()) > 1 else ()

    @model_validator(mode="after")
    def _check_options(self) -> "Pairwise":
        if self.labels[0].casefold() == self.labels[1].casefold() or not all(
            label.strip() for label in self.labels
        ):
            raise ValueError(f"labels must be two different words, found {self.labels!r}")
        if isinstance(self.clamp, tuple) and not 0 <= self.clamp[0] < self.clamp[1] <= 1:
            raise ValueError(
                f"clamp must be two numbers within 0 to 1, the lower first; found {self.clamp!r}"
            )
        if self.principles > 1 and not self.constitution:
            raise ValueError("principles are drawn from a constitution, and none is given")
        if self.group and not self.constitution:
            raise ValueError("a group is one of a constitution, and none is given")
        if self.instruction and self.constitution:
            raise ValueError("give either an instruction or a constitution to judge by, not both")
        if self.rounds and self.schedule != "swiss":
            raise ValueError("rounds are those of a swiss tournament")
        for number, example in enumerate(self.exemplars, 1):
            check_exemplar(example, number)
        return self

    def identity_values(self) -> dict[str, Any]:
        return with_orders(super().identity_values(), self.swap)

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        if len(responses) < 2:
            return not_applicable_scores(
                (r.id for r in responses), "preference", (0, 1), "nothing to compare with"
            )
        text_groups = group_by_text(sorted(responses, key=lambda r: r.id))
        entrants = [group[0] for group in text_groups]  # equal texts compete once
        ask.rng(f"pairwise/{self.seed}").shuffle(entrants)
        verdicts = await self._tournament(prompt, entrants, ask)
        aspects = [group or "preference" for group in self._groups()]
        copies = [copy_comparisons(verdicts, text_groups, aspect) for aspect in aspects]
        return [*verdicts, *chain.from_iterable(copies)]

    async def _tournament(
        self, prompt: Prompt, entrants: Sequence[Response], ask: Ask
    ) -> list[Verdict | ReplyError]:
        if self.schedule == "all":
            return await self._round(prompt, list(combinations(entrants, 2)), ask)
        knockout = self.schedule == "knockout"
        tournament = Tournament(entrants, knockout=knockout, rounds=None if knockout else self.rounds)
        all_verdicts: list[Verdict | ReplyError] = []
        while pairs := tournament.next_round():
            verdicts = await self._round(prompt, pairs, ask)
            all_verdicts += verdicts
            tournament.end_round(pairs, [v for v in verdicts if isinstance(v, Comparison)])
        return all_verdicts

    async def _round(
        self, prompt: Prompt, pairs: Sequence[ResponsePair], ask: Ask
    ) -> list[Verdict | ReplyError]:
        groups = self._groups()
        outcomes = await gather_settled(
            self._compare(prompt, pair, order, group, ask)
            for a, b in pairs
            for order, pair in enumerate(((a, b), (b, a))[: 2 if self.swap else 1])
            for group in groups
        )
        return [*both_orders(outcomes, self.one_order, distance=len(groups))] if self.swap else [*outcomes]

    async def _compare(
        self, prompt: Prompt, pair: ResponsePair, order: int, group: str | None, ask: Ask
    ) -> Comparison:
        principles: list[Principle | None] = [None]
        if self.constitution:
            both = "/".join(sorted(r.id for r in pair))  # the same principles in both orders
            drawn_for = (self.principles, self.seed, prompt.id, both)
            principles = [*draw_principles(self.constitution, "comparison", *drawn_for, group=group)]
        readings = [await self._probability(prompt, pair, principle, ask) for principle in principles]
        return Comparison(
            first_id=pair[0].id,
            second_id=pair[1].id,
            probability=math.fsum(p for p, _, _ in readings) / len(readings),
            aspect=group or "preference",
            principle_id=",".join(p.id for p in principles if p) or None,
            rationale="\n\n".join(reasoning for _, reasoning, _ in readings if reasoning) or None,
            sample=order,
            method=readings[0][2],
        )

    async def _probability(
        self, prompt: Prompt, pair: ResponsePair, principle: Principle | None, ask: Ask
    ) -> tuple[float, str, str]:
        """(probability that the first shown is better, reasoning, how it was read)."""
        messages: list[Message] = judge_messages(
            "judges/pairwise.j2",
            prompt,
            texts=[text_for_judge(r) for r in pair],
            labels=self.labels,
            preamble=self.preamble,
            instruction=self.instruction,
            principle=principle.comparison if principle else None,
            exemplars=[{"reasoning": "", **example} for example in self.exemplars],
            reasoning=self.reasoning,
            references=() if principle else prompt.references,
            own_answer=await self._own_answer(prompt, ask) if self.solve_first else None,
        )
        reasoning = ""
        if self.reasoning:
            reply = await ask(
                self.model, messages, temperature=self.temperature, max_tokens=self.reasoning_tokens
            )
            reasoning = reply.text
            messages = [
                *messages,
                assistant(reasoning),
                user(render("judges/pairwise_label.j2", labels=self.labels, principle=principle is not None)),
            ]
        odds, method = await self.label_probabilities(ask, self.model, messages, self.labels)
        return self.clamp_probability(odds[0]), reasoning, method

    async def _own_answer(self, prompt: Prompt, ask: Ask) -> str:
        reply = await ask(
            self.model, prompt.messages, temperature=self.temperature, max_tokens=self.reasoning_tokens
        )
        return reply.text

    def clamp_probability(self, probability: float) -> float:
        """The probability within `clamp`."""
        bounds = ((0.4, 0.6) if self.reasoning else None) if self.clamp == "auto" else self.clamp
        return probability if bounds is None else min(max(probability, bounds[0]), bounds[1])


def check_exemplar(example: Mapping[str, str], number: int) -> None:
    """Raises ValueError unless a solved example has all that is shown of it."""
    fields = set(example) - {"reasoning"}
    if fields != {"request", "first", "second", "better"} or example["better"] not in ("first", "second"):
        raise ValueError(
            f"exemplar {number} must have request, first, second, better (first or second), and if wanted "
            "reasoning"
        )
