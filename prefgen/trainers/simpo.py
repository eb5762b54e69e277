"""SimPO by TRL (Meng et al., arXiv 2405.14734): mean log-probabilities with a target margin, without a
reference.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportArgumentType=false
# pyright: reportUntypedBaseClass=false, reportCallIssue=false, reportOptionalCall=false

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl.experimental.cpo import CPOConfig, CPOTrainer

from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.likelihood import shared_length
from prefgen.trainers.metrics import RowMeans
from prefgen.trainers.pairs import TrainingRow
from prefgen.trainers.reference import held_out_logps


class TemplateRows(RowMeans):
    """Of a trainer of TRL's: its rows are the tokens of the chat template and no others.

    TRL puts a start and an end token of its own around what the template has rendered, unless they stand
    there already: behind a template that ends an answer in a line break, the model would learn to end twice.
    """

    def tokenize_row(self: Any, feature: dict[str, str], model: Any = None) -> dict[str, list[int]]:
        """The tokens of a rendered prompt and of both sides behind it, with the labels of the sides alone."""

        def tokens(text: str) -> list[int]:
            return self.processing_class(text, add_special_tokens=False)["input_ids"]

        prompt_ids = tokens(feature["prompt"])
        row = {"prompt_input_ids": prompt_ids, "prompt_attention_mask": [1] * len(prompt_ids)}
        for side in ("chosen", "rejected"):
            ids = tokens(feature["prompt"] + feature[side])[: self.max_length]
            prompt_length = shared_length(prompt_ids, ids)
            row |= {
                f"{side}_input_ids": ids,
                f"{side}_attention_mask": [1] * len(ids),
                f"{side}_labels": [-100] * prompt_length + ids[prompt_length:],
            }
        return row


class TemplateCPOTrainer(TemplateRows, CPOTrainer):
    """TRL's trainer, on the tokens of the chat template."""


def trainer(job: PreparedTraining) -> TemplateCPOTrainer:
    """TRL's trainer for the job."""
    settings = job.settings
    arguments = job.config(
        CPOConfig,
        best="eval_rewards/accuracies",
        beta=settings.beta,
        loss_type="simpo",
        cpo_alpha=0.0,
        simpo_gamma=settings.gamma,
    )

    return TemplateCPOTrainer(
        model=job.model(),
        args=arguments,
        train_dataset=pair_dataset(job.train),
        eval_dataset=pair_dataset(job.looked_at) if job.looked_at else None,
        peft_config=job.lora(),
        **job.parts(),
    )


def pair_dataset(rows: Sequence[TrainingRow]) -> Dataset:
    """The sides of the rows, which carry no labels."""
    return Dataset.from_list([{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])


def margins(trl_trainer: Any, job: PreparedTraining) -> list[float]:
    """beta * (mean log-probability of the chosen side's tokens - that of the rejected side's) of each
    held-out pair.
    """
    logps = held_out_logps(trl_trainer.model.eval(), job)
    means = [total / max(1, tokens) for total, tokens in logps]
    return [
        job.settings.beta * (chosen - rejected)
        for chosen, rejected in zip(means[::2], means[1::2], strict=True)
    ]
