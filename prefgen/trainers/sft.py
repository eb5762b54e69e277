"""Supervised training on the best answer to each prompt, by TRL: what some methods do before they compare
answers.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportArgumentType=false

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from prefgen.publish.export import EXPORT_FORMS
from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.pairs import TrainingRow
from prefgen.trainers.simpo import margins

__all__ = ["best", "margins", "trainer"]


def best(rows: Sequence[TrainingRow]) -> Dataset:
    """{prompt, completion} of the best answer to each prompt: the loss is on the answer alone."""
    conversations = [row["messages"] for row in EXPORT_FORMS["sft"](("", row) for row in rows)]
    return Dataset.from_list([{"prompt": turns[:-1], "completion": turns[-1:]} for turns in conversations])


def trainer(job: PreparedTraining) -> Any:
    """TRL's trainer for the job."""
    return SFTTrainer(
        model=job.model(),
        args=job.config(SFTConfig),
        train_dataset=best(job.train),
        eval_dataset=best(job.looked_at) if job.looked_at else None,
        peft_config=job.lora(),
        **job.parts(),
    )
