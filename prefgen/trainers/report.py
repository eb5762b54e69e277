"""What a training came to: how often the model agrees with the labels of held-out pairs, and the model's
card.
"""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prefgen.errors import RecipeError
from prefgen.kit.templates import render
from prefgen.publish.licenses import non_commercial
from prefgen.stats import intervals
from prefgen.storage.atomic_write import atomic_write
from prefgen.text.said_lines import Line, Said
from prefgen.trainers.curves import CURVES
from prefgen.trainers.held_out import Accuracy, HeldOutDetails
from prefgen.trainers.origins import weights_digest
from prefgen.trainers.report_words import ABOUT_ACCURACY, report_lines

REPORT = "training.json"


@dataclass(repr=False)
class TrainingReport(Said):
    """What a training came to; `controls` are the same pairs trained on with labels that cannot be right, on
    the same held-out pairs.
    """

    base: str
    revision: str | None
    sources: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    pairs: Mapping[str, int]
    refused: int
    lengths: Mapping[str, float]
    accuracy: Accuracy | None
    controls: dict[str, Accuracy] = field(default_factory=dict)
    ahead: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """By how much the real labels are ahead of each control: (difference, low, high), paired by pair."""
    warnings: list[str] = field(default_factory=list)
    base_digest: str | None = None
    """Of the weights of a base that is a folder."""
    pairs_digest: str | None = None
    """Of the pairs that were trained on."""
    learning_rate: float | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    held_out: HeldOutDetails | None = None

    def said_lines(self) -> Iterable[Line]:
        return report_lines(self)


def accuracy_difference(
    margins: Sequence[float], control_margins: Sequence[float], prompts: Sequence[Hashable]
) -> tuple[float, float, float]:
    """(difference of the two accuracies, and its interval of 95 %), pair by pair."""
    changes = [float(a > 0) - float(b > 0) for a, b in zip(margins, control_margins, strict=True)]
    return intervals.paired_change_interval(changes, prompts)


MARGINS = "margins.jsonl"


def write_margins(rows: Sequence[Mapping[str, Any]], margins: Sequence[float], path: Path) -> None:
    """A line a held-out pair: what tells it from others, what its label says, and by how much the model finds
    the chosen side ahead.
    """
    with atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        for row, margin in zip(rows, margins, strict=True):
            names = ("id", "prompt_key", "source", "category", "judge", "probability", "weight")
            file.write(json.dumps({**{name: row[name] for name in names}, "model_margin": margin}) + "\n")


def read_training_report(out: Path) -> TrainingReport:
    """The report of a finished training, of this version or an earlier one. Raises RecipeError."""
    try:
        found = json.loads((out / REPORT).read_text(encoding="utf-8"))
        fields = {name: found[name] for name in TrainingReport.__dataclass_fields__ if name in found}
        for name in ("settings", "pairs", "lengths"):
            dict(fields[name])
        if fields["accuracy"] is not None:
            fields["accuracy"] = Accuracy(**fields["accuracy"])
        fields["controls"] = {name: Accuracy(**value) for name, value in fields["controls"].items()}
        if fields.get("held_out") is not None:
            fields["held_out"] = _read_details(fields["held_out"])
        fields["ahead"] = {name: tuple(value) for name, value in fields["ahead"].items()}
        return TrainingReport(**fields)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecipeError(
            f"{str(out)!r} holds a finished training whose {REPORT} cannot be read ({type(error).__name__}); "
            "give another --out"
        ) from None


def _read_details(found: Mapping[str, Any]) -> HeldOutDetails:
    def accuracies(values: Mapping[str, Any]) -> dict[str, Accuracy]:
        return {name: Accuracy(**value) for name, value in values.items()}

    groups = {column: accuracies(values) for column, values in found["groups"].items()}
    return HeldOutDetails(found["mean_margin"], accuracies(found["baseline"]), found["calibration"], groups)


def write_training_report(report: TrainingReport, out: Path, *, on_hub: bool) -> None:
    """Write the model's card, and the report, which says that a training is finished."""
    digest = weights_digest(out)
    _write_card(report, out, digest, on_hub, None)
    with atomic_write(out / REPORT) as part:
        part.write_text(json.dumps({**asdict(report), "weights": digest}, indent=1) + "\n", encoding="utf-8")


def write_evaluated_card(
    report: TrainingReport, out: Path, evaluation: Mapping[str, Any], *, on_hub: bool
) -> None:
    """Write the model's card anew, with what came of judging the model's answers. No other file of the folder
    changes: those that stand beside the weights are part of the model's identity.
    """
    _write_card(report, out, weights_digest(out), on_hub, evaluation)


def _write_card(
    report: TrainingReport,
    out: Path,
    digest: str | None,
    on_hub: bool,
    evaluation: Mapping[str, Any] | None,
) -> None:
    licenses = Counter[str]()
    for source in report.sources:
        licenses.update(source.get("licenses", {}))
    card = render(
        "trainers/card.md.j2",
        **{
            **asdict(report),
            "digest": digest,
            "curves": (out / CURVES).is_file(),
            "on_hub": on_hub,
            "adapter": (out / "adapter_config.json").is_file(),
            "licenses": sorted(licenses.items()),
            "non_commercial": non_commercial([*licenses]),
            "about_accuracy": ABOUT_ACCURACY,
            "evaluation": evaluation,
            "settings_yaml": yaml.safe_dump(
                {**report.settings, "learning_rate": report.learning_rate}, sort_keys=False
            ).strip(),
        },
    )
    with atomic_write(out / "README.md") as part:
        part.write_text(card + "\n", encoding="utf-8")
