"""What is measured against the model that training began with: implicit rewards of held-out pairs, and how
far the model has moved.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedBaseClass=false

from typing import Any

import torch
from transformers import TrainerCallback

from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.likelihood import answer_logps, divergence
from prefgen.trainers.metrics import append_metrics
from prefgen.trainers.settings import METRICS_FILE

DRIFT_SAMPLE = 64
"""Held-out answers on which the divergence is measured."""


def reference_of(job: PreparedTraining) -> Any:
    """The model that is compared with, given to TRL, which would load it from wherever the model's
    configuration says that it came from; None where it is the model without its adapter, or was asked before.
    """
    return None if job.settings.lora or job.settings.precompute_reference else job.model()


def watch_drift(trl_trainer: Any, job: PreparedTraining, reference: Any) -> None:
    """Have how far the model has moved measured at each look, where that is wanted and can be."""
    if job.looked_at and job.settings.drift and (job.settings.lora or reference is not None):
        trl_trainer.add_callback(Drift(job, trl_trainer, reference))


def implicit_margins(trl_trainer: Any, job: PreparedTraining) -> list[float]:
    """beta * ((log-ratio to the reference of the chosen side) - (that of the rejected side)) of each held-out
    pair.
    """
    job.policy_logps = held_out_logps(trl_trainer.model.eval(), job)
    job.base_logps = _logps_of_the_base(trl_trainer, job)
    log_ratios = [a - b for (a, _), (b, _) in zip(job.policy_logps, job.base_logps, strict=True)]
    return [
        job.settings.beta * (chosen - rejected)
        for chosen, rejected in zip(log_ratios[::2], log_ratios[1::2], strict=True)
    ]


def implicit_margins_a_token(job: PreparedTraining) -> list[float]:
    """The same with log-ratios in the mean over each side's tokens; of what `implicit_margins` measured."""
    assert job.policy_logps is not None
    assert job.base_logps is not None
    ratios = [
        (policy - base) / max(1, tokens)
        for (policy, tokens), (base, _) in zip(job.policy_logps, job.base_logps, strict=True)
    ]
    return [
        job.settings.beta * (chosen - rejected)
        for chosen, rejected in zip(ratios[::2], ratios[1::2], strict=True)
    ]


def base_logps(trl_trainer: Any, job: PreparedTraining) -> list[tuple[float, int]] | None:
    """(sum of the log-probabilities, tokens) of both sides of the held-out pairs, by the model that training
    began with; None where that is a reward model, or there is no memory for it beside the one that was
    trained.
    """
    if job.base_logps is None and not job.base_is_reward_model:
        try:
            job.base_logps = _logps_of_the_base(trl_trainer, job)
        except torch.OutOfMemoryError:
            job.progress.notify(
                "how the base ranks the held-out pairs was not measured: it needs more memory"
            )
    return job.base_logps


def _logps_of_the_base(trl_trainer: Any, job: PreparedTraining) -> list[tuple[float, int]]:
    model = trl_trainer.model.eval()
    if hasattr(model, "disable_adapter") and job.settings.use != "reward":
        with model.disable_adapter():
            return held_out_logps(model, job)
    return held_out_logps(job.model().to(model.device).eval(), job)


def held_out_logps(model: Any, job: PreparedTraining) -> list[tuple[float, int]]:
    """(sum of the log-probabilities, tokens) of both sides of the held-out pairs, by turns."""
    answers = [(row["prompt"], row[side]) for row in job.test for side in ("chosen", "rejected")]
    batch_size = 2 * job.settings.batch_size
    return answer_logps(model, job.tokenizer, answers, max_length=job.max_length, batch_size=batch_size)


class Drift(TrainerCallback):
    """`eval_kl` beside every look at the held-out pairs: KL from the reference a token, in nats, on the same
    few answers of the dataset. It is no expectation over the model's own answers, which may be elsewhere.
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
