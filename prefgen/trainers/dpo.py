"""Direct preference optimisation by TRL (Rafailov et al., arXiv 2305.18290), on one CPU, one GPU or many.

What TRL's trainer leaves unused enters the loss here: the probability that a pair's label is right, and its
weight. With labels that are sure and weights of 1 the loss is TRL's own, whichever of its losses are named;
otherwise it is

    w * (p * L(d) + (1 - p) * L(-d))

where d is the difference of the implicit rewards, so that a pair with p = 0.5 pulls neither way, in the mean
over the batch's weights.
"""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportPrivateUsage=false
# pyright: reportPrivateImportUsage=false
# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportArgumentType=false

from typing import Any

import torch
import torch.nn.functional as functional
from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from prefgen.trainers.job import PreparedTraining
from prefgen.trainers.reference import Drift, implicit_margins

PAIR_LABELS = ("probability", "weight")


class SoftPairCollator(DataCollatorForPreference):
    """TRL's batches, with each pair's probability and weight."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super().torch_call(examples)
        for name in PAIR_LABELS:
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples], dtype=torch.float32)
        return batch


class SoftDPOTrainer(DPOTrainer):
    """TRL's trainer, which also takes `probability` and `weight` of a row into its loss."""

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns += [name for name in PAIR_LABELS if name not in self._signature_columns]

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        probability, weight = inputs.pop("probability", None), inputs.pop("weight", None)
        if (
            probability is None
            or weight is None
            or (bool((probability == 1).all()) and bool((weight == 1).all()))
        ):
            return super()._compute_loss(model, inputs, return_outputs)
        logps, lengths = sequence_logps(model, inputs)
        chosen, rejected = logps.chunk(2)
        ref_chosen, ref_rejected = self._reference_logps(model, inputs)
        chosen_ratio, rejected_ratio = chosen - ref_chosen, rejected - ref_rejected
        chosen_length, rejected_length = lengths.chunk(2)
        loss = torch.zeros((), device=logps.device)
        for name, loss_weight in zip(self.loss_types, self.loss_weights, strict=True):
            if name == "sft":
                pair_losses = -(chosen / chosen_length)
            else:
                averaged = name in ("ipo", "sigmoid_norm")
                delta = chosen_ratio / (chosen_length if averaged else 1) - rejected_ratio / (
                    rejected_length if averaged else 1
                )
                pair_losses = probability * pair_loss(name, delta, self.beta) + (1 - probability) * pair_loss(
                    name, -delta, self.beta
                )
            loss = loss + loss_weight * (weight * pair_losses).sum() / weight.sum().clamp(min=1e-8)
        self._record_metrics(chosen_ratio, rejected_ratio, chosen, rejected)
        return (loss, None) if return_outputs else loss

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
        """The same metrics as TRL's."""
        metrics = self._metrics["train" if self.model.training else "eval"]
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
            metrics[name].append(self.accelerator.gather(value).mean().item())


def pair_loss(name: str, delta: torch.Tensor, beta: float) -> torch.Tensor:
    """The loss of each pair whose chosen side is ahead by `delta` (log-ratio; a token's mean for ipo and
    sigmoid_norm), as TRL has it.
    """
    if name == "ipo":
        return (delta - 1 / (2 * beta)) ** 2
    if name == "hinge":
        return torch.relu(1 - beta * delta)
    return -functional.logsigmoid(beta * delta)


def sequence_logps(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """(sum of the log-probabilities of each answer's tokens, how many tokens), chosen first, then
    rejected.
    """
    logits = (
        model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        .logits[:, :-1]
        .float()
    )
    mask = inputs["completion_mask"][:, 1:].to(logits.dtype)
    token_logps = torch.gather(logits.log_softmax(-1), 2, inputs["input_ids"][:, 1:].unsqueeze(-1)).squeeze(
        -1
    )
    return (token_logps * mask).sum(1), mask.sum(1).clamp(min=1)


def trainer(job: PreparedTraining) -> SoftDPOTrainer:
    """TRL's trainer for the job."""
    settings = job.settings
    arguments = DPOConfig(
        **job.arguments(best="eval_rewards/accuracies"),
        beta=settings.beta,
        loss_type=list(settings.loss),
        loss_weights=list(settings.loss_weights) if settings.loss_weights else None,
        label_smoothing=settings.label_smoothing if settings.smooths_itself else 0.0,
        precompute_ref_log_probs=settings.precompute_reference,
    )
    # given and not left to TRL, which would load it from wherever the model's configuration says that it came
    # from
    reference = None if settings.lora or settings.precompute_reference else job.model()
    trl_trainer = SoftDPOTrainer(
        model=job.model(),
        ref_model=reference,
        args=arguments,
        data_collator=SoftPairCollator(pad_token_id=job.tokenizer.pad_token_id, max_length=job.max_length),
        train_dataset=Dataset.from_list(list(job.train)),
        eval_dataset=Dataset.from_list(list(job.test)) if job.test else None,
        peft_config=job.lora(),
        **job.parts(),
    )
    if job.test and (settings.lora or reference is not None):
        trl_trainer.add_callback(Drift(job, trl_trainer, reference))
    return trl_trainer


def margins(trl_trainer: Any, job: PreparedTraining) -> list[float]:
    """By how much each held-out pair's chosen side is ahead in implicit reward: above 0 the model agrees with
    the label.
    """
    return implicit_margins(trl_trainer, job, job.settings.beta)
