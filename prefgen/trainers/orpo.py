"""ORPO by TRL (Hong et al., arXiv 2403.07691): supervised training on the chosen side, and the odds of both
sides held apart, in one loss and without a reference. `beta` is the paper's lambda.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportArgumentType=false
# pyright: reportUntypedBaseClass=false, reportCallIssue=false, reportOptionalCall=false

from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.simpo import TemplateRows, margins, pair_dataset

__all__ = ["TemplateORPOTrainer", "margins", "trainer"]


class TemplateORPOTrainer(TemplateRows, ORPOTrainer):
    """TRL's trainer, on the tokens of the chat template."""


def trainer(job: PreparedTraining) -> TemplateORPOTrainer:
    """TRL's trainer for the job."""
    return TemplateORPOTrainer(
        model=job.model(),
        args=job.config(ORPOConfig, best="eval_rewards/accuracies", beta=job.settings.beta),
        train_dataset=pair_dataset(job.train),
        eval_dataset=pair_dataset(job.looked_at) if job.looked_at else None,
        peft_config=job.lora(),
        **job.parts(),
    )
