"""A training from the dataset to the model with its card: train, look at the held-out pairs, compare with the controls, write what was found."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from prefgen.errors import RecipeError
from prefgen.files import written_whole
from prefgen.templates import render
from prefgen.trainers.pairs import Control, Data, controlled, read
from prefgen.trainers.settings import Train

RESAMPLES = 2000
REPORT = "training.json"


@dataclass(frozen=True)
class Accuracy:
    """Share of held-out pairs whose chosen side the model prefers, with the interval of 95 % of bootstrap resamples."""

    value: float
    low: float
    high: float
    pairs: int


@dataclass
class Report:
    """What a training came to; `controls` are the same pairs trained on with labels that cannot be right, on the same held-out pairs."""

    base: str
    revision: str | None
    sources: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    pairs: Mapping[str, int]
    refused: int
    lengths: Mapping[str, int]
    accuracy: Accuracy | None
    controls: dict[str, Accuracy] = field(default_factory=dict)
    ahead: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """By how much the real labels are ahead of each control: (difference, low, high), paired by pair."""
    warnings: list[str] = field(default_factory=list)


def run_training(
    names: Sequence[str],
    settings: Train,
    out: Path,
    *,
    controls: Sequence[Control] = (),
    resume: bool = False,
    merge: bool = False,
    say: Callable[[str], object] = print,
) -> Report:
    """Train on the datasets and write model, card, metrics and report to `out`. Raises RecipeError, GateFailed."""
    if settings.base is None:
        raise RecipeError("which model? Give --base, or `base` under `train`")
    if (out / REPORT).exists() and not resume:
        raise RecipeError(f"{str(out)!r} holds a finished training; give another --out, or remove it")
    data = read(names, canned=settings.canned, seed=settings.seed)
    say(f"{len(data.train):,} pairs to train on, {len(data.test):,} held out")

    from prefgen.trainers.dpo import train  # torch and TRL: four seconds

    trained = train(data, settings, out, resume=resume, say=say)
    margins = trained.margins() if data.test else []
    report = Report(
        base=settings.base,
        revision=settings.revision,
        sources=data.sources,
        settings=settings.model_dump(mode="json"),
        pairs=trained.counts,
        refused=trained.refused,
        lengths=asdict(trained.lengths),
        accuracy=accuracy(margins, settings.seed) if margins else None,
    )
    trained.save(out)
    if merge:
        _merged(trained, out)
    del trained
    for control in controls:
        if not margins:
            raise RecipeError("--control compares on held-out pairs, and the dataset has none")
        say(f"control {control}: the same pairs with labels that cannot be right")
        others = _control(data, control, settings, out, say)
        report.controls[control] = accuracy(others, settings.seed)
        report.ahead[control] = ahead(margins, others, settings.seed)
        if report.ahead[control][1] <= 0:
            difference, low, high = report.ahead[control]
            report.warnings.append(
                f"the labels do no better than the control {control!r} on held-out pairs: {difference:+.3f} ({low:+.3f} to {high:+.3f}). "
                "What was learned from them is not told apart from that"
            )
    for line in report.warnings:
        say(f"warning: {line}")
    _write(report, out)
    return report


def _control(data: Data, control: Control, settings: Train, out: Path, say: Callable[[str], object]) -> list[float]:
    from prefgen.trainers.dpo import train

    folder = out / f"control-{control}"
    turned = replace(data, train=controlled(data.train, control, settings.seed))
    trained = train(turned, settings, folder, say=lambda line: say(f"{control}: {line}"))
    trained.save(folder)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return trained.margins()


def accuracy(margins: Sequence[float], seed: int) -> Accuracy:
    right = [float(margin > 0) + 0.5 * float(margin == 0) for margin in margins]
    low, high = _interval(right, seed)
    return Accuracy(math.fsum(right) / len(right), low, high, len(right))


def ahead(margins: Sequence[float], others: Sequence[float], seed: int) -> tuple[float, float, float]:
    """(difference of the two accuracies, and the interval of 95 % of resamples of the pairs), pair by pair."""
    differences = [float(a > 0) - float(b > 0) for a, b in zip(margins, others, strict=True)]
    low, high = _interval(differences, seed)
    return math.fsum(differences) / len(differences), low, high


def _interval(values: Sequence[float], seed: int) -> tuple[float, float]:
    rng, n = Random(f"bootstrap/{seed}"), len(values)
    means = sorted(math.fsum(rng.choices(values, k=n)) / n for _ in range(RESAMPLES))
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]


def _merged(trained: Any, out: Path) -> None:
    """The adapter put into the base's weights, for serving: a folder of its own."""
    model = trained.trainer.model
    if hasattr(model, "merge_and_unload"):
        model.merge_and_unload().save_pretrained(out / "merged")
        trained.trainer.processing_class.save_pretrained(out / "merged")


def _write(report: Report, out: Path) -> None:
    weights = sorted([*out.glob("*.safetensors")])
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in weights)).hexdigest()[:32]
    card = render("trainers/card.md.j2", **{**asdict(report), "digest": digest, "adapter": (out / "adapter_config.json").is_file()})
    for name, text in (("README.md", card + "\n"), (REPORT, json.dumps({**asdict(report), "weights": digest}, indent=1) + "\n")):
        with written_whole(out / name) as beside:
            beside.write_text(text, encoding="utf-8")
