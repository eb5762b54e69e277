"""What is measured against the model that training began with: implicit rewards of held-out pairs, and how far the model has moved."""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedBaseClass=false

from contextlib import nullcontext
from typing import Any

from transformers import TrainerCallback

from prefgen.trainers.job import PreparedTraining, append_metrics
from prefgen.trainers.likelihood import answer_logps, divergence
from prefgen.trainers.settings import METRICS

SAMPLE = 64
"""Held-out answers on which the divergence is measured."""


def implicit_margins(made: Any, job: PreparedTraining, beta: float) -> list[float]:
    """beta * ((log-ratio to the reference of the chosen side) - (that of the rejected side)) of each held-out pair."""
    model = made.model.eval()
    asked = [(row["prompt"], row[side]) for row in job.test for side in ("chosen", "rejected")]
    options: dict[str, Any] = {"max_length": job.max_length, "batch_size": 2 * job.settings.batch_size}
    now = answer_logps(model, job.tokenizer, asked, **options)
    adapted = hasattr(model, "disable_adapter")
    reference = model if adapted else job.model().to(model.device).eval()
    with model.disable_adapter() if adapted else nullcontext():
        before = answer_logps(reference, job.tokenizer, asked, **options)
    moved = [a - b for (a, _), (b, _) in zip(now, before, strict=True)]
    return [beta * (chosen - rejected) for chosen, rejected in zip(moved[::2], moved[1::2], strict=True)]


class Drift(TrainerCallback):
    """`eval_kl` beside every look at the held-out pairs: KL from the reference a token, in nats, on the same few answers."""

    def __init__(self, job: PreparedTraining, made: Any, reference: Any) -> None:
        self._job, self._made, self._reference = job, made, reference
        self._asked = [(row["prompt"], row[side]) for row in job.test for side in ("chosen", "rejected")][
            :SAMPLE
        ]

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        model, job = self._made.model, self._job
        training = model.training
        model.eval()
        found = divergence(
            model,
            self._reference,
            job.tokenizer,
            self._asked,
            max_length=job.max_length,
            batch_size=2 * job.settings.batch_size,
        )
        model.train(training)
        if state.is_world_process_zero:
            append_metrics(job.out / METRICS, {"step": state.global_step, "eval_kl": found})
