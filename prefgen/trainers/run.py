"""A training from the dataset to the model with its card: train, look at the held-out pairs, compare with the
controls, write what was found.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from prefgen.dataset.bad_rows import BadRows
from prefgen.errors import RecipeError
from prefgen.report.plots import INSTALL_HINT, can_draw
from prefgen.storage.atomic_write import display_name
from prefgen.trainers.curves import CURVES, draw_curves
from prefgen.trainers.held_out import HeldOut, accuracy, details, doubts
from prefgen.trainers.origins import library_versions, weights_digest
from prefgen.trainers.pairs import (
    Control,
    TrainingPairs,
    read_training_pairs,
    with_control_labels,
    with_validation,
)
from prefgen.trainers.processes import is_first, wait_for_all
from prefgen.trainers.progress import TrainingProgress
from prefgen.trainers.prompt_files import PromptFiles, write_prompts
from prefgen.trainers.report import (
    MARGINS,
    TrainingReport,
    accuracy_difference,
    write_margins,
    write_training_report,
)
from prefgen.trainers.settings import METRICS_FILE, TrainSettings
from prefgen.trainers.trained_model import train_model
from prefgen.trainers.training_folder import (
    check_same_training,
    finished_report,
    forget_finish,
    note_beginning,
    standing_of,
)

if TYPE_CHECKING:
    from prefgen.trainers.job import PreparedTraining


def run_training(
    names: Sequence[str],
    settings: TrainSettings,
    out: Path,
    *,
    controls: Sequence[Control] = (),
    resume: bool = False,
    merge: bool = False,
    prompt_files: PromptFiles | None = None,
    progress: TrainingProgress | None = None,
) -> TrainingReport:
    """Train on the datasets and write model, card, metrics and report to `out`, and the prompts to
    `prompt_files`. Raises RecipeError, GateFailed.
    """
    progress, prompt_files = progress or TrainingProgress(), prompt_files or PromptFiles()
    if settings.base is None:
        raise RecipeError("which model? Give --base, or `base` under `train`")
    standing = standing_of(out, settings, resume=resume)
    bad_rows = BadRows(settings.on_bad_rows)
    data = read_training_pairs(
        names,
        max_repeated_chosen=settings.max_repeated_chosen,
        seed=settings.seed,
        bad_rows=bad_rows,
    )
    if bad_rows.rows:
        progress.notify(bad_rows.sentence())
    if settings.patience:
        data = with_validation(data, settings.seed)
    settings = _resolve_smoothing(data, settings, progress.notify)
    _tell_of_pairs(data, progress.notify)
    _refuse_what_has_no_effect(data, settings, controls, merge)
    if prompt_files.held_out and not data.test:
        raise RecipeError(
            "the trained model is to be asked held-out prompts, and the dataset has none: with "
            "--eval-prompts recipe it is asked those of the recipe"
        )
    if standing != "new":
        check_same_training(out, data, settings)
    if is_first():
        write_prompts(data, prompt_files)
    if standing == "finished":
        progress.notify(f"the training in {str(out)!r} is finished: nothing was trained again")
        return finished_report(out, controls, merge=merge)
    if is_first():
        forget_finish(out) if standing == "longer" else note_beginning(out, data, settings)
    tuned_settings = _sft_first(data, settings, out, progress) if settings.sft_epochs else settings
    progress.begin("training")
    trained_model = train_model(data, tuned_settings, out, progress)
    found = trained_model.measure()
    margins, test = found.margins, trained_model.job.test
    report = _report_of(trained_model.job, data, settings, found)
    if is_first() and margins:
        write_margins(test, margins, out / MARGINS)
    trained_model.save(out) if settings.writes_adapter else trained_model.merge(out)
    if is_first():
        if can_draw():
            draw_curves(out / METRICS_FILE, report.lengths, out / CURVES)
        else:
            progress.notify(INSTALL_HINT)
    if merge:
        trained_model.merge(out / "merged")
    del trained_model
    for control in controls:
        control_margins = _train_control(data, control, tuned_settings, out, progress)
        report.controls[control] = accuracy(control_margins, test)
        prompts = [row["prompt_key"] for row in test]
        report.ahead[control] = accuracy_difference(margins, control_margins, prompts)
        _warn_if_not_ahead(report, control)
    for warning in report.warnings:
        progress.warn(warning)
    wait_for_all()
    if is_first():
        for control in controls:
            shutil.rmtree(out / f"control-{control}" / "checkpoints", ignore_errors=True)
        write_training_report(report, out, on_hub=not Path(settings.base or "").exists())
    return report


def _tell_of_pairs(data: TrainingPairs, say: Callable[[str], None]) -> None:
    looked_at = f", {len(data.validation):,} to look at meanwhile" if data.validation else ""
    say(f"{len(data.train):,} pairs to train on{looked_at}, {len(data.test):,} held out")
    if data.leaking:
        say(
            f"{data.leaking:,} pairs were left out: their prompts are held out, or nearly, in another of "
            "the datasets"
        )


def _refuse_what_has_no_effect(
    data: TrainingPairs, settings: TrainSettings, controls: Sequence[Control], merge: bool
) -> None:
    """Raises RecipeError for what was asked for and cannot be done with these pairs or settings."""
    if not data.test and (controls or settings.patience):
        raise RecipeError(
            f"{'--control' if controls else 'patience'} looks at held-out pairs, and the dataset has none"
        )
    if settings.patience and not data.validation:
        raise RecipeError(
            "patience picks a model by pairs that it is not graded on, and there are too few prompts to set "
            "some apart. Give the dataset a split named validation, or leave `patience` out"
        )
    if merge and not settings.writes_adapter:
        reason = "without `lora`" if settings.lora is None else "after `sft_epochs`"
        raise RecipeError(
            f"--merge: {reason} there is no adapter to put into the base; the model that is written is whole"
        )


def _report_of(
    job: "PreparedTraining", data: TrainingPairs, settings: TrainSettings, found: HeldOut
) -> TrainingReport:
    base = display_name(settings.base or "")
    measured = accuracy(found.margins, job.test) if found.margins else None
    against_reference = settings.use in ("dpo", "kto")
    said = doubts(measured, found.margins, against_reference=against_reference) if measured else []
    return TrainingReport(
        base=base,
        revision=settings.revision or job.base_commit,
        sources=[{**source, "name": display_name(source["name"])} for source in data.sources],
        settings={**settings.model_dump(mode="json"), "base": base},
        pairs={"train": len(job.train), "validation": len(job.validation), "test": len(job.test)},
        refused=job.refused,
        lengths={**job.lengths.as_json(), "max_length": job.max_length},
        accuracy=measured,
        warnings=[*job.warnings, *said],
        base_digest=weights_digest(Path(settings.base or "")),
        pairs_digest=data.digest,
        learning_rate=job.learning_rate,
        libraries=library_versions(),
        held_out=details(found, job.test) if found.margins else None,
    )


def _warn_if_not_ahead(report: TrainingReport, control: Control) -> None:
    difference, low, high = report.ahead[control]
    if low <= 0:
        report.warnings.append(
            f"the labels do no better than the control {control!r} on held-out pairs: {difference:+.3f} "
            f"({low:+.3f} to {high:+.3f}). What was learned from them is not told apart from that"
        )


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


def _sft_first(
    data: TrainingPairs, settings: TrainSettings, out: Path, progress: TrainingProgress
) -> TrainSettings:
    """Train on the best answers, and take what comes out as the base. It stays, as the reference of what is
    reported.
    """
    folder = out / "sft"
    if not (folder / "done").is_file():
        progress.begin("first, on the best answer to each prompt")
        hard_labels = {"labels": "hard", "weights": False, "label_smoothing": 0.0}
        sft_settings = settings.model_copy(
            update={
                "use": "sft",
                "epochs": settings.sft_epochs,
                "learning_rate": settings.sft_learning_rate,
                "sft_epochs": 0.0,
                "max_steps": -1,
                **hard_labels,
            }
        )
        train, test, validation = (
            [row for row in rows if row["weight"] and row["probability"] >= 0.5]
            for rows in (data.train, data.test, data.validation)
        )
        best_answers = replace(data, train=train, test=test, validation=validation)
        train_model(best_answers, sft_settings, folder, progress).merge(folder / "model")
        if is_first():
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            (folder / "done").touch()
    return settings.model_copy(update={"base": str(folder / "model"), "revision": None})


def _train_control(
    data: TrainingPairs, control: Control, settings: TrainSettings, out: Path, progress: TrainingProgress
) -> list[float]:
    progress.begin(f"control {control}: the same pairs with labels that cannot be right")
    folder = out / f"control-{control}"
    control_data = replace(
        data,
        train=with_control_labels(data.train, control, settings.seed),
        validation=with_control_labels(data.validation, control, settings.seed + 1),
    )
    trained_model = train_model(control_data, settings, folder, progress)
    trained_model.save(folder)
    return trained_model.margins()
