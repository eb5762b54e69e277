"""Verdicts from a file: people's labels, or another program's, come back in as a judge.

A row names a response (`response_id`) and its `score`, or two responses (`first_id`, `second_id`) and which
is `better` (first, second or tie) or the `probability` that the first is. CSV, JSONL and Parquet are read;
`prefgen show records RUN --json` gives the ids. Responses without a row have no verdict; rows of other
responses are left alone.
"""

from collections.abc import Sequence

from pydantic import Field, model_validator

from prefgen.dataset.labels import read_labels
from prefgen.errors import RecipeError
from prefgen.kit.ratings import check_scale, not_applicable_scores
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.types import Prompt, Response


@judge("labels")
class Labels(Plugin):
    """Scores and comparisons by response id. Asks no model."""

    file_fields = ("path",)

    path: str = Field(description="A CSV, JSONL or Parquet file, relative to the recipe.")
    scale: tuple[float, float] = Field(default=(0.0, 1.0), description="Bounds of the scores.")
    aspect: str = Field(default="label", description="The aspect of rows that name none.")

    @model_validator(mode="after")
    def _check_scale(self) -> "Labels":
        check_scale(self.scale)
        return self

    def validate(self) -> None:
        if not any(
            read_labels(path_beside_recipe(self.path), self.path, scale=self.scale, aspect=self.aspect)
        ):
            raise RecipeError(f"{self.path!r} holds no label")

    def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Verdict]:
        scores, comparisons = read_labels(
            path_beside_recipe(self.path), self.path, scale=self.scale, aspect=self.aspect
        )
        response_ids = {r.id for r in responses}
        matched_scores = [score for r in responses for score in scores.get(r.id, ())]
        matched_comparisons = [
            c for r in responses for c in comparisons.get(r.id, ()) if c.second_id in response_ids
        ]
        labelled_ids = {score.response_id for score in matched_scores} | {
            i for c in matched_comparisons for i in (c.first_id, c.second_id)
        }
        unlabelled_ids = (r.id for r in responses if r.id not in labelled_ids)
        return [
            *matched_scores,
            *matched_comparisons,
            *not_applicable_scores(unlabelled_ids, self.aspect, self.scale, "no label"),
        ]
