"""A training that goes on from a checkpoint, which may be its last."""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedBaseClass=false

import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from prefgen.errors import RecipeError


class _AtEnd(Exception):
    """The checkpoint is the end of the training."""


class _StopAtEnd(TrainerCallback):
    """Stops before the further step that transformers makes wherever it goes on, also at the end."""

    def __init__(self, checkpoint: Path) -> None:
        self._name, self._has_stopped_early = checkpoint.name, _has_stopped_early(checkpoint)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step > state.max_steps:
            raise RecipeError(
                f"{self._name} is beyond the {state.max_steps:,} steps that are asked for now; give another "
                "--out"
            )
        if state.global_step == state.max_steps or self._has_stopped_early:
            raise _AtEnd


def train_to_end(trainer: Any, checkpoint: Path | None) -> None:
    """Train from a checkpoint, or from the beginning; the trainer then holds the model that came of it.
    Raises RecipeError for a checkpoint beyond the end.
    """
    if checkpoint is None:
        trainer.train()
        return
    trainer.add_callback(_StopAtEnd(checkpoint))
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint))
    except _AtEnd:  # the weights of the checkpoint are loaded
        if trainer.args.load_best_model_at_end and trainer.state.best_model_checkpoint:
            trainer._load_best_model()


def _has_stopped_early(checkpoint: Path) -> bool:
    """Whether patience had ended the training with this checkpoint."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    control = state.get("stateful_callbacks", {}).get("TrainerControl", {}).get("args", {})
    return bool(control.get("should_training_stop")) and state["global_step"] < state["max_steps"]
