"""What every pairer shares: which responses may be paired, their scores, and the policy for ties and margins."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from prefgen.calibration import read_calibration
from prefgen.plugins import Plugin
from prefgen.scoring import ScoreSpec, probability_of, scores_of
from prefgen.templates import beside_recipe
from prefgen.types import Pair, Record, Response

TIE_TOLERANCE = 1e-9
"""Two means of the same ratings may differ by rounding; scores closer than this are equal."""


class Scored(Plugin):
    """The fields of pairers that go by scores."""

    score: ScoreSpec = Field(ScoreSpec(), description="A judge, judge.aspect, or {mean, weights, veto}. Default: the mean of all judges.")
    min_margin: float = Field(0.0, ge=0, description="Least difference of the scores, on their scale.")
    ties: Literal["drop", "keep"] = Field("drop", description="keep: equal scores make a pair that is marked as a tie, with weight 0.5.")
    length_cut: Literal["drop", "keep"] = Field("drop", description="Whether a response that the token limit cut may be paired.")
    labels: Literal["soft", "hard"] = Field(
        "soft", description="soft: comparisons of the two give the pair's chosen_probability; hard: it has none."
    )
    calibration: str | None = Field(None, description="A file of `prefgen calibrate`: the pair's margin then gives its chosen_probability.")

    files = ("calibration",)

    def ready(self) -> None:
        if self.calibration is not None:
            read_calibration(beside_recipe(self.calibration), self.calibration)

    def labelled(self, pairs: Sequence[Pair], record: Record) -> Sequence[Pair]:
        """The pairs with their probability, as `labels` and `calibration` say."""
        if self.calibration is None or self.labels == "hard":
            return labelled(pairs, record, self.score, self.labels)
        curve = read_calibration(beside_recipe(self.calibration), self.calibration)
        return [pair if pair.margin is None else pair.replacing(chosen_probability=curve.probability(pair.margin)) for pair in pairs]


class Ranked(NamedTuple):
    """A response and its score."""

    response: Response
    score: float


def pairable(record: Record, length_cut: Literal["drop", "keep"]) -> list[Response]:
    """Responses that are not flagged, not empty and (unless kept) not cut by the token limit."""
    flagged = record.flagged()
    if record.prompt.id in flagged:
        return []
    return [
        r
        for r in record.responses
        if r.id not in flagged and (length_cut == "keep" or r.finish_reason != "length") and not r.text.isspace() and r.text
    ]


def ranked_responses(record: Record, spec: ScoreSpec, *, length_cut: Literal["drop", "keep"]) -> list[Ranked]:
    """Pairable responses with a score, best first; equals by id."""
    scores = scores_of(record, spec)
    found = [Ranked(r, scores[r.id]) for r in pairable(record, length_cut) if r.id in scores]
    return sorted(found, key=lambda item: (-item.score, item.response.id))


def same_text(first: Response, second: Response) -> bool:
    """Whether two responses are equal after normalising white space and case."""
    starts = [[word.casefold() for word in response.text.split(None, 8)[:8]] for response in (first, second)]
    if starts[0] != starts[1]:
        return False
    return " ".join(first.text.split()).casefold() == " ".join(second.text.split()).casefold()


def make_pair(rule: str, better: Ranked, worse: Ranked, min_margin: float, ties: Literal["drop", "keep"]) -> Sequence[Pair]:
    """The pair, or nothing: for equal texts, for a margin that is too small, and for ties unless they are kept."""
    tie = better.score - worse.score <= TIE_TOLERANCE
    low = better.score if tie else worse.score  # two that differ by rounding are equal
    margin = better.score - low
    if same_text(better.response, worse.response) or better.response.id == worse.response.id:
        return ()
    if (tie and ties == "drop") or (not tie and margin < min_margin):
        return ()
    return (
        Pair(
            chosen_id=better.response.id,
            rejected_id=worse.response.id,
            rule=rule,
            chosen_score=better.score,
            rejected_score=low,
            margin=margin,
            tie=tie,
            weight=0.5 if tie else 1.0,
        ),
    )


def labelled(pairs: Sequence[Pair], record: Record, spec: ScoreSpec, labels: Literal["soft", "hard"]) -> Sequence[Pair]:
    """The pairs with the probability that comparisons of the judges in `spec` (or of all) give them, where labels are soft."""
    if labels == "hard" or not record.comparisons:
        return pairs
    judges = spec.judges()
    comparisons = [c for c in record.comparisons if not judges or c.judge in judges]
    return [pair.replacing(chosen_probability=probability_of(comparisons, pair.chosen_id, pair.rejected_id)) for pair in pairs]


def why_no_pair(record: Record, spec: ScoreSpec, *, min_margin: float, length_cut: Literal["drop", "keep"], least: int = 2) -> str:
    """One of a closed list of reasons, for the yield table."""
    if not record.responses:
        return "no_responses"
    usable = pairable(record, length_cut)
    if len(usable) < 2:
        return "flagged" if record.flagged() else "too_few_responses"
    ranked = ranked_responses(record, spec, length_cut=length_cut)
    if len(ranked) < least:
        return "too_few_scored"
    margin = ranked[0].score - ranked[-1].score
    if margin <= TIE_TOLERANCE:
        return "tie"
    return "margin" if margin < min_margin else "same_text"
