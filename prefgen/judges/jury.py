"""Several judges as one: their scores of an earlier stage by mean, median, Borda count, or by the pairwise
majority and its Bradley-Terry strengths.

For mean and median each judge's scores are first brought to 0 to 1 by its own scale (`unit_values`); the
other ways go by the numbers as they are, however large. A response is judged where at least `quorum` judges
rated it: with fewer it has no score. Answers are compared on the judges that rated all of them. A judge that
compares votes with its comparisons: a pair that it never compared has no vote of it in a majority, and in the
others it rates only answers that it compared with each other. How far the judges disagree (the standard
deviation of their scores) is the score `disagreement`, a column of its own; for Bradley-Terry, an interval
from resampling the judges stands in the rationale.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from random import Random
from typing import Literal

from pydantic import Field, model_validator

from prefgen.kit.ratings import not_applicable_scores
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.stats.scoring import (
    TIE_TOLERANCE,
    bradley_terry,
    judge_scores,
    probability_of,
    ranking_comparisons,
    read_comparisons,
    unit_values,
)
from prefgen.types import Comparison, Flag, Prompt, Record, Response, Score

FIT_RESAMPLES = 200
DISAGREEMENT_SCALE = (0.0, 0.5)
"""Of a standard deviation of numbers from 0 to 1. Another scale than the jury's, so that it is not averaged
in.
"""


@judge("jury")
class Jury(Plugin):
    """A verdict of several judges. Asks no model; stands in a judge stage after theirs."""

    of: tuple[str, ...] = Field(min_length=2, description="The judges, or judge.aspect, of earlier stages.")
    by: Literal["mean", "median", "borda", "majority", "bradley_terry"] = Field(
        default="mean", description="How their verdicts become one."
    )
    weights: Mapping[str, float] = Field(
        default={}, description="mean and majority: weights of judges; 1 where none is given."
    )
    quorum: int | None = Field(
        default=None, ge=1, description="Least number of judges that rated a response; default: all of them."
    )
    veto: Mapping[str, float] = Field(
        default={},
        description=(
            "A response below this on that judge (on its own scale) is flagged: pairers skip it, whatever "
            "the others say."
        ),
    )
    seed: int = Field(default=0, description="bradley_terry: seed of the resampling.")

    def required_judges(self) -> tuple[str, ...]:
        return self.of

    @model_validator(mode="after")
    def _check_judges(self) -> "Jury":
        unknown = [name for name in (*self.weights, *self.veto) if name not in self.of]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of the jury: {', '.join(self.of)}")
        if len(set(self.of)) < len(self.of):
            raise ValueError(f"a judge stands twice in the jury: {', '.join(self.of)}")
        if self.quorum is not None and self.quorum > len(self.of):
            raise ValueError(f"quorum is {self.quorum} and the jury has {len(self.of)} judges")
        if any(not math.isfinite(w) or w <= 0 for w in self.weights.values()):
            raise ValueError("weights must be finite and above 0")
        return self

    def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask, record: Record
    ) -> Sequence[Verdict]:
        compared = {
            name: read_comparisons(comparisons)
            for name in self.of
            if (comparisons := ranking_comparisons(record, name))
        }
        scored = {name: judge_scores(record, name) for name in self.of}
        ballots: Ballots = {name: values for name, (values, _) in scored.items()}
        if self.by != "majority":
            ballots = ballots | {
                name: met_all_others(ballots[name], found) for name, found in compared.items()
            }
        quorum = self.quorum or len(self.of)
        response_ids = [r.id for r in responses]
        rated_ids = [i for i in response_ids if sum(i in ballot for ballot in ballots.values()) >= quorum]
        rated_ids = [i for i in rated_ids if not _is_unseen_by_veto(record, i, self.veto)]
        rated_ids, ballots = comparable(rated_ids, ballots, quorum)
        flags = self._veto_flags(record, response_ids)
        empty_scores = not_applicable_scores(
            (i for i in response_ids if i not in rated_ids),
            "jury",
            (0, 1),
            "fewer judges than the quorum rated it",
        )
        if self.by == "majority":
            comparisons = majority(ballots, rated_ids, self.weights, compared=compared, quorum=quorum)
            compared_ids = {i for c in comparisons for i in (c.first_id, c.second_id)}
            return [
                *flags,
                *comparisons,
                *empty_scores,
                *_uncompared_scores(i for i in rated_ids if i not in compared_ids),
            ]
        if self.by == "bradley_terry":
            return [*flags, *self._strengths(ballots, rated_ids, compared), *empty_scores]
        units = {name: unit_values(ballot, scored[name][1]) for name, ballot in ballots.items()}
        scores = (score for i in rated_ids for score in self._scores(i, ballots, units, rated_ids))
        return [*flags, *scores, *empty_scores]

    def _veto_flags(self, record: Record, response_ids: Sequence[str]) -> list[Flag]:
        return [
            Flag(target_id=i, rule=f"veto:{name}", reason=f"{value:g} is below {least:g}")
            for name, least in self.veto.items()
            for i, value in judge_scores(record, name)[0].items()
            if value < least and i in response_ids
        ]

    def _scores(
        self, response_id: str, ballots: "Ballots", units: "Ballots", rated_ids: Sequence[str]
    ) -> list[Score]:
        """The jury's score of a response, and how far its judges are apart, as a score of its own. `units`
        are the ballots from 0 to 1.
        """
        scores = {name: unit[response_id] for name, unit in units.items() if response_id in unit}
        if self.by == "median":
            value = statistics.median(scores.values())
        elif self.by == "borda":
            value = statistics.fmean(borda(ballots[name], response_id, rated_ids) for name in scores)
        else:
            weights = [self.weights.get(name, 1.0) for name in scores]
            value = math.fsum(w * v for w, v in zip(weights, scores.values(), strict=True)) / math.fsum(
                weights
            )
        disagreement = statistics.pstdev(scores.values())
        words = f"{len(scores)} judges, disagreement {disagreement:.3f}"
        return [
            _jury_score(response_id, value, words),
            Score(
                response_id=response_id, aspect="disagreement", value=disagreement, scale=DISAGREEMENT_SCALE
            ),
        ]

    def _strengths(
        self, ballots: "Ballots", rated_ids: Sequence[str], compared: Mapping[str, Sequence[Comparison]]
    ) -> list[Score]:
        strengths = bradley_terry(majority(ballots, rated_ids, {}, each=True, compared=compared))
        rng, names = Random(self.seed), sorted(ballots)
        samples: dict[str, list[float]] = {i: [] for i in strengths}
        for _ in range(FIT_RESAMPLES):
            sampled_names = [rng.choice(names) for _ in names]
            resampled = bradley_terry(
                [
                    c
                    for name in sampled_names
                    for c in majority({name: ballots[name]}, rated_ids, {}, each=True, compared=compared)
                ]
            )
            for i in samples:
                samples[i].append(resampled.get(i, 0.5))
        scores = []
        for i, value in strengths.items():
            low, high = (sorted(samples[i])[int(share * (FIT_RESAMPLES - 1))] for share in (0.025, 0.975))
            scores.append(_jury_score(i, value, f"95 % interval {low:.3f} to {high:.3f}"))
        return [*scores, *_uncompared_scores(i for i in rated_ids if i not in strengths)]


def met_all_others(ballot: Mapping[str, float], comparisons: Sequence[Comparison]) -> dict[str, float]:
    """The strengths of those that were compared with every other one: of others a strength also says how
    often they were compared.
    """
    met = {frozenset((c.first_id, c.second_id)) for c in comparisons}
    return {
        i: strength
        for i, strength in ballot.items()
        if all(frozenset((i, j)) in met for j in ballot if i != j)
    }


def _is_unseen_by_veto(record: Record, response_id: str, veto: Mapping[str, float]) -> bool:
    """Whether a judge that could have struck a response lost its reply about it."""
    for name in veto:
        judge = name.partition(".")[0]
        applies = not any(
            s.judge == judge and s.response_id == response_id and s.value is None for s in record.scores
        )
        if applies and response_id not in judge_scores(record, name)[0]:
            return True
    return False


Ballots = Mapping[str, Mapping[str, float]]


def comparable(response_ids: Sequence[str], ballots: Ballots, quorum: int) -> tuple[list[str], Ballots]:
    """(responses, ballots of the judges that rated all of them, at least `quorum`): a lost reply of a harsh
    judge must not lift the answer that it was about. Where too few judges rated all, the response goes that
    shares the fewest judges with the others.
    """
    remaining = list(response_ids)
    while remaining:
        common = {name: b for name, b in ballots.items() if all(i in b for i in remaining)}
        if len(common) >= quorum:
            return remaining, common
        shared = {i: sum(i in b and j in b for b in ballots.values() for j in remaining) for i in remaining}
        remaining.remove(min(remaining, key=lambda i: (shared[i], i)))
    return [], ballots


def borda(ballot: Mapping[str, float], response_id: str, rated_ids: Sequence[str]) -> float:
    """Share of the other rated responses that a judge puts below this one; equals count half."""
    others = [ballot[i] for i in rated_ids if i != response_id and i in ballot]
    if not others:
        return 0.5
    return math.fsum(
        1.0 if ballot[response_id] > v else 0.5 if ballot[response_id] == v else 0.0 for v in others
    ) / len(others)


def majority(
    ballots: Ballots,
    rated_ids: Sequence[str],
    weights: Mapping[str, float],
    *,
    each: bool = False,
    compared: Mapping[str, Sequence[Comparison]] | None = None,
    quorum: int = 1,
) -> list[Comparison]:
    """For each pair the share of judges that prefer the first (equals count half), where at least `quorum`
    have a vote; with `each`, a comparison for every judge. `compared` holds the comparisons of judges that
    compare: each votes by its own.
    """
    comparisons = []
    for a, b in combinations(rated_ids, 2):
        votes = [
            (weights.get(name, 1.0), vote)
            for name, ballot in sorted(ballots.items())
            if (vote := _vote(ballot, (compared or {}).get(name), a, b)) is not None
        ]
        if each:
            comparisons += [
                Comparison(first_id=a, second_id=b, probability=vote, aspect="jury") for _, vote in votes
            ]
        elif votes and len(votes) >= quorum:
            share = math.fsum(w * v for w, v in votes) / math.fsum(w for w, _ in votes)
            comparisons.append(
                Comparison(
                    first_id=a,
                    second_id=b,
                    probability=share,
                    aspect="jury",
                    rationale=f"{len(votes)} judges",
                    method="votes",
                )
            )
    return comparisons


def _vote(
    ballot: Mapping[str, float], comparisons: Sequence[Comparison] | None, first: str, second: str
) -> float | None:
    """1 for the first, 0 for the second, 0.5 where a judge puts them equal; None where it says nothing."""
    if first not in ballot or second not in ballot:
        return None
    lead = ballot[first] - ballot[second]
    if comparisons is not None:
        probability = probability_of(comparisons, first, second)
        if probability is None:
            return None
        lead = 0.0 if abs(probability - 0.5) <= TIE_TOLERANCE else probability - 0.5
    return 1.0 if lead > 0 else 0.5 if lead == 0 else 0.0


def _jury_score(response_id: str, value: float, rationale: str) -> Score:
    return Score(response_id=response_id, aspect="jury", value=value, scale=(0, 1), rationale=rationale)


def _uncompared_scores(ids: Iterable[str]) -> list[Score]:
    return not_applicable_scores(ids, "jury", (0, 1), "there is nothing to compare it with")
