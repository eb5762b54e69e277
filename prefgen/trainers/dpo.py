"""Direct preference optimisation by TRL (Rafailov et al., arXiv 2305.18290), on one CPU, one GPU or many.

What TRL's trainer leaves unused enters the loss here: the probability that a pair's label is right, and its
weight. Where all labels of a dataset are sure and all weights equal, the loss is TRL's own, whichever of its
losses are named; otherwise it is

    w * (p * L(d) + (1 - p) * L(-d))

where d is the difference of the implicit rewards, so that a pair with p = 0.5 pulls neither way, in the mean
over the batch. w is the pair's weight over the mean weight of the dataset: a constant, so that a weight
counts the same in a batch of one pair as in a batch of all. Which of the two losses it is, is decided once
for the dataset: processes whose batches differ would otherwise wait for each other for ever.
"""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportPrivateUsage=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false
# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportArgumentType=false

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from prefgen.stats.scoring import logistic
from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.likelihood import shared_length, tokenize_many
from prefgen.trainers.metrics import RowMeans
from prefgen.trainers.pairs import TrainingRow
from prefgen.trainers.reference import implicit_margins, implicit_margins_a_token, reference_of, watch_drift

PAIR_LABELS = ("probability", "weight")


class SoftPairCollator(DataCollatorForPreference):
    """TRL's batches, with each pair's probability and weight."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super().torch_call(examples)
        for name in PAIR_LABELS:
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples], dtype=torch.float32)
        return batch


class SoftDPOTrainer(RowMeans, DPOTrainer):
    """TRL's trainer, which also takes `probability` and `weight` of a row into its loss."""

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:
        """Rows that are tokens already stay as they are."""
        if "prompt_ids" in dataset.column_names:
            return dataset
        return super()._prepare_dataset(dataset, processing_class, args, dataset_name)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns += [name for name in PAIR_LABELS if name not in self._signature_columns]

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        if "probability" not in inputs:  # all of the dataset's labels are sure, and its weights equal
            return super()._compute_loss(model, inputs, return_outputs)
        probability, weight = inputs.pop("probability"), inputs.pop("weight")
        outputs, logps, lengths = forward_answers(model, inputs, with_aux_loss=self.aux_loss_enabled)
        chosen, rejected = logps.chunk(2)
        ref_chosen, ref_rejected = self._reference_logps(model, inputs)
        chosen_ratio, rejected_ratio = chosen - ref_chosen, rejected - ref_rejected
        chosen_length, rejected_length = lengths.chunk(2)
        loss = torch.zeros((), device=logps.device)
        for name, loss_weight in zip(self.loss_types, self.loss_weights, strict=True):
            if name == "sft":  # as TRL has it: the mean over the tokens of the batch
                loss = loss - loss_weight * (weight * chosen).sum() / chosen_length.sum()
                continue
            is_averaged = name in ("ipo", "sigmoid_norm")
            delta = chosen_ratio / (chosen_length if is_averaged else 1) - rejected_ratio / (
                rejected_length if is_averaged else 1
            )
            right, wrong = pair_loss(name, delta, self.beta), pair_loss(name, -delta, self.beta)
            loss = loss + loss_weight * (weight * (probability * right + (1 - probability) * wrong)).mean()
        self._record_metrics(chosen_ratio, rejected_ratio, chosen, rejected)
        self._record_token_metrics(inputs, outputs)
        if self.aux_loss_enabled:  # experts are to be used alike
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss
            aux_loss = self.accelerator.gather_for_metrics(outputs.aux_loss).mean().item()
            self._metrics[self._mode]["aux_loss"].append(aux_loss)
        return (loss, None) if return_outputs else loss

    @property
    def _mode(self) -> str:
        return "train" if self.model.training else "eval"

    def _reference_logps(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        if "ref_chosen_logps" in inputs:
            return inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]
        logps = self.compute_ref_log_probs(model if self.ref_model is None else self.ref_model, inputs)
        return logps[0], logps[1]

    def _record_metrics(
        self,
        chosen_ratio: torch.Tensor,
        rejected_ratio: torch.Tensor,
        chosen: torch.Tensor,
        rejected: torch.Tensor,
    ) -> None:
        """The same metrics as TRL's, without the rows that fill up the last batch of several processes."""
        metrics = self._metrics[self._mode]
        good, bad = self.beta * chosen_ratio.detach(), self.beta * rejected_ratio.detach()
        values = {
            "rewards/chosen": good,
            "rewards/rejected": bad,
            "rewards/accuracies": (good > bad).float(),
            "rewards/margins": good - bad,
            "logps/chosen": chosen.detach(),
            "logps/rejected": rejected.detach(),
        }
        for name, value in values.items():
            metrics[name].append(self.accelerator.gather_for_metrics(value).mean().item())

    def _record_token_metrics(self, inputs: dict[str, Any], outputs: Any) -> None:
        """TRL's metrics of the answers' tokens, over all processes."""
        metrics, gather = self._metrics[self._mode], self.accelerator.gather
        mask = inputs["completion_mask"][:, 1:].bool()
        entropy, logits, is_top = (
            values[:, -mask.size(1) :].detach()
            for values in (outputs.entropy, outputs.mean_logits, outputs.is_top1)
        )

        def mean_over(values: torch.Tensor, tokens: torch.Tensor) -> float:
            total = gather(values[tokens].float().sum()).sum()
            return (total / gather(tokens.sum()).sum().clamp(min=1)).item()

        none = torch.zeros_like(mask.chunk(2)[0])
        chosen_tokens, rejected_tokens = mask.chunk(2)
        only_chosen, only_rejected = torch.cat([chosen_tokens, none]), torch.cat([none, rejected_tokens])
        metrics["entropy"].append(mean_over(entropy, mask))
        metrics["logits/chosen"].append(mean_over(logits, only_chosen))
        metrics["logits/rejected"].append(mean_over(logits, only_rejected))
        metrics["mean_token_accuracy"].append(mean_over(is_top, only_chosen))
        if self.model.training:
            tokens = int(gather(inputs["attention_mask"].sum()).sum())
            self._total_train_tokens += tokens // (self._tp_size or 1)
        metrics["num_tokens"] = [self._total_train_tokens]


