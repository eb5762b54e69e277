"""What a trainer measures as it goes: each number a line of metrics.jsonl, the newest in the progress."""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedBaseClass=false

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from prefgen.trainers.progress import TrainingProgress

PANEL_METRICS = tuple(
    side + name
    for name in ("loss", "rewards/accuracies", "accuracy", "rewards/margins", "margin")
    for side in ("", "eval_")
)
"""What a panel has room for."""


def append_metrics(path: Path, line: Mapping[str, float]) -> None:
    """Another line of metrics.jsonl."""
    finite_values = {name: value if math.isfinite(value) else None for name, value in line.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(finite_values) + "\n")


class MetricsLogger(TrainerCallback):
    """Every number that the trainer logs, as a line of metrics.jsonl, and in the progress for whoever looks
    on.
    """

    def __init__(self, path: Path, progress: TrainingProgress) -> None:
        self._path, self._progress, self._started = path, progress, time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._progress.step, self._progress.steps = state.global_step, state.max_steps
        self._progress.seconds = time.monotonic() - self._started

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        logs = {
            name.replace("kl", "batch_kl") if name in ("kl", "eval_kl") else name: value
            for name, value in logs.items()
        }  # of KTO's own making
        append_metrics(
            self._path,
            {"step": state.global_step, "seconds": round(time.monotonic() - self._started, 2), **logs},
        )
        self._progress.numbers |= {name: logs[name] for name in PANEL_METRICS if name in logs}
