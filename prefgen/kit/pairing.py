"""What every pairer shares: which responses may be paired, their scores, and the policy for ties and
margins.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from prefgen.kit.pair_probabilities import (
    DISAGREEMENT_FIELD,
    Disagreement,
    add_comparison_probabilities,
    agrees,
    without_disagreement,
)
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.plugin import Plugin
from prefgen.stats.calibration import read_calibration
from prefgen.stats.orders import KnownOrders
from prefgen.stats.scoring import TIE_TOLERANCE, ScoreSpec, scores_of
from prefgen.text.normalize import normalize, same_text
from prefgen.types import Pair, Record, Response


class ScorePairer(Plugin):
    """The fields of pairers that go by scores."""

    renamed_fields: ClassVar[Mapping[str, str]] = {"truncated": "length_cut"}

    score: ScoreSpec = Field(
        default=ScoreSpec(),
        description="A judge, judge.aspect, or {mean, weights, veto}. Default: the mean of all judges.",
    )
    min_margin: float = Field(
        default=0.0, ge=0, description="Least difference of the scores, on their scale."
    )
    ties: Literal["drop", "keep"] = Field(
        default="drop", description="keep: equal scores make a pair that is marked as a tie, with weight 0.5."
    )
    truncated: Literal["drop", "keep"] = Field(
        default="drop", description="Whether a response that the token limit cut may be paired."
    )
    labels: Literal["soft", "hard"] = Field(
        default="soft",
        description="soft: comparisons of the two give the pair's chosen_probability; hard: it has none.",
    )
    calibration: str | None = Field(
        default=None,
        description="A file of `prefgen calibrate`: the pair's margin then gives its chosen_probability.",
    )

    disagreement: Disagreement = DISAGREEMENT_FIELD

    file_fields = ("calibration",)
    later_fields = ("disagreement",)

    def validate(self) -> None:
        if self.calibration is not None:
            read_calibration(path_beside_recipe(self.calibration), self.calibration)

    def rank_responses(self, record: Record) -> "list[ScoredResponse]":
        """Pairable responses with a score, best first; equals by id."""
        scores = scores_of(record, self.score)
        candidates = [
            ScoredResponse(r, scores[r.id])
            for r in list_pairable_responses(record, self.truncated)
            if r.id in scores
        ]
        return sorted(candidates, key=lambda item: (-item.score, item.response.id))

    def make_pairs(
        self, record: Record, candidates: Iterable[tuple["ScoredResponse", "ScoredResponse"]]
    ) -> tuple[Pair, ...]:
        """The pairs of these (better, worse) that may be made: `make_pair` of those whose order is known."""
        orders = KnownOrders(record, self.score)
        return tuple(
            pair
            for better, worse in candidates
            if orders.knows(better.response.id, worse.response.id)
            for pair in make_pair(self.name, better, worse, self.min_margin, self.ties)
        )

    def fewest(self) -> int:
        """The least number of responses with a score that make a pair."""
        return 2

    def explain(self, record: Record) -> str:
        """Why there is no pair: one of a closed list of reasons, for the yield table."""
        if not record.responses:
            return "no_responses"
        usable = list_pairable_responses(record, self.truncated)
        if len(usable) < 2:
            return "flagged" if record.flagged() else "too_few_responses"
        ranked = self.rank_responses(record)
        if len(ranked) < self.fewest():
            return "too_few_scored"
        undisputed: Any = self.model_copy(update={"disagreement": "keep"})
        if undisputed.pair(record, Random(0)):
            return "disagreement"
        best, worst = ranked[0], ranked[-1]
        if not KnownOrders(record, self.score).knows(best.response.id, worst.response.id):
            return "too_few_scored"  # for want of a comparison, however near their scores are
        margin = best.score - worst.score
        if margin <= TIE_TOLERANCE:
            return "tie"
        return "margin" if margin < self.min_margin else "same_text"

    def add_probabilities(self, pairs: Sequence[Pair], record: Record) -> Sequence[Pair]:
        """The pairs with their probability, as `labels`, `calibration` and `disagreement` say."""
        with_comparisons = add_comparison_probabilities(pairs, record, self.score, "soft")
        agreed = without_disagreement(with_comparisons, self.disagreement)
        if self.labels == "hard":
            return [pair.replacing(chosen_probability=None) for pair in agreed]
        if self.calibration is None:
            return agreed
        disputed = {(p.chosen_id, p.rejected_id) for p in with_comparisons if not agrees(p)}
        curve = read_calibration(path_beside_recipe(self.calibration), self.calibration)
        calibrated = [
            pair
            if pair.margin is None or (pair.chosen_id, pair.rejected_id) in disputed
            else pair.replacing(chosen_probability=curve.probability(pair.margin))
            for pair in agreed
        ]
        return without_disagreement(calibrated, self.disagreement)


class OriginPairer(Plugin):
    """The fields of pairers that go by where responses come from, and look at a score only if they are given
    one.
    """

    renamed_fields: ClassVar[Mapping[str, str]] = {"truncated": "length_cut"}

    score: ScoreSpec | None = Field(
        default=None,
        description="A score by which the chosen side must be better; default: none is looked at.",
    )
    min_margin: float = Field(default=0.0, ge=0, description="Least difference of that score.")
    truncated: Literal["drop", "keep"] = Field(
        default="drop", description="Whether a response that the token limit cut may be paired."
    )
    disagreement: Disagreement = DISAGREEMENT_FIELD
    later_fields = ("disagreement",)

    def build_pairs(
        self, record: Record, candidates: Iterable[tuple[Response, Response]], *, limit: int | None = None
    ) -> Sequence[Pair]:
        """A pair of each (chosen, rejected) whose texts differ and whose score does not speak against it;
        their weights add up to 1.
        """
        scores = scores_of(record, self.score) if self.score else {}
        spec = self.score or ScoreSpec()
        orders = KnownOrders(record, self.score) if self.score else None
        candidate_pairs = (
            pair
            for chosen, rejected in without_equal_pairs(candidates)
            if orders is None or orders.knows(chosen.id, rejected.id)
            for made in self._pair(chosen, rejected, scores)
            for pair in without_disagreement(
                add_comparison_probabilities([made], record, spec, "soft"), self.disagreement
            )
        )
        pairs = list(islice(candidate_pairs, limit))
        return [pair.replacing(weight=1 / len(pairs)) for pair in pairs]

    def explain_candidates(self, record: Record, candidates: Sequence[tuple[Response, Response]]) -> str:
        """Why none of these (chosen, rejected) became a pair."""
        differing = [pair for pair in candidates if answers_differ(*pair)]
        if not differing:
            return "same_text"
        undisputed = self.model_copy(update={"disagreement": "keep"})
        if undisputed.build_pairs(record, differing):
            return "disagreement"
        scores = scores_of(record, self.score) if self.score else {}
        orders = KnownOrders(record, self.score or ScoreSpec())
        if not any(
            chosen.id in scores and rejected.id in scores and orders.knows(chosen.id, rejected.id)
            for chosen, rejected in differing
        ):
            return "too_few_scored"
        return "margin"

    def _pair(self, chosen: Response, rejected: Response, scores: Mapping[str, float]) -> Sequence[Pair]:
        if not answers_differ(chosen, rejected):
            return ()
        if self.score is None:
            return (Pair(chosen_id=chosen.id, rejected_id=rejected.id, rule=self.name),)
        chosen_score, rejected_score = scores.get(chosen.id), scores.get(rejected.id)
        if chosen_score is None or rejected_score is None or chosen_score < rejected_score:
            return ()
        return make_pair(
            self.name,
            ScoredResponse(chosen, chosen_score),
            ScoredResponse(rejected, rejected_score),
            self.min_margin,
            "drop",
        )


def answers_differ(first: Response, second: Response) -> bool:
    """Whether two responses can be the two sides of a pair."""
    return first.id != second.id and not same_text(first.text, second.text)


def answer_key(response: Response) -> Hashable:
    """Equal for responses that are one answer: the same text in normal form, the same turns and calls
    before it.
    """
    return normalize(response.text), response.messages[:-1], response.messages[-1].tool_calls


def without_equal_pairs(
    candidates: Iterable[tuple[Response, Response]],
) -> Iterator[tuple[Response, Response]]:
    """The pairs without those whose two answers are those of a pair before."""
    seen: set[tuple[Hashable, Hashable]] = set()
    for chosen, rejected in candidates:
        key = answer_key(chosen), answer_key(rejected)
        if key not in seen:
            seen.add(key)
            yield chosen, rejected


class ScoredResponse(NamedTuple):
    """A response and its score."""

    response: Response
    score: float


def list_pairable_responses(record: Record, truncated: Literal["drop", "keep"]) -> list[Response]:
    """Responses that are not flagged, not empty and (unless kept) not cut by the token limit."""
    flagged = record.flagged()
    if record.prompt.id in flagged:
        return []
    return [
        r
        for r in record.responses
        if r.id not in flagged
        and (truncated == "keep" or r.finish_reason != "length")
        and not r.text.isspace()
        and r.text
    ]


def make_pair(
    rule: str, better: ScoredResponse, worse: ScoredResponse, min_margin: float, ties: Literal["drop", "keep"]
) -> Sequence[Pair]:
    """The pair, or nothing: for equal texts, for a margin that is too small, and for ties unless they are
    kept.
    """
    tie = better.score - worse.score <= TIE_TOLERANCE
    rejected_score = better.score if tie else worse.score  # two that differ by rounding are equal
    margin = better.score - rejected_score
    if not answers_differ(better.response, worse.response):
        return ()
    if (tie and ties == "drop") or (not tie and margin < min_margin):
        return ()
    return (
        Pair(
            chosen_id=better.response.id,
            rejected_id=worse.response.id,
            rule=rule,
            chosen_score=better.score,
            rejected_score=rejected_score,
            margin=margin,
            tie=tie,
            weight=0.5 if tie else 1.0,
        ),
    )
