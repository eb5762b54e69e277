"""From judgments to one score a response: what pairers, filters and tables rank by.

`score:` names a judge (the mean of its present aspects), `judge.aspect`, or is a mapping with `mean`,
`weights` and `veto`. Comparisons become scores by Bradley-Terry within the prompt. A response that any named
part did not rate has no score: missing is never low.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from prefgen.errors import RecipeError
from prefgen.types import Comparison, Record, Score, Value


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + math.tanh(x / 2))


TIE_TOLERANCE = 1e-9
"""Two means of the same ratings may differ by rounding; scores closer than this are equal."""
UNBOUNDED = (-1e9, 1e9)
"""The scale of a number that has none, such as a reward: ranked as it is, and beside numbers that have a
scale by its logistic function.
"""
ONE_ORDER_METHOD = "one_order"
"""How a comparison came about of which one order was lost and that counts as a tie: nobody read it."""
BESIDE = {("disagreement", (0.0, 0.5)), ("overall", (1.0, 10.0))}
"""(aspect, scale) of what a `jury` and `ultrafeedback` give beside their score: never averaged into it."""
LARGEST_LOGIT = 6.0
"""Beyond this the logistic function is so flat that different numbers become the same."""


def unit_values(values: Mapping[str, float], scale: tuple[float, float]) -> dict[str, float]:
    """A judge's scores of one prompt as numbers from 0 to 1, so that judges on different scales can be
    combined: by the scale's bounds, or by the logistic function where there are none. Where one lies beyond
    `LARGEST_LOGIT`, all are divided by the same number, so that it lies there: none are made equal.
    """
    if scale != UNBOUNDED:
        return {rid: (value - scale[0]) / (scale[1] - scale[0]) for rid, value in values.items()}
    largest = max(map(abs, values.values()), default=0.0)
    divisor = max(1.0, largest / LARGEST_LOGIT)
    return {rid: logistic(value / divisor) for rid, value in values.items()}


class ScoreSpec(Value):
    """How judgments are combined. Judges on different scales are first mapped to 0..1 each."""

    mean: tuple[str, ...] = Field(
        default=(), description="Judges, or judge.aspect, to average. Empty: every judge of the record."
    )
    weights: Mapping[str, float] = Field(
        default={}, description="Judges, or judge.aspect, with their weights."
    )
    veto: Mapping[str, float] = Field(
        default={}, description="A response below this on that judge is flagged out, whatever else it scored."
    )

    @model_validator(mode="before")
    @classmethod
    def _expand_short_form(cls, data: Any) -> Any:
        return {"mean": (data,)} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _check_weights(self) -> "ScoreSpec":
        if self.mean and self.weights:
            raise ValueError("give either mean or weights, not both")
        if any(not math.isfinite(w) or w <= 0 for w in self.weights.values()):
            raise ValueError(f"weights must be finite and above 0, found {dict(self.weights)!r}")
        return self

    def ranking_judges(self) -> set[str]:
        """What is ranked by: judges, or judge.aspect; none where every judge of the record counts."""
        return {*self.mean, *self.weights}


def judge_names(record: Record) -> list[str]:
    """The judges of a record; one whose comparisons have several aspects (groups that are kept apart) as
    judge.aspect for each.
    """
    aspects: dict[str, set[str]] = {s.judge: set() for s in record.scores}
    for comparison in record.comparisons:
        aspects.setdefault(comparison.judge, set()).add(comparison.aspect)
    return sorted(
        f"{judge}.{aspect}" if aspect else judge
        for judge, judge_aspects in aspects.items()
        for aspect in (judge_aspects if len(judge_aspects) > 1 else [""])
    )


def ranking_names(record: Record, spec: ScoreSpec) -> list[str]:
    """The judges, or judge.aspect, that a score is made of."""
    return list(spec.weights or spec.mean) or judge_names(record)


def scores_of(record: Record, spec: ScoreSpec) -> dict[str, float]:
    """{response id: score} for the responses that every named part rated and no veto struck."""
    names = ranking_names(record, spec)
    scored = [judge_scores(record, name) for name in names]
    one_scale = len({scale for _, scale in scored}) == 1
    parts = [values if one_scale else unit_values(values, scale) for values, scale in scored]
    weights = [spec.weights.get(name, 1.0) for name in names]
    vetoed = {rid for name, least in spec.veto.items() for rid in find_vetoed(record, name, least)}
    total = math.fsum(weights)
    scores = {}
    for response in record.responses:
        values = [part[response.id] for part in parts if response.id in part]
        if not values or len(values) < len(parts) or response.id in vetoed:
            continue
        scores[response.id] = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / total
    return scores


def find_vetoed(record: Record, name: str, least: float) -> set[str]:
    """Responses below `least` on a judge, and those that it should have rated and did not; one to which it
    does not apply passes.
    """
    scores, _ = judge_scores(record, name)
    judge = name.partition(".")[0]
    not_applicable = {s.response_id for s in record.scores if s.judge == judge and s.value is None}
    return {
        r.id
        for r in record.responses
        if (r.id in scores and scores[r.id] < least) or (r.id not in scores and r.id not in not_applicable)
    }


def judge_scores(record: Record, name: str) -> tuple[dict[str, float], tuple[float, float]]:
    """({response id: mean of its ratings}, scale) of one judge, or of one aspect as `judge.aspect`. What
    stands beside a judge's score (`BESIDE`) is no part of its mean. Raises RecipeError where there are
    several scales: which one counts must be named.
    """
    if comparisons := ranking_comparisons(record, name):
        return strengths_of(comparisons), (0.0, 1.0)
    ratings = _ratings(record, name)
    scores = [s for s in ratings if (s.aspect, s.scale) not in BESIDE] or ratings
    scales = {s.scale for s in scores} or {(0.0, 1.0)}
    if len(scales) > 1:
        raise RecipeError(_several_scales(name, scores))
    return mean_by_response(scores), scales.pop()


def rates_on_several_scales(record: Record, name: str) -> bool:
    """Whether a judge (or `judge.aspect`) has no one score, since its ratings are on several scales."""
    scales = {s.scale for s in _ratings(record, name) if (s.aspect, s.scale) not in BESIDE}
    return len(scales) > 1


def _several_scales(name: str, scores: Sequence[Score]) -> str:
    judge = name.partition(".")[0]
    by_aspect = sorted({f"{s.aspect} ({s.scale[0]:g} to {s.scale[1]:g})" for s in scores})
    return (
        f"judge {judge!r} rates on several scales: {', '.join(by_aspect)}. Say by `score:` what counts, such "
        f"as {judge}.{scores[0].aspect}"
    )


def ranking_comparisons(record: Record, name: str) -> list[Comparison]:
    """The comparisons that a judge's scores are made of; none where it rated."""
    if any(s.value is not None for s in _ratings(record, name)):
        return []
    return comparisons_of(record, name)


