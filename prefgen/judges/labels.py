"""Verdicts from a file: people's labels, or another program's, come back in as a judge.

A row names a response (`response_id`) and its `score`, or two responses (`first_id`, `second_id`) and which is `better` (first,
second or tie) or the `probability` that the first is. CSV, JSONL and Parquet are read; `prefgen show records RUN --json` gives
the ids. Responses without a row have no verdict; rows of other responses are left alone.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from prefgen.dataset.rows import rows_of
from prefgen.errors import RecipeError
from prefgen.plugins import Plugin, judge
from prefgen.roles import Ask, Verdict
from prefgen.templates import beside_recipe
from prefgen.types import Comparison, Prompt, Response, Score

BETTER = {"first": 1.0, "second": 0.0, "tie": 0.5}


@judge("labels")
class Labels(Plugin):
    """Scores and comparisons by response id. Asks no model."""

    files = ("path",)

    path: str = Field(description="A CSV, JSONL or Parquet file, relative to the recipe.")
    scale: tuple[float, float] = Field((0.0, 1.0), description="Bounds of the scores.")
    aspect: str = Field("label", description="The aspect of rows that name none.")

    @model_validator(mode="after")
    def _scale_is_one(self) -> "Labels":
        if not self.scale[0] < self.scale[1]:
            raise ValueError(f"scale must be two numbers, the lower first; found {self.scale!r}")
        return self

    def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Verdict]:
        path = beside_recipe(self.path)
        scores, comparisons = _read(path, path.stat().st_mtime_ns, self.path, self.scale, self.aspect)
        shown = {r.id for r in responses}
        rated = [score for r in responses for score in scores.get(r.id, ())]
        compared = [c for r in responses for c in comparisons.get(r.id, ()) if c.second_id in shown]
        covered = {score.response_id for score in rated} | {i for c in compared for i in (c.first_id, c.second_id)}
        none = [
            Score(response_id=r.id, aspect=self.aspect, value=None, scale=self.scale, rationale="no label")
            for r in responses
            if r.id not in covered
        ]
        return [*rated, *compared, *none]


Read = tuple[Mapping[str, Sequence[Score]], Mapping[str, Sequence[Comparison]]]


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, shown: str, scale: tuple[float, float], aspect: str) -> Read:
    scores: dict[str, list[Score]] = {}
    comparisons: dict[str, list[Comparison]] = {}
    for where, row in rows_of(path, shown):
        if row.get("response_id"):
            value = _number(row.get("score"), where, "score", scale)
            made = Score(
                response_id=str(row["response_id"]),
                aspect=str(row.get("aspect") or aspect),
                value=value,
                scale=scale,
                rationale=row.get("rationale"),
            )
            scores.setdefault(made.response_id, []).append(made)
        elif row.get("first_id") and row.get("second_id"):
            better = str(row.get("better") or "").strip().casefold()
            if better and better not in BETTER:
                raise RecipeError(f"better must be first, second or tie; found {row['better']!r}", where)
            share = BETTER[better] if better else _number(row.get("probability"), where, "probability", (0, 1))
            compared = Comparison(first_id=str(row["first_id"]), second_id=str(row["second_id"]), probability=share, aspect=aspect)
            comparisons.setdefault(compared.first_id, []).append(compared)
        else:
            raise RecipeError(f"a label names a response_id, or first_id and second_id; found the columns {', '.join(row)}", where)
    return scores, comparisons


def _number(value: Any, where: str, what: str, scale: tuple[float, float]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not scale[0] <= number <= scale[1]:
        raise RecipeError(f"{what} must be a number from {scale[0]:g} to {scale[1]:g}, found {value!r}", where)
    return number
