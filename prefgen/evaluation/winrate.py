"""Win rates of one model's answers against another's, as any judge of a run saw them; raw, and with the
length of the answers taken out.

Length control follows AlpacaEval (Dubois et al., arXiv 2404.04475, section 3) without its term for the
difficulty of each prompt, which needs many models: the probability to win is fitted as logistic(a + b *
tanh(d / s)), where d is the difference of the lengths in characters and s its standard deviation over the
prompts, and logistic(a) is what is left where both answers are equally long.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prefgen.errors import RecipeError
from prefgen.stats import intervals
from prefgen.stats.scoring import ScoreSpec, logistic, probability_of, scores_of
from prefgen.types import Record, Response

RIDGE = 0.01
"""Keeps the fit finite where one side always wins."""
REFIT_COUNT = 500
MIN_LONGER = 5
"""Prompts on which each side must be the longer one (or both alike): else equal length is not among what was
seen.
"""
NOTABLE_DIFFERENCE = 0.1
"""How far raw and length-controlled may be apart before it is said."""


@dataclass(frozen=True)
class Game:
    """One prompt: the probability that the model's answer is better, by how many characters it is longer, and
    whether both orders agreed.
    """

    prompt_id: str
    probability: float
    longer: int
    consistent: bool | None = None
    """None where the judge did not see both orders."""
    asked: bool = True
    """Whether a judge was needed: two answers of the same text are even."""


@dataclass(frozen=True)
class WinRate:
    """Shares in 0..1 with the interval of 95 % of bootstrap resamples of the prompts."""

    of: str
    against: str
    judge: str
    prompts: int
    unjudged: int
    raw: tuple[float, float, float]
    length_controlled: tuple[float, float, float] | None
    """None where one model's answers are all but always the longer ones: what equal length would give was not
    seen.
    """
    wins: int
    ties: int
    losses: int
    longer: float
    """Mean difference of the lengths, in characters."""
    consistent: float | None
    """Share of the prompts on which both orders had the same winner."""
    notes: Sequence[str] = field(default_factory=tuple)


def win_rate(
    records: Iterable[Record], *, of: str, against: str, judge: str | None = None, seed: int = 0
) -> WinRate:
    """How often the answers of the model `of` are better than those of `against`, by `judge` (default: the
    only one). Raises RecipeError.
    """
    games: list[Game] = []
    unjudged, models, judges, judge_name = 0, set(), set(), judge
    for record in records:
        models |= {r.model for r in record.responses if r.model}
        judges |= {s.judge for s in record.scores} | {c.judge for c in record.comparisons}
        if judge_name is None and len(judges) > 1:
            raise RecipeError(f"several judges: {', '.join(sorted(judges))}; say which with --judge")
        judge_name = judge_name or next(iter(judges), None)
        model_responses = [r for r in record.responses if r.model == of]
        opponent_responses = [r for r in record.responses if r.model == against]
        game = (
            _build_game(record, model_responses, opponent_responses, judge_name)
            if judge_name and model_responses and opponent_responses
            else None
        )
        unjudged += game is None
        games += [game] if game else []
    for name in (of, against):
        if name not in models:
            raise RecipeError(
                f"no answer is of {name!r}; there are answers of {', '.join(sorted(models)) or 'nobody'}"
            )
    if of == against:
        raise RecipeError(
            f"{of!r} against itself: two models of a recipe that have one `name` at their servers are one "
            "model in its rows"
        )
    if judge_name is None:
        raise RecipeError(
            "no judgment is there: all of them failed, or nothing judged (failures.parquet in its folder "
            "says why)"
        )
    if judge_name.partition(".")[0] not in judges:
        raise RecipeError(f"no judge {judge_name!r} judged; there are {', '.join(sorted(judges))}")
    if not games:
        raise RecipeError(f"{judge_name!r} judged no prompt that both models answered, or has no such aspect")
    return summarize_games(games, of=of, against=against, judge=judge_name, unjudged=unjudged, seed=seed)


def summarize_games(
    games: Sequence[Game], *, of: str, against: str, judge: str, unjudged: int = 0, seed: int = 0
) -> WinRate:
    """The win rate of games that have been judged, one a prompt."""
    raw = intervals.bootstrap_mean([game.probability for game in games], seed=seed)
    probabilities = np.array([game.probability for game in games])
    length_differences = np.array([game.longer for game in games], dtype=float)
    controlled_rate = None
    if min((length_differences >= 0).sum(), (length_differences <= 0).sum()) >= MIN_LONGER:
        low, high = intervals.bootstrap_quantiles(
            len(games),
            lambda i: length_controlled_rate(probabilities[i], length_differences[i]),
            seed=seed,
            resamples=REFIT_COUNT,
        )
        controlled_rate = (length_controlled_rate(probabilities, length_differences), low, high)
    agreements = [game.consistent for game in games if game.consistent is not None]
    notes = []
    if controlled_rate is None:
        notes.append(
            "nothing is known of equal length: the answers of one model are longer on (nearly) all prompts, "
            "or there are too few"
        )
    elif abs(controlled_rate[0] - raw[0]) > NOTABLE_DIFFERENCE:
        notes.append(f"length decides much: raw {raw[0]:.1%}, at equal length {controlled_rate[0]:.1%}")
    if unjudged:
        notes.append(f"{unjudged:,} prompts are not counted: an answer or its judgment is missing")
    if not agreements and any(game.asked for game in games):
        notes.append(
            "the judge saw the two answers in one order only, or one at a time: a preference for the first "
            "place is not taken out"
        )
    return WinRate(
        of=of,
        against=against,
        judge=judge,
        prompts=len(games),
        unjudged=unjudged,
        raw=raw,
        length_controlled=controlled_rate,
        wins=sum(game.probability > 0.5 for game in games),
        ties=sum(game.probability == 0.5 for game in games),
        losses=sum(game.probability < 0.5 for game in games),
        longer=float(length_differences.mean()),
        consistent=sum(agreements) / len(agreements) if agreements else None,
        notes=tuple(notes),
    )


def length_controlled_rate(probabilities: np.ndarray, length_differences: np.ndarray) -> float:
    """The share that is won where both answers are equally long."""
    spread = float(length_differences.std())
    x = np.tanh(length_differences / spread) if spread > 0 else np.zeros_like(length_differences)
    design = np.stack([np.ones_like(x), x], axis=1)
    weights = np.zeros(2)
    for _ in range(50):  # Newton: the loss is convex
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (probabilities - p) - RIDGE * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights = weights + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-9:
            break
    return logistic(float(weights[0]))


def _build_game(
    record: Record, first: Sequence[Response], second: Sequence[Response], judge: str
) -> Game | None:
    """What the judge says of the answers of two models: the mean over pairs of them. None where it says
    nothing of some pair.
    """
    name, _, aspect = judge.partition(".")
    comparisons = [c for c in record.comparisons if c.judge == name and aspect in ("", c.aspect)]
    scores = {} if comparisons else scores_of(record, ScoreSpec(mean=(judge,)))
    probabilities: list[float] = []
    agreements: list[bool] = []
    for response in first:
        for opponent in second:
            if comparisons:
                forward = [
                    c.probability
                    for c in comparisons
                    if (c.first_id, c.second_id) == (response.id, opponent.id)
                ]
                backward = [
                    1 - c.probability
                    for c in comparisons
                    if (c.first_id, c.second_id) == (opponent.id, response.id)
                ]
                if (probability := probability_of(comparisons, response.id, opponent.id)) is None:
                    return None
                probabilities.append(probability)
                if forward and backward:
                    agreements.append(
                        (math.fsum(forward) / len(forward) - 0.5)
                        * (math.fsum(backward) / len(backward) - 0.5)
                        > 0
                    )
            elif response.id in scores and opponent.id in scores:
                probabilities.append(0.5 + 0.5 * float(np.sign(scores[response.id] - scores[opponent.id])))
            else:
                return None
    length_difference = sum(map(_length, first)) / len(first) - sum(map(_length, second)) / len(second)
    judge_needed = any(one.text != other.text for one in first for other in second)
    return Game(
        record.prompt.id,
        math.fsum(probabilities) / len(probabilities),
        round(length_difference),
        all(agreements) if agreements else None,
        judge_needed,
    )


def _length(response: Response) -> int:
    return len(response.text)


def win_rate_as_json(result: WinRate) -> dict[str, Any]:
    names = (
        "of",
        "against",
        "judge",
        "prompts",
        "unjudged",
        "wins",
        "ties",
        "losses",
        "longer",
        "consistent",
    )
    intervals_by_name = {
        name: interval and intervals.span_fields(interval)
        for name, interval in (("raw", result.raw), ("length_controlled", result.length_controlled))
    }
    return {
        **{name: getattr(result, name) for name in names},
        **intervals_by_name,
        "notes": list(result.notes),
    }