def strengths_of(comparisons: Sequence[Comparison]) -> dict[str, float]:
    """Strengths by what was read. A tie for want of an order says nothing of its two beside others: an answer
    with nothing else is an average one.
    """
    strengths = bradley_terry(read_comparisons(comparisons))
    return {rid: strengths.get(rid, 0.5) for c in comparisons for rid in (c.first_id, c.second_id)}


def read_comparisons(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons without those that are ties for want of a reply."""
    return [c for c in comparisons if c.method != ONE_ORDER_METHOD]


def comparisons_of(record: Record, name: str) -> list[Comparison]:
    """The comparisons of one judge, or of one aspect as `judge.aspect`."""
    judge, _, aspect = name.partition(".")
    return [c for c in record.comparisons if c.judge == judge and aspect in ("", c.aspect)]


def _ratings(record: Record, name: str) -> list[Score]:
    judge, _, aspect = name.partition(".")
    return [s for s in record.scores if s.judge == judge and aspect in ("", s.aspect)]


def mean_by_response(scores: Sequence[Score]) -> dict[str, float]:
    """Mean over aspects of the mean over repeated ratings of an aspect; ratings that do not apply are left
    out. A response that lost a rating which others have has no mean: theirs is of something else.

    A judge asked for repeated orders of one aspect must not give that aspect more weight than the others.
    """
    ratings: dict[str, dict[str, list[float]]] = {}
    for score in scores:
        values = ratings.setdefault(score.response_id, {}).setdefault(score.aspect, [])
        if score.value is not None:
            values.append(score.value)
    aspect_count = len({score.aspect for score in scores})
    means = {
        rid: [math.fsum(values) / len(values) for values in aspects.values() if values]
        for rid, aspects in ratings.items()
        if len(aspects) == aspect_count
    }
    return {rid: math.fsum(values) / len(values) for rid, values in means.items() if values}


def probability_of(comparisons: Sequence[Comparison], first: str, second: str) -> float | None:
    """Mean probability over all comparisons of two responses, in either order, that `first` is better; None
    where there is none.
    """
    probabilities = [c.probability for c in comparisons if (c.first_id, c.second_id) == (first, second)]
    probabilities += [1 - c.probability for c in comparisons if (c.first_id, c.second_id) == (second, first)]
    return math.fsum(probabilities) / len(probabilities) if probabilities else None


def bradley_terry(comparisons: Sequence[Comparison], *, prior: float = 0.1) -> dict[str, float]:
    """Strengths in 0..1 (the chance to beat an average candidate): the maximum of the likelihood, found by
    Newton's method.

    Every candidate also has `prior` wins and losses against an average one, so that an undefeated one stays
    finite, and there is one maximum (Hunter 2004, section 2).
    """
    ids = sorted({c.first_id for c in comparisons} | {c.second_id for c in comparisons})
    places = {rid: i for i, rid in enumerate(ids)}
    wins = [prior] * len(ids)
    meetings = [[0.0] * len(ids) for _ in ids]
    for c in comparisons:
        first, second = places[c.first_id], places[c.second_id]
        wins[first] += c.probability
        wins[second] += 1 - c.probability
        meetings[first][second] += 1
        meetings[second][first] += 1
    abilities = [0.0] * len(ids)
    for _ in range(MAX_NEWTON_STEPS):
        slope, curvature = _likelihood_at(abilities, wins, meetings, prior)
        step = solve(curvature, slope)
        largest = max(map(abs, step), default=0.0)
        damping = min(1.0, 1.0 / largest) if largest else 1.0  # far from the maximum a step leads too far
        abilities = [ability + damping * change for ability, change in zip(abilities, step, strict=True)]
        if largest < 1e-12:
            break
    return {rid: logistic(ability) for rid, ability in zip(ids, abilities, strict=True)}


MAX_NEWTON_STEPS = 200


def _likelihood_at(
    abilities: Sequence[float], wins: Sequence[float], meetings: Sequence[Sequence[float]], prior: float
) -> tuple[list[float], list[list[float]]]:
    """(slope, negative curvature) of the log-likelihood."""
    # without a prior only differences count: the constant keeps their sum where it is
    constant = 0.0 if prior else 1.0
    slope, curvature = list(wins), [[constant] * len(abilities) for _ in abilities]
    for i, ability in enumerate(abilities):
        chance = logistic(ability)
        slope[i] -= 2 * prior * chance
        curvature[i][i] += 2 * prior * chance * (1 - chance)
        for j, count in enumerate(meetings[i]):
            if count:
                chance = logistic(ability - abilities[j])
                slope[i] -= count * chance
                curvature[i][i] += count * chance * (1 - chance)
                curvature[i][j] -= count * chance * (1 - chance)
    return slope, curvature


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """x of matrix x = right, for a symmetric and positive definite matrix, by elimination: the same digits on
    every machine.
    """
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i, pivot in enumerate(rows):
        for row in rows[i + 1 :]:
            if factor := row[i] / pivot[i]:
                for j in range(i, len(pivot)):
                    row[j] -= factor * pivot[j]
    solution = [0.0] * len(rows)
    for i in reversed(range(len(rows))):
        known = math.fsum(rows[i][j] * solution[j] for j in range(i + 1, len(rows)))
        solution[i] = (rows[i][-1] - known) / rows[i][i]
    return solution
