"""What is measured against the model that training began with: implicit rewards of held-out pairs, and how
far the model has moved.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedBaseClass=false

from contextlib import nullcontext
from typing import Any

from transformers import TrainerCallback

from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.likelihood import answer_logps, divergence
from prefgen.trainers.metrics import append_metrics
from prefgen.trainers.settings import METRICS_FILE

DRIFT_SAMPLE = 64
"""Held-out answers on which the divergence is measured."""


def implicit_margins(trl_trainer: Any, job: PreparedTraining, beta: float) -> list[float]:
    """beta * ((log-ratio to the reference of the chosen side) - (that of the rejected side)) of each held-out
    pair.
    """
    model = trl_trainer.model.eval()
    answers = [(row["prompt"], row[side]) for row in job.test for side in ("chosen", "rejected")]
    options: dict[str, Any] = {"max_length": job.max_length, "batch_size": 2 * job.settings.batch_size}
    policy_logps = answer_logps(model, job.tokenizer, answers, **options)
    has_adapter = hasattr(model, "disable_adapter")
    reference = model if has_adapter else job.model().to(model.device).eval()
    with model.disable_adapter() if has_adapter else nullcontext():
        reference_logps = answer_logps(reference, job.tokenizer, answers, **options)
    log_ratios = [a - b for (a, _), (b, _) in zip(policy_logps, reference_logps, strict=True)]
    return [
        beta * (chosen - rejected) for chosen, rejected in zip(log_ratios[::2], log_ratios[1::2], strict=True)
    ]


class Drift(TrainerCallback):
    """`eval_kl` beside every look at the held-out pairs: KL from the reference a token, in nats, on the same
    few answers.
    """

    def __init__(self, job: PreparedTraining, trl_trainer: Any, reference: Any) -> None:
        self._job, self._trainer, self._reference = job, trl_trainer, reference
        sides = ("chosen", "rejected")
        self._answers = [(row["prompt"], row[side]) for row in job.looked_at for side in sides][:DRIFT_SAMPLE]

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        model, job = self._trainer.model, self._job
        was_training = model.training
        model.eval()
        kl = divergence(
            model,
            self._reference,
            job.tokenizer,
            self._answers,
            max_length=job.max_length,
            batch_size=2 * job.settings.batch_size,
        )
        model.train(was_training)
        if state.is_world_process_zero:
            append_metrics(job.out / METRICS_FILE, {"step": state.global_step, "eval_kl": kl})
