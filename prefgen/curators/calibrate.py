"""Give pairs the probability that people would agree: a curve from margin to probability, fitted on those
pairs that people have labelled.

Label some responses of a run (`prefgen show records RUN --json` gives their ids), name the file here, and run
again: nothing is asked anew. Half of the labelled prompts fit the curve, and the other half say what it is
worth: accuracy and calibration error before and after. Every pair with a margin then has its
`chosen_probability`. No pair goes. `prefgen calibrate` does the same for a judge's scores of all responses,
outside a recipe.
"""

from dataclasses import replace

from pydantic import Field

from prefgen.dataset.labels import read_labels
from prefgen.errors import RecipeError
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.stats.calibration import LabelledPair, fit_and_test
from prefgen.tables import Table


@curator("calibrate")
class Calibrate(Plugin):
    """One curve for all pairs: their margins should be of one judge, or of one score."""

    operates_on = "pairs"
    file_fields = ("labels",)

    labels: str = Field(
        description=(
            "A CSV or JSONL file, relative to the recipe, with first_id, second_id and better (first, "
            "second or tie)."
        )
    )
    held_out: float = Field(
        default=0.5, gt=0, lt=1, description="Share of the labelled prompts on which the curve is tested."
    )

    def validate(self) -> None:
        read_labels(path_beside_recipe(self.labels), self.labels)

    def curate(self, rows: Table) -> Table:
        import pyarrow as pa

        calibration = fit_and_test(self._labelled_pairs(rows), "margin", self.held_out)
        curve, quality_before, quality_after = calibration.curve, calibration.before, calibration.after
        if curve.slope <= 0:
            raise RecipeError(
                f"calibrate: by the labels of {self.labels!r} the judge is no better than chance (a slope of "
                f"{curve.slope:.2f} on {curve.fitted_on:,} pairs), so that its margins give no probability"
            )
        notice = (
            f"calibrate: fitted on {curve.fitted_on:,} labelled pairs; on {quality_after.pairs:,} others the "
            f"calibration error is {quality_after.calibration_error:.3f} (before: "
            f"{quality_before.calibration_error:.3f}), the accuracy {quality_after.accuracy or 0.0:.3f}"
        )
        margins = rows.column("margin")
        probabilities = [
            p if m is None else curve.probability(m)
            for m, p in zip(margins, rows.column("chosen_probability"), strict=True)
        ]
        index = rows.rows.schema.get_field_index("chosen_probability")
        table = rows.rows.set_column(index, "chosen_probability", pa.array(probabilities, pa.float64()))
        return replace(rows, rows=table, notices=(*rows.notices, notice))

    def _labelled_pairs(self, rows: Table) -> list[LabelledPair]:
        """Pairs that have a margin and a label; before, a pair says what its comparisons said, or that the
        chosen side is better for certain.
        """
        _, comparisons = read_labels(path_beside_recipe(self.labels), self.labels)
        columns = [
            rows.column(name)
            for name in ("prompt_id", "chosen_id", "rejected_id", "margin", "chosen_probability")
        ]
        pairs = []
        for prompt, chosen, rejected, margin, probability in zip(*columns, strict=True):
            probabilities = [c.probability for c in comparisons.get(chosen, ()) if c.second_id == rejected]
            probabilities += [
                1 - c.probability for c in comparisons.get(rejected, ()) if c.second_id == chosen
            ]
            if probabilities and margin is not None:
                pairs.append(
                    LabelledPair(
                        prompt,
                        margin,
                        1.0 if probability is None else probability,
                        sum(probabilities) / len(probabilities),
                    )
                )
        if not pairs:
            raise RecipeError(
                f"labels: no label of {self.labels!r} is about a pair of this run that has a margin"
            )
        return pairs
