"""How hard the prompts of a run are to win: from a file, or fitted on the games of the run's other models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prefgen.dataset.difficulty import PromptDifficulties
from prefgen.errors import RecipeError
from prefgen.evaluation.games import Game
from prefgen.stats.item_difficulty import ModelGames, fit_difficulty

MIN_MODELS_TO_FIT = 8
"""Other models of a run, below which the difficulty of its prompts is not fitted."""
MIN_MODELS_TO_NAME = 32
"""Other models, from which on fitted difficulties give what AlpacaEval publishes within 1.5 points in the
mean, whichever of 54 models they are (docs/bench.md).
"""
MIN_SHARED = 0.5
"""Share of the prompts that another model must have played, and a file of difficulties must know."""


@dataclass(frozen=True)
class Difficulty:
    """How hard each prompt is to win, and who says so."""

    source: Literal["file", "run"]
    values: Mapping[str, float]
    """By prompt id. A prompt that is not in it is left out of the fit."""
    models: int | None = None
    """On how many other models' games they were fitted; None where a file does not say."""

    @property
    def is_reliable(self) -> bool:
        """Whether the win rate with them is what AlpacaEval calls length-controlled."""
        return self.models is None or self.models >= MIN_MODELS_TO_NAME


def difficulty_from_file(
    known: Mapping[str, float], games: Sequence[Game], difficulties: PromptDifficulties
) -> Difficulty:
    """The `known` values of a file. Raises RecipeError where fewer than half of the games have one."""
    missing = [game.prompt_id for game in games if game.prompt_id not in known]
    if len(missing) > (1 - MIN_SHARED) * len(games):
        raise RecipeError(
            f"knows the difficulty of {len(games) - len(missing):,} of {len(games):,} prompts, and at least "
            f"half are wanted; the first that is missing is {missing[0]!r}: give prompt_id or prompt as the "
            "run has them",
            difficulties.display_path,
        )
    return Difficulty("file", known, difficulties.models)


def difficulty_from_run(played: Mapping[str, Sequence[Game]], games: Sequence[Game]) -> Difficulty | None:
    """Fitted on the games of the other models alone: with a model's own games the difficulties would hold
    what it won by chance. None where they are too few.
    """
    prompt_ids = {game.prompt_id for game in games}
    others = [
        ModelGames([g.prompt_id for g in known], [g.probability for g in known], [g.longer for g in known])
        for name in sorted(played)
        if len(known := [g for g in played[name] if g.prompt_id in prompt_ids]) >= MIN_SHARED * len(games)
    ]
    if len(others) < MIN_MODELS_TO_FIT:
        return None
    return Difficulty("run", fit_difficulty(others), len(others))
