"""A training from the dataset to the model with its card: train, look at the held-out pairs, compare with the
controls, write what was found.
"""

import hashlib
import importlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from prefgen.errors import RecipeError, TrainingStopped
from prefgen.kit.templates import render
from prefgen.report.plots import INSTALL_HINT, can_draw
from prefgen.stats import intervals
from prefgen.storage.atomic_write import atomic_write, display_name
from prefgen.storage.canonical_json import canonical
from prefgen.trainers.curves import CURVES, draw_curves
from prefgen.trainers.pairs import Control, TrainingPairs, read_training_pairs, with_control_labels
from prefgen.trainers.processes import is_first, wait_for_all
from prefgen.trainers.progress import TrainingProgress
from prefgen.trainers.settings import METRICS, TrainSettings

REPORT = "training.json"
STARTED = "started.json"
FULL_DISK_BYTES = 1 << 20
"""Bytes below which a disk is full."""
CHANGEABLE_SETTINGS = {"epochs", "max_steps", "evaluate", "save", "patience", "cpu", "max_repeated_chosen"}
"""Settings that a training which goes on may have changed."""


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


def run_training(
    names: Sequence[str],
    settings: TrainSettings,
    out: Path,
    *,
    controls: Sequence[Control] = (),
    resume: bool = False,
    merge: bool = False,
    progress: TrainingProgress | None = None,
) -> TrainingReport:
    """Train on the datasets and write model, card, metrics and report to `out`. Raises RecipeError,
    GateFailed.
    """
    progress = progress or TrainingProgress()
    say = progress.notify
    base = settings.base
    if base is None:
        raise RecipeError("which model? Give --base, or `base` under `train`")
    _check_output_folder(out, base, settings, resume)
    data = read_training_pairs(names, max_repeated_chosen=settings.max_repeated_chosen, seed=settings.seed)
    settings = _resolve_smoothing(data, settings, say)
    say(f"{len(data.train):,} pairs to train on, {len(data.test):,} held out")
    if data.leaking:
        say(
            f"{data.leaking:,} pairs were left out: their prompts are held out, or nearly, in another of "
            "the datasets"
        )
    if not data.test and (controls or settings.patience):
        raise RecipeError(
            f"{'--control' if controls else 'patience'} looks at held-out pairs, and the dataset has none"
        )
    if merge and settings.lora is None:
        raise RecipeError(
            "--merge: without `lora` there is no adapter to put into the base; the model that is written is "
            "whole"
        )
    if merge and settings.sft_epochs:
        raise RecipeError(
            "--merge: after `sft_epochs` there is no adapter of the base; the model that is written is whole"
        )
    out.mkdir(parents=True, exist_ok=True)
    if resume:
        _check_same_training(data, settings, out)
        if is_first():
            for stale_path in (*out.glob(REPORT), *out.glob("control-*")):  # of the shorter training
                shutil.rmtree(stale_path) if stale_path.is_dir() else stale_path.unlink()
    elif is_first():
        (out / STARTED).write_text(json.dumps(_training_identity(data, settings)) + "\n", encoding="utf-8")
    tuned_settings = _sft_first(data, settings, out, progress) if settings.sft_epochs else settings
    progress.begin("training")
    trained_model = TrainedModel(data, tuned_settings, out, progress, resume=resume)
    margins = trained_model.margins()
    job = trained_model.job
    report = TrainingReport(
        base=display_name(base),
        revision=settings.revision,
        sources=[{**source, "name": display_name(source["name"])} for source in data.sources],
        settings={**settings.model_dump(mode="json"), "base": display_name(base)},
        pairs={"train": len(job.train), "test": len(job.test)},
        refused=job.refused,
        lengths={**job.lengths.as_json(), "max_length": job.max_length},
        accuracy=accuracy(margins) if margins else None,
    )
    trained_model.merge(out) if settings.lora and settings.sft_epochs else trained_model.save(out)
    if is_first():
        if can_draw():
            draw_curves(out / METRICS, report.lengths, out / CURVES)
        else:
            say(INSTALL_HINT)
    if merge:
        trained_model.merge(out / "merged")
    del trained_model, job
    for control in controls:
        progress.begin(f"control {control}: the same pairs with labels that cannot be right")
        control_margins = _train_control(data, control, tuned_settings, out, progress)
        report.controls[control] = accuracy(control_margins)
        report.ahead[control] = accuracy_difference(margins, control_margins)
        if report.ahead[control][1] <= 0:
            difference, low, high = report.ahead[control]
            report.warnings.append(
                f"the labels do no better than the control {control!r} on held-out pairs: {difference:+.3f} "
                f"({low:+.3f} to {high:+.3f}). What was learned from them is not told apart from that"
            )
    for warning in report.warnings:
        say(f"warning: {warning}")
    wait_for_all()
    if is_first():
        shutil.rmtree(out / "sft", ignore_errors=True)  # what was written stands without it
        _write_report(report, out, on_hub=not Path(base).exists())
    return report


