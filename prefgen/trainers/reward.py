"""A reward model by TRL (Ouyang et al., arXiv 2203.02155, section 3.5): one number an answer, whose
differences tell which is preferred.

The probability that a label is right and a pair's weight enter the loss as in `prefgen.trainers.dpo`; with
`margins` the reward of the chosen side must be ahead by the judge's margin (Touvron et al., arXiv 2307.09288,
section 3.2.2), divided by the mean of the margins so that they are about 1.
"""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportPrivateUsage=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false
# pyright: reportUntypedFunctionDecorator=false, reportOptionalMemberAccess=false
# pyright: reportAttributeAccessIssue=false
# pyright: reportArgumentType=false, reportOptionalIterable=false

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from datasets import Dataset
from transformers import AutoModelForSequenceClassification
from trl import RewardConfig, RewardTrainer
from trl.trainer.reward_trainer import DataCollatorForPreference

from prefgen.errors import RecipeError
from prefgen.stats.scoring import logistic
from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.likelihood import padded_batches, tokenize_turns
from prefgen.trainers.metrics import RowMeans
from prefgen.trainers.pairs import TrainingRow

REWARD_LABELS = ("probability", "weight", "ahead")


class SoftRewardCollator(DataCollatorForPreference):
    """TRL's batches, with each pair's probability, weight and margin."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super().torch_call(examples)
        for name in REWARD_LABELS:
            batch[name] = torch.tensor([example[name] for example in examples], dtype=torch.float32)
        return batch


class SoftRewardTrainer(RowMeans, RewardTrainer):
    """TRL's trainer, with soft labels and weights."""

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns += [name for name in REWARD_LABELS if name not in self._signature_columns]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        probability, weight, target_margin = (inputs.pop(name) for name in REWARD_LABELS)
        # for its metrics; its own loss knows no labels
        _, outputs = super().compute_loss(
            model, inputs, return_outputs=True, num_items_in_batch=num_items_in_batch
        )
        chosen, rejected = outputs.logits.squeeze(-1).float().chunk(2)
        delta = chosen - rejected
        pair_losses = -probability * functional.logsigmoid(delta - target_margin) - (
            1 - probability
        ) * functional.logsigmoid(-delta - target_margin)
        loss = (weight * pair_losses).mean()
        return (loss, outputs) if return_outputs else loss


def trainer(job: PreparedTraining) -> SoftRewardTrainer:
    """TRL's trainer for the job."""
    short_rows = [row for row in job.train if _longest_side(row) <= job.max_length]
    if len(short_rows) < len(job.train):  # TRL leaves them out too, without a word
        job.progress.notify(
            f"{len(job.train) - len(short_rows):,} pairs are longer than {job.max_length:,} tokens and were "
            "left out"
        )
    job.refused += len(job.train) - len(short_rows)
    job.train = short_rows
    job.test, job.validation = (
        [row for row in rows if _longest_side(row) <= job.max_length] for rows in (job.test, job.validation)
    )
    scale = _mean_margin(job)
    return SoftRewardTrainer(
        model=load_base(job),
        args=job.config(RewardConfig, best="eval_accuracy"),
        data_collator=SoftRewardCollator(pad_token_id=job.tokenizer.pad_token_id),
        train_dataset=_reward_dataset(job.train, scale),
        eval_dataset=_reward_dataset(job.looked_at, scale) if job.looked_at else None,
        peft_config=job.lora("SEQ_CLS"),
        **job.parts(),
    )


def load_base(job: PreparedTraining) -> Any:
    """The base with a head that makes one number of a text, which is new."""
    torch.manual_seed(job.settings.seed)
    model = job.model(AutoModelForSequenceClassification, num_labels=1)
    model.config.pad_token_id = job.tokenizer.pad_token_id
    return model


def _longest_side(row: TrainingRow) -> int:
    return max(map(len, row["tokens"]))


def _mean_margin(job: PreparedTraining) -> float | None:
    if not job.settings.margins:
        return None
    row_margins = [row["margin"] for row in job.train if row["margin"] is not None]
    if len(row_margins) < len(job.train) or not math.fsum(row_margins):
        missing_count = len(job.train) - len(row_margins)
        raise RecipeError(
            f"`margins: true` needs a margin in every pair, and {missing_count:,} of {len(job.train):,} "
            "have none"
        )
    return math.fsum(row_margins) / len(row_margins)


def _reward_dataset(rows: Sequence[TrainingRow], scale: float | None) -> Dataset:
    """The rows as TRL would have them once it has tokenized them."""
    return Dataset.from_dict(
        {
            "chosen_ids": [row["tokens"][0] for row in rows],
            "rejected_ids": [row["tokens"][1] for row in rows],
            "probability": [row["probability"] for row in rows],
            "weight": [row["weight"] for row in rows],
            "ahead": [(row["margin"] or 0.0) / scale if scale else 0.0 for row in rows],
        }
    )


@torch.no_grad()
def margins(trl_trainer: Any, job: PreparedTraining) -> list[float]:
    """Reward of the chosen side less that of the rejected side, of each held-out pair."""
    model = trl_trainer.model.eval()
    ids = [
        (tokenize_turns(job.tokenizer, [*row["prompt"], *row[side]]), 0)
        for row in job.test
        for side in ("chosen", "rejected")
    ]
    rewards: list[float] = []
    batches = padded_batches(ids, job.tokenizer.pad_token_id, 2 * job.settings.batch_size, model.device)
    for tokens, mask, _ in batches:
        rewards += model(input_ids=tokens, attention_mask=mask).logits.squeeze(-1).float().cpu().tolist()
    return [chosen - rejected for chosen, rejected in zip(rewards[::2], rewards[1::2], strict=True)]


def probabilities(margins: Sequence[float], job: PreparedTraining) -> list[float] | None:
    """That the chosen side of each held-out pair is the better one (Bradley and Terry's model)."""
    return None if job.settings.margins else [logistic(margin) for margin in margins]
