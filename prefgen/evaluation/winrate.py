"""Win rates of one model's answers against another's, as any judge of a run saw them; raw, and with the
length of the answers taken out.

What equal length would give is AlpacaEval's length control (Dubois et al., arXiv 2404.04475, section 3), and
is called so, where the difficulty of each prompt is known: from a file, or fitted where the run holds the
games of many other models. Where it is not, the fit is short of a term, and is not called so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prefgen.dataset.difficulty import PromptDifficulties
from prefgen.errors import RecipeError
from prefgen.evaluation.difficulty import (
    MIN_MODELS_TO_NAME,
    Difficulty,
    difficulty_from_file,
    difficulty_from_run,
)
from prefgen.evaluation.games import Game, build_game
from prefgen.stats import intervals
from prefgen.stats.length_control import equal_length_rate
from prefgen.types import Record

REFIT_COUNT = 500
MIN_LONGER = 5
"""Prompts on which each side must be the longer one (or both alike): else equal length is not among what was
seen.
"""
NOTABLE_DIFFERENCE = 0.1
"""How far raw and equal length may be apart before it is said."""


@dataclass(frozen=True)
class WinRate:
    """Shares in 0..1 with the interval of 95 % of bootstrap resamples of the prompts."""

    of: str
    against: str
    judge: str
    prompts: int
    unjudged: int
    raw: tuple[float, float, float]
    equal_length: tuple[float, float, float] | None
    """None where one model's answers are all but always the longer ones: what equal length would give was not
    seen. The difficulties are taken as known, so that the interval is without their own uncertainty.
    """
    wins: int
    ties: int
    losses: int
    longer: float
    """Mean difference of the lengths, in characters."""
    consistent: float | None
    """Share of the prompts on which both orders had the same winner."""
    difficulty: Difficulty | None = None
    expected_effect: float | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def length_controlled(self) -> tuple[float, float, float] | None:
        """`equal_length` where it is what AlpacaEval calls length-controlled."""
        return self.equal_length if self.difficulty and self.difficulty.is_reliable else None


def win_rate(
    records: Iterable[Record],
    *,
    of: str,
    against: str,
    judge: str | None = None,
    seed: int = 0,
    difficulties: PromptDifficulties | None = None,
    expected_effect: float | None = None,
    members: Mapping[str, Sequence[str]] = {},
) -> WinRate:
    """How often the answers of the model `of` are better than those of `against`, by `judge` (default: the
    only one). Where no `difficulties` are given they are fitted, if enough other models played `against`.
    `expected_effect` is what the judge's liking for length is likely to be, where no difficulty is known
    (logits; a prior). `members` are {judge: the judges whose verdicts it makes its own of}. Raises
    RecipeError.
    """
    played: dict[str, list[Game]] = {}
    known: dict[str, float] = {}
    unjudged, models, judges, judge_name = 0, set[str](), set[str](), judge
    for record in records:
        models |= {r.model for r in record.responses if r.model}
        judges |= {s.judge for s in record.scores} | {c.judge for c in record.comparisons}
        if judge_name is None and len(judges) > 1:
            raise RecipeError(f"several judges: {', '.join(sorted(judges))}; say which with --judge")
        judge_name = judge_name or next(iter(judges), None)
        games = _record_games(record, against, judge_name, [of] if difficulties else None, members)
        unjudged += of not in games
        for model, game in games.items():
            played.setdefault(model, []).append(game)
        if difficulties and (value := difficulties.of(record.prompt)) is not None:
            known[record.prompt.id] = value
    judge_name = _check_names(of, against, judge_name, models, judges)
    games_of = played.pop(of, [])
    if not games_of:
        raise RecipeError(f"{judge_name!r} judged no prompt that both models answered, or has no such aspect")
    difficulty = (
        difficulty_from_file(known, games_of, difficulties)
        if difficulties
        else difficulty_from_run(played, games_of)
    )
    return summarize_games(
        games_of,
        of=of,
        against=against,
        judge=judge_name,
        unjudged=unjudged,
        seed=seed,
        difficulty=difficulty,
        expected_effect=expected_effect,
    )


def _record_games(
    record: Record,
    against: str,
    judge: str | None,
    models: Sequence[str] | None,
    members: Mapping[str, Sequence[str]],
) -> dict[str, Game]:
    """{model: its game against `against`} of the models, or of all that answered."""
    opponent = [r for r in record.responses if r.model == against]
    if judge is None or not opponent:
        return {}
    names = models or sorted({r.model for r in record.responses if r.model} - {against})
    games = {
        name: build_game(record, [r for r in record.responses if r.model == name], opponent, judge, members)
        for name in names
        if any(r.model == name for r in record.responses)
    }
    return {name: game for name, game in games.items() if game}


def _check_names(of: str, against: str, judge: str | None, models: set[str], judges: set[str]) -> str:
    """The judge. Raises RecipeError where a model or the judge is not there."""
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
    if judge is None:
        raise RecipeError(
            "no judgment is there: all of them failed, or nothing judged (failures.parquet in its folder "
            "says why)"
        )
    if judge.partition(".")[0] not in judges:
        raise RecipeError(f"no judge {judge!r} judged; there are {', '.join(sorted(judges))}")
    return judge


def summarize_games(
    games: Sequence[Game],
    *,
    of: str,
    against: str,
    judge: str,
    unjudged: int = 0,
    seed: int = 0,
    difficulty: Difficulty | None = None,
    expected_effect: float | None = None,
) -> WinRate:
    """The win rate of games that have been judged, one a prompt."""
    if difficulty:
        expected_effect = None
    agreements = [game.consistent for game in games if game.consistent is not None]
    raw = intervals.bootstrap_mean([game.probability for game in games], seed=seed)
    equal_length = _equal_length(games, difficulty, expected_effect, seed)
    return WinRate(
        of=of,
        against=against,
        judge=judge,
        prompts=len(games),
        unjudged=unjudged,
        raw=raw,
        equal_length=equal_length,
        wins=sum(game.probability > 0.5 for game in games),
        ties=sum(game.probability == 0.5 for game in games),
        losses=sum(game.probability < 0.5 for game in games),
        longer=float(np.mean([game.longer for game in games])),
        consistent=sum(agreements) / len(agreements) if agreements else None,
        difficulty=difficulty,
        expected_effect=expected_effect,
        notes=tuple(_notes(games, raw, equal_length, difficulty, unjudged)),
    )


def _equal_length(
    games: Sequence[Game], difficulty: Difficulty | None, expected_effect: float | None, seed: int
) -> tuple[float, float, float] | None:
    rated = [game for game in games if difficulty is None or game.prompt_id in difficulty.values]
    probabilities = np.array([game.probability for game in rated])
    longer = np.array([game.longer for game in rated], dtype=float)
    values = np.array([difficulty.values[game.prompt_id] for game in rated]) if difficulty else None
    if min((longer >= 0).sum(), (longer <= 0).sum()) < MIN_LONGER:
        return None

    def rate(indices: Any) -> float:
        known = None if values is None else values[indices]
        return equal_length_rate(
            probabilities[indices], longer[indices], known, expected_effect=expected_effect
        )

    low, high = intervals.bootstrap_quantiles(len(rated), rate, seed=seed, resamples=REFIT_COUNT)
    return rate(slice(None)), low, high


def _notes(
    games: Sequence[Game],
    raw: tuple[float, float, float],
    equal_length: tuple[float, float, float] | None,
    difficulty: Difficulty | None,
    unjudged: int,
) -> Iterable[str]:
    if equal_length is None:
        yield (
            "nothing is known of equal length: the answers of one model are longer on (nearly) all prompts, "
            "or there are too few"
        )
    elif abs(equal_length[0] - raw[0]) > NOTABLE_DIFFERENCE:
        yield f"length decides much: raw {raw[0]:.1%}, at equal length {equal_length[0]:.1%}"
    if equal_length and difficulty is None:
        yield (
            "the difficulty of the prompts is not known (--difficulty, or a run with the games of "
            f"{MIN_MODELS_TO_NAME} more models): at equal length, models with short answers come out too high"
        )
    unrated = sum(game.prompt_id not in difficulty.values for game in games) if difficulty else 0
    if unrated:
        yield f"{unrated:,} prompts have no difficulty, and count in the raw win rate alone"
    if unjudged:
        yield f"{unjudged:,} prompts are not counted: an answer or its judgment is missing"
    if all(game.consistent is None for game in games) and any(game.one_order for game in games):
        yield (
            "the judge saw the two answers in one order only: a preference for the first place is not taken "
            "out"
        )


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
        "expected_effect",
    )
    shares = {
        "raw": result.raw,
        "length_controlled": result.length_controlled,
        "equal_length": result.equal_length,
    }
    known = result.difficulty
    return {
        **{name: getattr(result, name) for name in names},
        **{name: share and intervals.span_fields(share) for name, share in shares.items()},
        "difficulty": known
        and {"source": known.source, "models": known.models, "prompts": len(known.values)},
        "notes": list(result.notes),
    }
