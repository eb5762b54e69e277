"""What a trainer measures as it goes: each number a line of metrics.jsonl, the newest in the progress."""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedBaseClass=false

import json
import math
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from prefgen.trainers.progress import TrainingProgress

PANEL_METRICS = tuple(
    side + name
    for name in ("loss", "rewards/accuracies", "accuracy", "rewards/margins", "margin")
    for side in ("", "eval_")
)
"""What a panel has room for."""


EVEN_MARGIN = 1e-6


def append_metrics(path: Path, line: Mapping[str, float]) -> None:
    """Another line of metrics.jsonl."""
    finite_values = {name: value if math.isfinite(value) else None for name, value in line.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(finite_values) + "\n")


def weigh_by_rows(metrics: MutableMapping[str, list[float]], trainer: Any) -> None:
    """Make the means over a look's batches means over its rows: TRL gives the last batch, which may hold one
    pair, the weight of the others. On several processes the rows that fill up the last batch count for no
    more than they bring to its mean.
    """
    if not metrics:
        return
    rows, batch = len(trainer.eval_dataset), trainer.args.eval_batch_size * trainer.args.world_size
    sizes = [min(batch, rows - start) for start in range(0, rows, batch)]
    for name, values in metrics.items():
        if len(values) == len(sizes):  # what is counted over the whole training is one number
            total = math.fsum(value * size for value, size in zip(values, sizes, strict=True))
            metrics[name] = [total / rows]


class RowMeans:
    """Of a trainer of TRL's: what it logs of a look are means over its rows."""

    def log(self: Any, logs: dict[str, float], start_time: float | None = None) -> None:
        metrics = self._metrics if hasattr(self, "_metrics") else self._stored_metrics
        weigh_by_rows(metrics["eval"], self)
        super().log(logs, start_time)  # pyright: ignore[reportAttributeAccessIssue]


class FirstLook(TrainerCallback):
    """A look at the held-out pairs before the first step, beside which the later ones can be read."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 0:
            with torch.random.fork_rng():  # what is trained stays what it is without a look
                self._trainer.evaluate()


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
        if state.global_step == 0 and abs(logs.get("eval_rewards/margins", 1.0)) < EVEN_MARGIN:
            logs.pop("eval_rewards/accuracies", None)  # both sides are even, which TRL counts as wrong
        append_metrics(
            self._path,
            {"step": state.global_step, "seconds": round(time.monotonic() - self._started, 2), **logs},
        )
        self._progress.numbers |= {name: logs[name] for name in PANEL_METRICS if name in logs}
