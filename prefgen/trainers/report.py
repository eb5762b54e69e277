"""What a training came to: how often the model agrees with the labels of held-out pairs, and the model's
card.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from prefgen.kit.templates import render
from prefgen.stats import intervals
from prefgen.storage.atomic_write import atomic_write
from prefgen.trainers.curves import CURVES

REPORT = "training.json"


@dataclass(frozen=True)
class Accuracy:
    """Share of held-out pairs whose chosen side the model prefers, with its interval of 95 % (Wilson)."""

    value: float
    low: float
    high: float
    pairs: int


@dataclass
class TrainingReport:
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


def accuracy(margins: Sequence[float]) -> Accuracy:
    return Accuracy(
        *intervals.wilson_interval([float(margin > 0) + 0.5 * float(margin == 0) for margin in margins]),
        len(margins),
    )


def accuracy_difference(
    margins: Sequence[float], control_margins: Sequence[float]
) -> tuple[float, float, float]:
    """(difference of the two accuracies, and its interval of 95 %), pair by pair."""
    return intervals.paired_change_interval(
        [float(a > 0) - float(b > 0) for a, b in zip(margins, control_margins, strict=True)]
    )


def write_training_report(report: TrainingReport, out: Path, *, on_hub: bool) -> None:
    weight_paths = sorted([*out.glob("*.safetensors")])
    digest = hashlib.sha256(
        b"".join(hashlib.sha256(path.read_bytes()).digest() for path in weight_paths)
    ).hexdigest()[:32]
    card = render(
        "trainers/card.md.j2",
        **{
            **asdict(report),
            "digest": digest,
            "curves": (out / CURVES).is_file(),
            "on_hub": on_hub,
            "adapter": (out / "adapter_config.json").is_file(),
        },
    )
    for name, text in (
        ("README.md", card + "\n"),
        (REPORT, json.dumps({**asdict(report), "weights": digest}, indent=1) + "\n"),
    ):
        with atomic_write(out / name) as part:
            part.write_text(text, encoding="utf-8")