def _resolve_smoothing(
    data: TrainingPairs, settings: TrainSettings, say: Callable[[str], None]
) -> TrainSettings:
    """The settings with the measured probability that a label is wrong, where that is wanted."""
    if settings.label_smoothing != "measured":
        return settings
    if settings.labels == "soft" and any(row["unsure"] for row in data.train):
        raise RecipeError(
            "label_smoothing: measured: these pairs say themselves how sure their labels are; for one rate "
            "for all say labels: hard"
        )
    noise, pairs, share = data.label_noise()
    say(
        f"label smoothing {noise:.3f}: in {share:.1%} of {pairs:,} pairs that were judged in both orders "
        "the other has another winner"
    )
    return settings.model_copy(update={"label_smoothing": noise})


def _check_output_folder(out: Path, base: str, settings: TrainSettings, resume: bool) -> None:
    """Raises RecipeError where a training would write over anything but one that was begun here and not
    finished.
    """
    if Path(base).is_dir() and out.resolve() in (Path(base).resolve(), *Path(base).resolve().parents):
        raise RecipeError(
            f"--out {str(out)!r} is, or holds, the base: the model would be written over what it is trained "
            "from"
        )
    if (out / REPORT).is_file():
        if not resume:
            raise RecipeError(f"{str(out)!r} holds a finished training; give another --out, or remove it")
        previous_report = json.loads((out / REPORT).read_text(encoding="utf-8"))
        previous_limits = {name: previous_report["settings"].get(name) for name in ("epochs", "max_steps")}
        if previous_limits == {name: getattr(settings, name) for name in previous_limits}:
            raise RecipeError(
                f"the training in {str(out)!r} is finished; with more `epochs` or `max_steps` --resume goes "
                "on"
            )
    elif out.is_dir() and any(out.iterdir()) and not (out / STARTED).is_file():
        raise RecipeError(
            f"{str(out)!r} holds files of something else; give a folder that is empty or not there"
        )


class TrainedModel:
    """A model that has been trained and is still in memory."""

    def __init__(
        self,
        data: TrainingPairs,
        settings: TrainSettings,
        out: Path,
        progress: TrainingProgress,
        *,
        resume: bool = False,
    ) -> None:
        from prefgen.trainers.job import latest_checkpoint, prepare_training  # torch and TRL: four seconds

        os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # SimPO is there
        self._trainer_module = importlib.import_module(f"prefgen.trainers.{settings.use}")
        say = progress.notify
        self.job = prepare_training(data, settings, out, progress)
        checkpoint = latest_checkpoint(out / "checkpoints") if resume else None
        if resume:
            say(
                f"going on from {checkpoint.name}"
                if checkpoint
                else "there is no checkpoint to go on from: starting anew"
            )
        if not checkpoint and is_first():
            (out / METRICS).unlink(missing_ok=True)
            shutil.rmtree(out / "checkpoints", ignore_errors=True)
        try:
            self.trainer = self._trainer_module.trainer(self.job)
        except ValueError as error:  # what TRL and peft refuse
            raise RecipeError(f"{settings.use} cannot begin: {' '.join(str(error).split())[:300]}") from None
        self.trainer.remove_callback(_printer_callback())
        with _explain_full_disk(out):
            self.trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        self._check_weights_finite()

    def _check_weights_finite(self) -> None:
        """Raises TrainingStopped where what came out is no model any more."""
        import torch  # pyright: ignore[reportMissingImports]

        if not all(
            bool(torch.isfinite(weights).all())
            for weights in self.trainer.model.parameters()
            if weights.requires_grad
        ):
            raise TrainingStopped(
                "the training diverged: there are weights that are no finite numbers. A lower "
                "`learning_rate` helps"
            )

    def margins(self) -> list[float]:
        """By how much the chosen side of each held-out pair is ahead: above 0 the model agrees with the
        label.
        """
        return self._trainer_module.margins(self.trainer, self.job) if self.job.test else []

    def save(self, out: Path) -> None:
        """The adapter or the model, and the tokenizer."""
        with _explain_full_disk(out):
            self.trainer.save_model(str(out))
            if is_first():
                self.job.tokenizer.save_pretrained(out)

    def merge(self, out: Path) -> None:
        """The weights, with an adapter put into the base's, as a model that needs no other. Every process is
        to wait here for the first.
        """
        if is_first():
            model = self.trainer.accelerator.unwrap_model(self.trainer.model)
            with _explain_full_disk(out):
                (model.merge_and_unload() if hasattr(model, "merge_and_unload") else model).save_pretrained(
                    out
                )
                self.job.tokenizer.save_pretrained(out)
        wait_for_all()


