"""Win rates of one model's answers against another's, as any judge of a run saw them; raw, and with the length of the answers taken out.

Length control follows AlpacaEval (Dubois et al., arXiv 2404.04475, section 3) without its term for the difficulty of each prompt, which needs
many models: the probability to win is fitted as logistic(a + b * tanh(d / s)), where d is the difference of the lengths in characters and s its
standard deviation over the prompts, and logistic(a) is what is left where both answers are equally long.
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
REFITS = 500
LEAST_BEYOND = 5
"""Prompts on which each side must be the longer one (or both alike): else equal length is not among what was seen."""
FAR = 0.1
"""How far raw and length-controlled may be apart before it is said."""


@dataclass(frozen=True)
class Game:
    """One prompt: the probability that the model's answer is better, by how many characters it is longer, and whether both orders agreed."""

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
    """None where one model's answers are all but always the longer ones: what equal length would give was not seen."""
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
    """How often the answers of the model `of` are better than those of `against`, by `judge` (default: the only one). Raises RecipeError."""
    games: list[Game] = []
    unjudged, models, judges, chosen = 0, set(), set(), judge
    for record in records:
        models |= {r.model for r in record.responses if r.model}
        judges |= {s.judge for s in record.scores} | {c.judge for c in record.comparisons}
        if chosen is None and len(judges) > 1:
            raise RecipeError(f"several judges: {', '.join(sorted(judges))}; say which with --judge")
        chosen = chosen or next(iter(judges), None)
        first = [r for r in record.responses if r.model == of]
        second = [r for r in record.responses if r.model == against]
        game = _game(record, first, second, chosen) if chosen and first and second else None
        unjudged += game is None
        games += [game] if game else []
    for name in (of, against):
        if name not in models:
            raise RecipeError(
                f"no answer is of {name!r}; there are answers of {', '.join(sorted(models)) or 'nobody'}"
            )
    if of == against:
        raise RecipeError(
            f"{of!r} against itself: two models of a recipe that have one `name` at their servers are one model in its rows"
        )
    if chosen is None:
        raise RecipeError(
            "no judgment is there: all of them failed, or nothing judged (failures.parquet in its folder says why)"
        )
    if chosen.partition(".")[0] not in judges:
        raise RecipeError(f"no judge {chosen!r} judged; there are {', '.join(sorted(judges))}")
    if not games:
        raise RecipeError(f"{chosen!r} judged no prompt that both models answered, or has no such aspect")
    return summarize_games(games, of=of, against=against, judge=chosen, unjudged=unjudged, seed=seed)


def summarize_games(
    games: Sequence[Game], *, of: str, against: str, judge: str, unjudged: int = 0, seed: int = 0
) -> WinRate:
    """The win rate of games that have been judged, one a prompt."""
    raw = intervals.bootstrap_mean([game.probability for game in games], seed=seed)
    won = np.array([game.probability for game in games])
    longer = np.array([game.longer for game in games], dtype=float)
    level = None
    if min((longer >= 0).sum(), (longer <= 0).sum()) >= LEAST_BEYOND:
        low, high = intervals.bootstrap_quantiles(
            len(games), lambda i: length_controlled_rate(won[i], longer[i]), seed=seed, resamples=REFITS
        )
        level = (length_controlled_rate(won, longer), low, high)
    both = [game.consistent for game in games if game.consistent is not None]
    notes = []
    if level is None:
        notes.append(
            "nothing is known of equal length: the answers of one model are longer on (nearly) all prompts, or there are too few"
        )
    elif abs(level[0] - raw[0]) > FAR:
        notes.append(f"length decides much: raw {raw[0]:.1%}, at equal length {level[0]:.1%}")
    if unjudged:
        notes.append(f"{unjudged:,} prompts are not counted: an answer or its judgment is missing")
    if not both and any(game.asked for game in games):
        notes.append(
            "the judge saw the two answers in one order only, or one at a time: a preference for the first place is not taken out"
        )
    return WinRate(
        of=of,
        against=against,
        judge=judge,
        prompts=len(games),
        unjudged=unjudged,
        raw=raw,
        length_controlled=level,
        wins=sum(game.probability > 0.5 for game in games),
        ties=sum(game.probability == 0.5 for game in games),
        losses=sum(game.probability < 0.5 for game in games),
        longer=float(longer.mean()),
        consistent=sum(both) / len(both) if both else None,
        notes=tuple(notes),
    )


def length_controlled_rate(won: np.ndarray, longer: np.ndarray) -> float:
    """The share that is won where both answers are equally long."""
    spread = float(longer.std())
    x = np.tanh(longer / spread) if spread > 0 else np.zeros_like(longer)
    design = np.stack([np.ones_like(x), x], axis=1)
    weights = np.zeros(2)
    for _ in range(50):  # Newton: the loss is convex
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (won - p) - RIDGE * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        weights = weights + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-9:
            break
    return logistic(float(weights[0]))


def _game(record: Record, first: Sequence[Response], second: Sequence[Response], judge: str) -> Game | None:
    """What the judge says of the answers of two models: the mean over pairs of them. None where it says nothing of some pair."""
    name, _, aspect = judge.partition(".")
    compared = [c for c in record.comparisons if c.judge == name and aspect in ("", c.aspect)]
    scores = {} if compared else scores_of(record, ScoreSpec(mean=(judge,)))
    found: list[float] = []
    agreed: list[bool] = []
    for one in first:
        for other in second:
            if compared:
                shown = [c.probability for c in compared if (c.first_id, c.second_id) == (one.id, other.id)]
                turned = [
                    1 - c.probability for c in compared if (c.first_id, c.second_id) == (other.id, one.id)
                ]
                if (probability := probability_of(compared, one.id, other.id)) is None:
                    return None
                found.append(probability)
                if shown and turned:
                    agreed.append(
                        (math.fsum(shown) / len(shown) - 0.5) * (math.fsum(turned) / len(turned) - 0.5) > 0
                    )
            elif one.id in scores and other.id in scores:
                found.append(0.5 + 0.5 * float(np.sign(scores[one.id] - scores[other.id])))
            else:
                return None
    longer = sum(map(_length, first)) / len(first) - sum(map(_length, second)) / len(second)
    asked = any(one.text != other.text for one in first for other in second)
    return Game(
        record.prompt.id, math.fsum(found) / len(found), round(longer), all(agreed) if agreed else None, asked
    )


def _length(response: Response) -> int:
    return len(response.text)


def as_json(found: WinRate) -> dict[str, Any]:
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
    spans = {
        name: span and intervals.span_fields(span)
        for name, span in (("raw", found.raw), ("length_controlled", found.length_controlled))
    }
    return {**{name: getattr(found, name) for name in names}, **spans, "notes": list(found.notes)}
