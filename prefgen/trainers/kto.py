"""Kahneman-Tversky optimisation by TRL (Ethayarajh et al., arXiv 2402.01306): answers that are wanted or not,
without pairs.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportArgumentType=false

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl import KTOConfig, KTOTrainer

from prefgen.errors import RecipeError
from prefgen.publish.export import EXPORT_FORMS
from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.pairs import TrainingRow
from prefgen.trainers.reference import implicit_margins, reference_of, watch_drift


def unpaired_dataset(rows: Sequence[TrainingRow]) -> Dataset:
    """One row an answer; an answer that is chosen in one pair and rejected in another is left out."""
    return Dataset.from_list([dict(row) for row in EXPORT_FORMS["kto"](("", row) for row in rows)])


def trainer(job: PreparedTraining) -> KTOTrainer:
    """TRL's trainer for the job."""
    answers = unpaired_dataset(job.train)
    desirable_count = sum(answers["label"]) if len(answers) else 0
    if not 0 < desirable_count < len(answers):
        raise RecipeError(
            f"kto needs answers that are wanted and answers that are not, and {desirable_count} of "
            f"{len(answers)} are wanted"
        )
    arguments = job.config(
        KTOConfig,
        beta=job.settings.beta,
        precompute_ref_log_probs=job.settings.precompute_reference,
        # both kinds count the same together (section 4.2)
        desirable_weight=max(1.0, (len(answers) - desirable_count) / desirable_count),
        undesirable_weight=max(1.0, desirable_count / (len(answers) - desirable_count)),
    )
    reference = reference_of(job)
    trl_trainer = KTOTrainer(
        model=job.model(),
        ref_model=reference,
        args=arguments,
        train_dataset=answers,
        eval_dataset=unpaired_dataset(job.looked_at) if job.looked_at else None,
        peft_config=job.lora(),
        **job.parts(),
    )
    watch_drift(trl_trainer, job, reference)
    return trl_trainer


def margins(trl_trainer: Any, job: PreparedTraining) -> list[float]:
    """By how much each held-out pair's chosen side is ahead in implicit reward."""
    return implicit_margins(trl_trainer, job)
