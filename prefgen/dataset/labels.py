"""Reading labels from a file: scores and preferences by response id, as people or other programs gave
them.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.types import Comparison, Score

PREFERENCE_PROBABILITIES = {"first": 1.0, "second": 0.0, "tie": 0.5}
ResponseLabels = tuple[Mapping[str, Sequence[Score]], Mapping[str, Sequence[Comparison]]]
"""({response id: its scores}, {id of the first: comparisons with others})."""


def read_labels(
    path: Path, display_path: str, *, scale: tuple[float, float] = (0.0, 1.0), aspect: str = "label"
) -> ResponseLabels:
    """The labels of a CSV, JSONL or Parquet file. Raises RecipeError with file and line."""
    if not path.is_file():
        raise RecipeError(f"file {display_path!r} does not exist (looked for {path})")
    return _read_cached(path, path.stat().st_mtime_ns, display_path, scale, aspect)


@lru_cache(maxsize=8)
def _read_cached(
    path: Path, _changed: int, display_path: str, scale: tuple[float, float], aspect: str
) -> ResponseLabels:
    scores: dict[str, list[Score]] = {}
    comparisons: dict[str, list[Comparison]] = {}
    for where, row in read_rows(path, display_path):
        if row.get("response_id"):
            score = _parse_score(row, where, scale, aspect)
            scores.setdefault(score.response_id, []).append(score)
        elif row.get("first_id") and row.get("second_id"):
            comparison = _parse_comparison(row, where, aspect)
            comparisons.setdefault(comparison.first_id, []).append(comparison)
        else:
            raise RecipeError(f"a label names a response_id, or first_id and second_id; {_found(row)}", where)
    return scores, comparisons


def _found(row: Mapping[str, Any]) -> str:
    empty = [name for name in ("response_id", "first_id", "second_id") if name in row]
    return f"{', '.join(empty)} is empty" if empty else f"found the columns {', '.join(map(str, row))}"


def _parse_score(row: Mapping[str, Any], where: str, scale: tuple[float, float], aspect: str) -> Score:
    value = _parse_number(row.get("score"), where, "score", scale)
    rationale = row.get("rationale")
    aspect_name = str(row.get("aspect") or aspect)
    return Score(
        response_id=str(row["response_id"]),
        aspect=aspect_name,
        value=value,
        scale=scale,
        rationale=str(rationale) if rationale else None,
    )


def _parse_comparison(row: Mapping[str, Any], where: str, aspect: str) -> Comparison:
    better = str(row.get("better") or "").strip().casefold()
    if better and better not in PREFERENCE_PROBABILITIES:
        raise RecipeError(f"better must be first, second or tie; found {row['better']!r}", where)
    probability = (
        PREFERENCE_PROBABILITIES[better]
        if better
        else _parse_number(row.get("probability"), where, "probability", (0, 1))
    )
    first_id, second_id = str(row["first_id"]), str(row["second_id"])
    if first_id == second_id:
        raise RecipeError(f"compares {first_id!r} with itself", where)
    return Comparison(
        first_id=first_id,
        second_id=second_id,
        probability=probability,
        aspect=str(row.get("aspect") or aspect),
    )


def _parse_number(value: Any, where: str, name: str, scale: tuple[float, float]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not scale[0] <= number <= scale[1]:
        raise RecipeError(
            f"{name} must be a number from {scale[0]:g} to {scale[1]:g}, found {value!r}", where
        )
    return number