def pair_loss(name: str, delta: torch.Tensor, beta: float) -> torch.Tensor:
    """The loss of each pair whose chosen side is ahead by `delta` (log-ratio; a token's mean for ipo and
    sigmoid_norm), as TRL has it.
    """
    if name == "ipo":
        return (delta - 1 / (2 * beta)) ** 2
    if name == "hinge":
        return torch.relu(1 - beta * delta)
    return -functional.logsigmoid(beta * delta)


def forward_answers(
    model: Any, inputs: dict[str, Any], *, with_aux_loss: bool = False
) -> tuple[Any, torch.Tensor, torch.Tensor]:
    """(the model's outputs, sum of the log-probabilities of each answer's tokens, how many tokens), chosen
    first, then rejected; by TRL's forward pass, which never holds the logits of the whole vocabulary.
    """
    mask = inputs["completion_mask"]
    labels = inputs["input_ids"].masked_fill(mask == 0, -100)
    outputs = model(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        use_cache=False,
        labels=labels,
        fused_lm_head=True,
        **({"output_router_logits": True} if with_aux_loss else {}),
    )
    lengths = mask[:, 1:].sum(1)
    return outputs, outputs.log_probs[:, 1 - mask.size(1) :].sum(1), lengths.clamp(min=1)


def trainer(job: PreparedTraining) -> SoftDPOTrainer:
    """TRL's trainer for the job."""
    settings = job.settings
    arguments = job.config(
        DPOConfig,
        best="eval_rewards/accuracies",
        beta=settings.beta,
        loss_type=list(settings.loss),
        loss_weights=list(settings.loss_weights) if settings.loss_weights else None,
        label_smoothing=settings.label_smoothing if settings.smooths_itself else 0.0,
        precompute_ref_log_probs=settings.precompute_reference,
    )
    reference = reference_of(job)
    trl_trainer = SoftDPOTrainer(
        model=job.model(),
        ref_model=reference,
        args=arguments,
        data_collator=SoftPairCollator(pad_token_id=job.tokenizer.pad_token_id, max_length=job.max_length),
        train_dataset=pair_dataset(job, job.train, arguments),
        eval_dataset=pair_dataset(job, job.looked_at, arguments) if job.looked_at else None,
        peft_config=job.lora(),
        **job.parts(),
    )
    watch_drift(trl_trainer, job, reference)
    return trl_trainer


def pair_dataset(job: PreparedTraining, rows: Sequence[TrainingRow], arguments: DPOConfig) -> Dataset:
    """The rows as TRL would have them once it has tokenized them, which it does one by one: the prompt ends
    where it differs, rendered alone, from what it is before either side. Without labels where there is
    nothing in them that TRL's own loss does not know.
    """
    columns: dict[str, list[Any]] = {"prompt_ids": [], "chosen_ids": [], "rejected_ids": []}
    labels = PAIR_LABELS if job.has_soft_labels else ()
    columns |= {name: [] for name in labels}
    prompts = tokenize_many(job.tokenizer, (row["prompt"] for row in rows), generation_prompt=True)
    for row, prompt in zip(rows, prompts, strict=True):
        chosen, rejected = row["tokens"]
        length = min(shared_length(prompt, chosen), shared_length(prompt, rejected))
        if arguments.truncation_mode == "keep_start" and length >= job.max_length:
            continue  # nothing of the sides would be left
        ids = {"prompt": prompt[:length], "chosen": chosen[length:], "rejected": rejected[length:]}
        for name, tokens in ids.items():
            columns[f"{name}_ids"].append(tokens)
        for name in labels:
            columns[name].append(row[name])
    return Dataset.from_dict(columns)


def margins(trl_trainer: Any, job: PreparedTraining) -> list[float]:
    """By how much each held-out pair's chosen side is ahead in implicit reward: above 0 the model agrees with
    the label.
    """
    return implicit_margins(trl_trainer, job)


def probabilities(margins: Sequence[float], job: PreparedTraining) -> list[float] | None:
    """That the chosen side of each held-out pair is the better one, by the implicit rewards whose margins
    have been measured (Bradley and Terry's model); None where the loss fits none.
    """
    losses = {*job.settings.loss} - {"sft"}
    if losses == {"sigmoid_norm"}:
        return [logistic(margin) for margin in implicit_margins_a_token(job)]
    return [logistic(margin) for margin in margins] if losses and losses <= {"sigmoid", "robust"} else None
