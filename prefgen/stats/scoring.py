"""From judgments to one score a response: what pairers, filters and tables rank by.

`score:` names a judge (the mean of its present aspects), `judge.aspect`, or is a mapping with `mean`, `weights` and `veto`.
Comparisons become scores by Bradley-Terry within the prompt. A response that any named part did not rate has no score: missing is
never low.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from prefgen.types import Comparison, Record, Score, Value


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + math.tanh(x / 2))


class ScoreSpec(Value):
    """How judgments are combined. Judges on different scales are first mapped to 0..1 each."""

    mean: tuple[str, ...] = Field(
        (), description="Judges, or judge.aspect, to average. Empty: every judge of the record."
    )
    weights: Mapping[str, float] = Field({}, description="Judges, or judge.aspect, with their weights.")
    veto: Mapping[str, float] = Field(
        {}, description="A response below this on that judge is flagged out, whatever else it scored."
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"mean": (given,)} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_way(self) -> "ScoreSpec":
        if self.mean and self.weights:
            raise ValueError("give either mean or weights, not both")
        if any(not math.isfinite(w) or w <= 0 for w in self.weights.values()):
            raise ValueError(f"weights must be finite and above 0, found {dict(self.weights)!r}")
        return self

    def ranking(self) -> set[str]:
        """What is ranked by: judges, or judge.aspect; none where every judge of the record counts."""
        return {*self.mean, *self.weights}


def judge_names(record: Record) -> list[str]:
    """The judges of a record; one whose comparisons have several aspects (groups that are kept apart) as judge.aspect for each."""
    aspects: dict[str, set[str]] = {s.judge: set() for s in record.scores}
    for comparison in record.comparisons:
        aspects.setdefault(comparison.judge, set()).add(comparison.aspect)
    return sorted(
        f"{judge}.{aspect}" if aspect else judge
        for judge, found in aspects.items()
        for aspect in (found if len(found) > 1 else [""])
    )


def scores_of(record: Record, spec: ScoreSpec) -> dict[str, float]:
    """{response id: score} for the responses that every named part rated and no veto struck."""
    names = list(spec.weights or spec.mean) or judge_names(record)
    parts = [judge_scores(record, name) for name in names]
    weights = [spec.weights.get(name, 1.0) for name in names]
    scales = {scale for _, scale in parts}
    vetoed = {rid for name, least in spec.veto.items() for rid in vetoed_by(record, name, least)}
    total = math.fsum(weights)
    out = {}
    for response in record.responses:
        values = [part[response.id] for part, _ in parts if response.id in part]
        if not values or len(values) < len(parts) or response.id in vetoed:
            continue
        if len(scales) > 1:
            values = [
                (v - scale[0]) / (scale[1] - scale[0]) for v, (_, scale) in zip(values, parts, strict=True)
            ]
        out[response.id] = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / total
    return out


def vetoed_by(record: Record, name: str, least: float) -> set[str]:
    """Responses below `least` on a judge, and those that it should have rated and did not; one to which it does not apply passes."""
    found, _ = judge_scores(record, name)
    judge = name.partition(".")[0]
    not_applicable = {s.response_id for s in record.scores if s.judge == judge and s.value is None}
    return {
        r.id
        for r in record.responses
        if (r.id in found and found[r.id] < least) or (r.id not in found and r.id not in not_applicable)
    }


def judge_scores(record: Record, name: str) -> tuple[dict[str, float], tuple[float, float]]:
    """({response id: mean of its present ratings}, scale) of one judge, or of one aspect as `judge.aspect`."""
    judge, _, aspect = name.partition(".")
    rated = [s for s in record.scores if s.judge == judge and (aspect in ("", s.aspect))]
    compared = [c for c in record.comparisons if c.judge == judge and (not aspect or c.aspect == aspect)]
    if rated and (not compared or any(s.value is not None for s in rated)):
        return mean_by_response(rated), rated[0].scale
    return bradley_terry(compared), (0.0, 1.0)


def mean_by_response(scores: Sequence[Score]) -> dict[str, float]:
    """Mean over aspects of the mean over repeated ratings of an aspect; ratings that do not apply are left out.

    A judge asked for repeated orders of one aspect must not give that aspect more weight than the others.
    """
    grouped: dict[str, dict[str, list[float]]] = {}
    for score in scores:
        if score.value is not None:
            grouped.setdefault(score.response_id, {}).setdefault(score.aspect, []).append(score.value)
    means = {rid: [math.fsum(v) / len(v) for v in aspects.values()] for rid, aspects in grouped.items()}
    return {rid: math.fsum(values) / len(values) for rid, values in means.items()}


def probability_of(comparisons: Sequence[Comparison], first: str, second: str) -> float | None:
    """Mean probability over all comparisons of two responses, in either order, that `first` is better; None where there is none."""
    found = [c.probability for c in comparisons if (c.first_id, c.second_id) == (first, second)]
    found += [1 - c.probability for c in comparisons if (c.first_id, c.second_id) == (second, first)]
    return math.fsum(found) / len(found) if found else None


def leads_by_order(record: Record, judge: str, first: str, second: str) -> tuple[float, float] | None:
    """By how much `first` is ahead of `second` where it was shown before it, and where after; None unless a judge saw both orders."""
    before = [
        c.probability - 0.5
        for c in record.comparisons
        if c.judge == judge and (c.first_id, c.second_id) == (first, second)
    ]
    after = [
        0.5 - c.probability
        for c in record.comparisons
        if c.judge == judge and (c.first_id, c.second_id) == (second, first)
    ]
    asked: dict[int, dict[str, list[Score]]] = {}
    for score in record.scores:
        if score.judge == judge and score.order is not None and score.response_id in (first, second):
            asked.setdefault(score.sample, {}).setdefault(score.response_id, []).append(score)
    for sides in asked.values():
        means = mean_by_response([score for scores in sides.values() for score in scores])
        if (
            len(means) == 2
            and (places := (sides[first][0].order or 0, sides[second][0].order or 0))[0] != places[1]
        ):
            (before if places[0] < places[1] else after).append(means[first] - means[second])
    return (math.fsum(before), math.fsum(after)) if before and after else None


def count_order_flips(record: Record) -> dict[str, tuple[int, float]]:
    """{judge: (pairs of the record that it saw in both orders, in how many the other order had another winner)}; a tie counts as half."""
    found: dict[str, tuple[int, float]] = {}
    for judge in {s.judge for s in record.scores if s.sample and s.order is not None} | {
        c.judge for c in record.comparisons
    }:
        both = [
            led
            for pair in record.pairs
            if (led := leads_by_order(record, judge, pair.chosen_id, pair.rejected_id))
        ]
        if both:
            found[judge] = (
                len(both),
                sum(
                    0.5 if one == 0 or other == 0 else float((one > 0) != (other > 0)) for one, other in both
                ),
            )
    return found


def label_noise(flips: float) -> float:
    """The probability that a label is wrong, from the share of pairs in which the orders have different winners (below 0.5).

    Each order counts as a reading of its own that errs with probability e: two differ in 2 e (1 - e) of the cases, and the label that both make
    is wrong with probability e.
    """
    return (1 - math.sqrt(1 - 2 * flips)) / 2


def bradley_terry(
    comparisons: Sequence[Comparison], *, prior: float = 0.1, rounds: int = 200
) -> dict[str, float]:
    """Strengths in 0..1 (the chance to beat an average candidate) by the MM algorithm of Hunter (2004, section 3).

    Every candidate also has `prior` wins and losses against an average one, so that an undefeated one stays finite.
    """
    ids = sorted({c.first_id for c in comparisons} | {c.second_id for c in comparisons})
    wins = dict.fromkeys(ids, prior)
    met: dict[str, dict[str, float]] = {rid: {} for rid in ids}
    for c in comparisons:
        wins[c.first_id] += c.probability
        wins[c.second_id] += 1 - c.probability
        for one, other in ((c.first_id, c.second_id), (c.second_id, c.first_id)):
            met[one][other] = met[one].get(other, 0.0) + 1
    opponents = {rid: sorted(found.items()) for rid, found in met.items()}
    strength = dict.fromkeys(ids, 1.0)
    for _ in range(rounds):
        fresh = {}
        for rid in ids:
            against = math.fsum(n / (strength[rid] + strength[other]) for other, n in opponents[rid])
            fresh[rid] = wins[rid] / (against + 2 * prior / (strength[rid] + 1))
        moved = max((abs(fresh[rid] - strength[rid]) for rid in ids), default=0.0)
        strength = fresh
        if moved < 1e-12:
            break
    return {rid: value / (1 + value) for rid, value in strength.items()}