@contextmanager
def _explain_full_disk(out: Path) -> Generator[None]:
    """A full disk makes torch fail in words of its own, of many kinds; it is told by what is left on it."""
    try:
        yield
    except Exception as error:
        if shutil.disk_usage(out).free >= FULL_DISK_BYTES:
            raise
        raise TrainingStopped(
            f"no space is left for {str(out)!r} ({type(error).__name__}); make some, and go on with --resume"
        ) from error


def _printer_callback() -> Any:
    from transformers import PrinterCallback  # pyright: ignore[reportMissingImports]

    return PrinterCallback


def _training_identity(data: TrainingPairs, settings: TrainSettings) -> dict[str, Any]:
    """What a training must not have changed when it goes on."""
    digest = hashlib.blake2b(digest_size=16)
    for row in data.train:
        digest.update(
            canonical({name: row[name] for name in ("prompt", "chosen", "rejected", "probability", "weight")})
        )
    return {"pairs": digest.hexdigest(), **settings.model_dump(mode="json", exclude=CHANGEABLE_SETTINGS)}


def _check_same_training(data: TrainingPairs, settings: TrainSettings, out: Path) -> None:
    if not (out / STARTED).is_file():
        raise RecipeError(f"{str(out)!r} holds no training that could go on")
    started, current = (
        json.loads((out / STARTED).read_text(encoding="utf-8")),
        _training_identity(data, settings),
    )
    if changed := sorted(name for name in current if started.get(name) != current[name]):
        raise RecipeError(
            f"the training in {str(out)!r} was begun with other {', '.join(changed)}; give another --out, "
            "or begin anew"
        )


def _sft_first(
    data: TrainingPairs, settings: TrainSettings, out: Path, progress: TrainingProgress
) -> TrainSettings:
    """Train on the best answers, and take what comes out as the base; what was made so of the same pairs and
    settings is taken as it is.
    """
    folder = out / "sft"
    digest = hashlib.blake2b(canonical(_training_identity(data, settings)), digest_size=16).hexdigest()
    if not (folder / "done").is_file() or (folder / "done").read_text(encoding="utf-8") != digest:
        progress.begin("first, on the best answer to each prompt")
        hard_labels = {"labels": "hard", "weights": False, "label_smoothing": 0.0}
        sft_settings = settings.model_copy(
            update={
                "use": "sft",
                "epochs": settings.sft_epochs,
                "sft_epochs": 0.0,
                "max_steps": -1,
                **hard_labels,
            }
        )
        train, test = (
            [row for row in rows if row["weight"] and row["probability"] >= 0.5]
            for rows in (data.train, data.test)
        )
        TrainedModel(replace(data, train=train, test=test), sft_settings, folder, progress).merge(
            folder / "model"
        )
        if is_first():
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            (folder / "done").write_text(digest, encoding="utf-8")
    return settings.model_copy(update={"base": str(folder / "model"), "revision": None})


def _train_control(
    data: TrainingPairs, control: Control, settings: TrainSettings, out: Path, progress: TrainingProgress
) -> list[float]:
    folder = out / f"control-{control}"
    control_data = replace(data, train=with_control_labels(data.train, control, settings.seed))
    trained_model = TrainedModel(control_data, settings, folder, progress)
    trained_model.save(folder)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return trained_model.margins()


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


def _write_report(report: TrainingReport, out: Path, *, on_hub: bool) -> None:
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
