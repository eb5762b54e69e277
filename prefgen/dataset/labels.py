"""Reading labels from a file: scores and preferences by response id, as people or other programs gave them."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from prefgen.dataset.read_files import rows_of
from prefgen.errors import RecipeError
from prefgen.types import Comparison, Score

BETTER = {"first": 1.0, "second": 0.0, "tie": 0.5}
Labels = tuple[Mapping[str, Sequence[Score]], Mapping[str, Sequence[Comparison]]]
"""({response id: its scores}, {id of the first: comparisons with others})."""


def read_labels(
    path: Path, shown: str, *, scale: tuple[float, float] = (0.0, 1.0), aspect: str = "label"
) -> Labels:
    """The labels of a CSV, JSONL or Parquet file. Raises RecipeError with file and line."""
    if not path.is_file():
        raise RecipeError(f"file {shown!r} does not exist (looked for {path})")
    return _read(path, path.stat().st_mtime_ns, shown, scale, aspect)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, shown: str, scale: tuple[float, float], aspect: str) -> Labels:
    scores: dict[str, list[Score]] = {}
    comparisons: dict[str, list[Comparison]] = {}
    for where, row in rows_of(path, shown):
        if row.get("response_id"):
            rated = _score(row, where, scale, aspect)
            scores.setdefault(rated.response_id, []).append(rated)
        elif row.get("first_id") and row.get("second_id"):
            compared = _comparison(row, where, aspect)
            comparisons.setdefault(compared.first_id, []).append(compared)
        else:
            raise RecipeError(
                f"a label names a response_id, or first_id and second_id; found the columns {', '.join(row)}",
                where,
            )
    return scores, comparisons


def _score(row: Mapping[str, Any], where: str, scale: tuple[float, float], aspect: str) -> Score:
    value = _number(row.get("score"), where, "score", scale)
    words = row.get("rationale")
    named = str(row.get("aspect") or aspect)
    return Score(
        response_id=str(row["response_id"]),
        aspect=named,
        value=value,
        scale=scale,
        rationale=str(words) if words else None,
    )


def _comparison(row: Mapping[str, Any], where: str, aspect: str) -> Comparison:
    better = str(row.get("better") or "").strip().casefold()
    if better and better not in BETTER:
        raise RecipeError(f"better must be first, second or tie; found {row['better']!r}", where)
    share = BETTER[better] if better else _number(row.get("probability"), where, "probability", (0, 1))
    first, second = str(row["first_id"]), str(row["second_id"])
    if first == second:
        raise RecipeError(f"compares {first!r} with itself", where)
    return Comparison(
        first_id=first, second_id=second, probability=share, aspect=str(row.get("aspect") or aspect)
    )


def _number(value: Any, where: str, what: str, scale: tuple[float, float]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not scale[0] <= number <= scale[1]:
        raise RecipeError(
            f"{what} must be a number from {scale[0]:g} to {scale[1]:g}, found {value!r}", where
        )
    return number
