"""ORPO by TRL (Hong et al., arXiv 2403.07691): supervised training on the chosen side, and the odds of both
sides held apart, in one loss and without a reference. `beta` is the paper's lambda.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportArgumentType=false
# pyright: reportUntypedBaseClass=false, reportCallIssue=false, reportOptionalCall=false

from typing import Any

from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.metrics import weigh_by_rows
from prefgen.trainers.simpo import margins, pair_dataset, row_of_the_template

__all__ = ["TemplateORPOTrainer", "margins", "trainer"]


class TemplateORPOTrainer(ORPOTrainer):
    """TRL's trainer, on the tokens of the chat template and no others, as for SimPO."""

    def tokenize_row(self, feature: dict[str, str], model: Any = None) -> dict[str, list[int]]:
        return row_of_the_template(self.processing_class, feature, self.max_length)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log what TRL logs, with means over the rows of a look."""
        weigh_by_rows(self._stored_metrics["eval"], self)
        super().log(logs, start_time)


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
