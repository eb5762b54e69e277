"""A model that is trained, looked at and saved."""

import importlib
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefgen.errors import RecipeError, TrainingStopped
from prefgen.storage.atomic_write import atomic_write
from prefgen.trainers.held_out import HeldOut
from prefgen.trainers.pairs import TrainingPairs
from prefgen.trainers.processes import is_first, wait_for_all
from prefgen.trainers.progress import TrainingProgress
from prefgen.trainers.settings import METRICS_FILE, TrainSettings

if TYPE_CHECKING:
    from prefgen.trainers.job import PreparedTraining

FULL_DISK_BYTES = 1 << 20
"""Bytes below which a disk is full."""


@dataclass(frozen=True)
class TrainedModel:
    """A model that has been trained and is still in memory. `module` is the trainer's file in this folder,
    `trainer` TRL's trainer.
    """

    job: "PreparedTraining"
    module: Any
    trainer: Any

    def margins(self) -> list[float]:
        """By how much the chosen side of each held-out pair is ahead: above 0 the model agrees with the
        label.
        """
        return self.module.margins(self.trainer, self.job) if self.job.test else []

    def measure(self) -> HeldOut:
        """What the model and its base say of the held-out pairs."""
        margins = self.margins()
        if not margins:
            return HeldOut([])
        from prefgen.trainers.reference import base_logps  # torch

        probabilities = getattr(self.module, "probabilities", None)
        return HeldOut(
            margins,
            probabilities(margins, self.job) if probabilities else None,
            base_logps(self.trainer, self.job),
        )

    def save(self, out: Path) -> None:
        """The adapter or the model, and the tokenizer."""
        with _explain_full_disk(out):
            self.trainer.save_model(str(out))
            if is_first():
                self.job.tokenizer.save_pretrained(out)
                _say_where_the_base_is(out)

    def merge(self, out: Path) -> None:
        """The weights, with an adapter put into the base's, as a model that needs no other. Every process is
        to wait here for the first.
        """
        if self.job.settings.lora is None:
            self.save(out)
        else:
            with _explain_full_disk(out):
                model = self._whole_model(out)
                if is_first():
                    model.merge_and_unload().save_pretrained(out)
                    self.job.tokenizer.save_pretrained(out)
        wait_for_all()

    def _whole_model(self, out: Path) -> Any:
        """The base with the adapter on it. Where each process holds a part of the weights (FSDP), none can
        put them together by itself: the first one puts what all of them save on the base, loaded anew.
        """
        if not (self.trainer.is_fsdp_enabled or self.trainer.is_deepspeed_enabled):
            return self.trainer.model
        from peft import PeftModel  # pyright: ignore[reportMissingImports]

        adapter = out / "adapter"
        self.trainer.save_model(str(adapter))
        if not is_first():
            return None
        load_base = getattr(self.module, "load_base", type(self.job).model)
        model = PeftModel.from_pretrained(load_base(self.job), str(adapter))
        shutil.rmtree(adapter)
        return model


def _say_where_the_base_is(out: Path) -> None:
    """An adapter names its base as it was given: a folder is found from elsewhere by its whole path alone."""
    path = out / "adapter_config.json"
    if not path.is_file():
        return
    config = json.loads(path.read_text(encoding="utf-8"))
    base = Path(config.get("base_model_name_or_path") or "")
    if base.is_dir() and not base.is_absolute():
        config["base_model_name_or_path"] = str(base.resolve())
        with atomic_write(path) as part:
            part.write_text(json.dumps(config, indent=2), encoding="utf-8")


def train_model(
    data: TrainingPairs,
    settings: TrainSettings,
    out: Path,
    progress: TrainingProgress,
) -> TrainedModel:
    """Train on the pairs, from the newest checkpoint in `out` where there is one. Raises RecipeError for what
    cannot begin, TrainingStopped.
    """
    from prefgen.trainers.going_on import train_to_end  # torch and TRL: four seconds
    from prefgen.trainers.job import prepare_training
    from prefgen.trainers.metrics import FirstLook

    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # SimPO and ORPO are there
    job = prepare_training(data, settings, out, progress)
    checkpoint = _newest_checkpoint(out)
    if checkpoint:
        progress.notify(f"going on from {checkpoint.name}")
    elif is_first():
        (out / METRICS_FILE).unlink(missing_ok=True)
    module = importlib.import_module(f"prefgen.trainers.{settings.use}")
    try:
        trainer = module.trainer(job)
    except (ValueError, ImportError, RuntimeError) as error:  # what TRL and peft refuse, or lack
        raise RecipeError(f"{settings.use} cannot begin: {' '.join(str(error).split())[:300]}") from None
    trainer.remove_callback(_printer_callback())
    if job.looked_at:
        trainer.add_callback(FirstLook(trainer))
    _warn_of_vanishing_updates(job, trainer.model)
    with _explain_full_disk(out):
        train_to_end(trainer, checkpoint)
    _refuse_diverged(trainer.model)
    return TrainedModel(job, module, trainer)


def _warn_of_vanishing_updates(job: "PreparedTraining", model: Any) -> None:
    from prefgen.trainers.base_model import vanishing_share  # torch

    share = vanishing_share(model, job.learning_rate)
    if share > 0.1:
        job.warnings.append(
            f"{share:.0%} of the weights are too coarse for updates of {job.learning_rate:g} "
            f"({job.settings.dtype}): they stay as they are. `dtype: auto` keeps them in float32"
        )


def _newest_checkpoint(out: Path) -> Path | None:
    """The newest checkpoint that was written whole."""
    candidates = ((path, path.name.rpartition("-")[2]) for path in (out / "checkpoints").glob("checkpoint-*"))
    whole = [
        (int(step), path)
        for path, step in candidates
        if step.isdigit() and (path / "trainer_state.json").is_file()
    ]
    return max(whole)[1] if whole else None


def _refuse_diverged(model: Any) -> None:
    """Raises TrainingStopped where what came out is no model any more."""
    import torch  # pyright: ignore[reportMissingImports]

    trained_weights = (weights for weights in model.parameters() if weights.requires_grad)
    if not all(bool(torch.isfinite(weights).all()) for weights in trained_weights):
        raise TrainingStopped(
            "the training diverged: there are weights that are no finite numbers. A lower `learning_rate` "
            "helps"
        )


@contextmanager
def _explain_full_disk(out: Path) -> Generator[None]:
    """A full disk makes torch fail in words of its own, of many kinds; it is told by what is left on it."""
    try:
        yield
    except Exception as error:
        if shutil.disk_usage(out).free >= FULL_DISK_BYTES:
            raise
        raise TrainingStopped(
            f"no space is left for {str(out)!r} ({type(error).__name__}); make some, and run the same again: "
            "it goes on"
        ) from error


def _printer_callback() -> Any:
    from transformers import PrinterCallback  # pyright: ignore[reportMissingImports]

    return PrinterCallback
