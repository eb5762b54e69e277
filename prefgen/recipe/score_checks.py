"""Whether a `score:` can be what it says: aspects that its judges give, a margin that two scores can have."""

from collections.abc import Mapping

from prefgen.errors import RecipeError, did_you_mean
from prefgen.plugins.plugin import Plugin
from prefgen.stats.scoring import BESIDE, ScoreSpec


def check_score(score: ScoreSpec, min_margin: float, judges: Mapping[str, Plugin]) -> None:
    """`judges` are those of earlier stages by name. Raises RecipeError; of judges whose aspects only their
    verdicts tell nothing is said.
    """
    for name in sorted({*score.ranking_judges(), *score.veto}):
        judge_name, _, aspect = name.partition(".")
        scales = _rated_scales(judge_name, judges)
        if aspect and scales and aspect not in scales:
            raise RecipeError(
                f"judge {judge_name!r} gives no aspect {aspect!r}{did_you_mean(aspect, list(scales))}"
            )
    scale = _scale_of(score, judges)
    if scale and min_margin > scale[1] - scale[0]:
        raise RecipeError(
            f"min_margin: scores lie between {scale[0]:g} and {scale[1]:g}, so that no two of them are "
            f"{min_margin:g} apart"
        )


def _scale_of(score: ScoreSpec, judges: Mapping[str, Plugin]) -> tuple[float, float] | None:
    """The scale of the score: its judges' own, 0 to 1 where they have several; None where nobody knows."""
    scales: set[tuple[float, float]] = set()
    for name in score.ranking_judges() or judges:
        judge_name, _, aspect = name.partition(".")
        own_scales = {
            scale
            for rated_aspect, scale in _rated_scales(judge_name, judges).items()
            if (rated_aspect == aspect if aspect else (rated_aspect, scale) not in BESIDE)
        }
        if len(own_scales) != 1:
            return None
        scales |= own_scales
    if len(scales) > 1:
        return (0.0, 1.0)
    return next(iter(scales), None)


def _rated_scales(judge_name: str, judges: Mapping[str, Plugin]) -> Mapping[str, tuple[float, float]]:
    """{aspect: scale} of a judge; nothing of one that is not of the recipe, as of imported scores."""
    return judges[judge_name].rated_scales() if judge_name in judges else {}
