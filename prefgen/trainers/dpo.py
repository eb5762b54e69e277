"""Direct preference optimisation by TRL (Rafailov et al., arXiv 2305.18290), on one CPU, one GPU or many.

What TRL's trainer leaves unused enters the loss here: the probability that a pair's label is right, and its weight. With labels that are sure and
weights of 1 the loss is TRL's own, whichever of its losses are named; otherwise it is

    w * (p * L(d) + (1 - p) * L(-d))

where d is the difference of the implicit rewards, so that a pair with p = 0.5 pulls neither way, in the mean over the batch's weights.
"""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportPrivateUsage=false, reportPrivateImportUsage=false
# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportArgumentType=false

import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
import torch.nn.functional as functional
import transformers
from datasets import Dataset
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, EarlyStoppingCallback, PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from prefgen.errors import RecipeError
from prefgen.trainers.pairs import Data, Lengths, Row, fitted
from prefgen.trainers.settings import SOFT, Train

METRICS = "metrics.jsonl"
LIMIT = 32768
"""Longest sequence of a model that does not say its own limit."""


class Collator(DataCollatorForPreference):
    """TRL's batches, with each pair's probability and weight."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super().torch_call(examples)
        for name in ("probability", "weight"):
            if name in examples[0]:
                batch[name] = torch.tensor([example[name] for example in examples], dtype=torch.float32)
        return batch


class SoftDPOTrainer(DPOTrainer):
    """TRL's trainer, which also takes `probability` and `weight` of a row into its loss."""

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns += [name for name in ("probability", "weight") if name not in self._signature_columns]

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        probability, weight = inputs.pop("probability", None), inputs.pop("weight", None)
        if probability is None or weight is None or (bool((probability == 1).all()) and bool((weight == 1).all())):
            return super()._compute_loss(model, inputs, return_outputs)
        logps, lengths = sequence_logps(model, inputs)
        chosen, rejected = logps.chunk(2)
        ref_chosen, ref_rejected = self._reference(model, inputs)
        chosen_ratio, rejected_ratio = chosen - ref_chosen, rejected - ref_rejected
        chosen_length, rejected_length = lengths.chunk(2)
        loss = torch.zeros((), device=logps.device)
        for name, share in zip(self.loss_types, self.loss_weights, strict=True):
            if name == "sft":
                each = -(chosen / chosen_length)
            else:
                averaged = name in ("ipo", "sigmoid_norm")
                delta = chosen_ratio / (chosen_length if averaged else 1) - rejected_ratio / (rejected_length if averaged else 1)
                each = probability * pair_loss(name, delta, self.beta) + (1 - probability) * pair_loss(name, -delta, self.beta)
            loss = loss + share * (weight * each).sum() / weight.sum().clamp(min=1e-8)
        self._note(chosen_ratio, rejected_ratio, chosen, rejected)
        return (loss, None) if return_outputs else loss

    def _reference(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        if "ref_chosen_logps" in inputs:
            return inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]
        found = self.compute_ref_log_probs(model if self.ref_model is None else self.ref_model, inputs)
        return found[0], found[1]

    def _note(self, chosen_ratio: torch.Tensor, rejected_ratio: torch.Tensor, chosen: torch.Tensor, rejected: torch.Tensor) -> None:
        """The same metrics as TRL's."""
        found = self._metrics["train" if self.model.training else "eval"]
        good, bad = self.beta * chosen_ratio.detach(), self.beta * rejected_ratio.detach()
        values = {
            "rewards/chosen": good, "rewards/rejected": bad, "rewards/accuracies": (good > bad).float(), "rewards/margins": good - bad,
            "logps/chosen": chosen.detach(), "logps/rejected": rejected.detach(),
        }  # fmt: skip
        for name, value in values.items():
            found[name].append(self.accelerator.gather(value).mean().item())


def pair_loss(name: str, delta: torch.Tensor, beta: float) -> torch.Tensor:
    """The loss of each pair whose chosen side is ahead by `delta` (log-ratio; a token's mean for ipo and sigmoid_norm), as TRL has it."""
    if name == "ipo":
        return (delta - 1 / (2 * beta)) ** 2
    if name == "hinge":
        return torch.relu(1 - beta * delta)
    return -functional.logsigmoid(beta * delta)


def sequence_logps(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """(sum of the log-probabilities of each answer's tokens, how many tokens), chosen first, then rejected."""
    logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False).logits[:, :-1].float()
    mask = inputs["completion_mask"][:, 1:].to(logits.dtype)
    each = torch.gather(logits.log_softmax(-1), 2, inputs["input_ids"][:, 1:].unsqueeze(-1)).squeeze(-1)
    return (each * mask).sum(1), mask.sum(1).clamp(min=1)


class Journal(TrainerCallback):
    """Every number that the trainer logs, as a line of metrics.jsonl, and a line for whoever looks on."""

    def __init__(self, path: Path, say: Callable[[str], object]) -> None:
        self._path, self._say, self._started = path, say, time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        line = {"step": state.global_step, "seconds": round(time.monotonic() - self._started, 2), **logs}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        shown = {
            name: logs[name]
            for name in ("loss", "rewards/accuracies", "rewards/margins", "eval_loss", "eval_rewards/accuracies")
            if name in logs
        }
        if shown:
            words = ", ".join(f"{name} {value:.3f}" for name, value in shown.items())
            self._say(f"step {state.global_step} of {state.max_steps}: {words}")


class Trained:
    """A trained model that is still in memory: `save` writes it, `margins` looks at pairs with it."""

    def __init__(self, trainer: SoftDPOTrainer, lengths: Lengths, refused: int, counts: dict[str, int]) -> None:
        self.trainer, self.lengths, self.refused, self.counts = trainer, lengths, refused, counts

    @torch.inference_mode()
    def margins(self, name: str = "test") -> list[float]:
        """By how much each pair's chosen side is ahead in implicit reward: above 0 the model agrees with the label."""
        trainer = self.trainer
        dataset = trainer.eval_dataset if name == "test" else trainer.train_dataset
        trainer.model.eval()
        found: list[float] = []
        for inputs in trainer.get_eval_dataloader(dataset):
            batch = {k: v.to(trainer.accelerator.device) for k, v in inputs.items()}
            logps, _ = sequence_logps(trainer.model, batch)
            chosen, rejected = logps.chunk(2)
            ref_chosen, ref_rejected = trainer._reference(trainer.model, batch)
            found += (trainer.beta * ((chosen - ref_chosen) - (rejected - ref_rejected))).float().cpu().tolist()
        return found

    def save(self, out: Path) -> None:
        """The adapter or the model, and the tokenizer."""
        self.trainer.save_model(str(out))
        self.trainer.processing_class.save_pretrained(out)


def train(data: Data, settings: Train, out: Path, *, resume: bool = False, say: Callable[[str], object] = print) -> Trained:
    """Train on `data`. Checkpoints and metrics go to `out`. Raises RecipeError for what cannot be trained, in one line."""
    assert settings.base, "the command line asks for it"
    _quiet()
    tokenizer = _loaded(AutoTokenizer, settings, "tokenizer")
    if not tokenizer.chat_template:
        raise RecipeError(
            f"{settings.base!r} has no chat template: pairs are conversations. Take an instruction-tuned base, or give the tokenizer one"
        )
    unlike = _unlike_itself(tokenizer, data.train)
    if unlike:
        say(f"warning: {settings.base!r}: {unlike}")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    config = _loaded(AutoConfig, settings, "configuration")
    limit = min(getattr(config, "max_position_embeddings", None) or LIMIT, LIMIT)

    def tokens(row: Row, side: str) -> list[int]:
        return tokenizer(tokenizer.apply_chat_template(row["prompt"] + row[side], tokenize=False), add_special_tokens=False)["input_ids"]

    kept, lengths, refused = fitted(data.train, tokens, settings.max_length, limit)
    held_out, _, _ = fitted(data.test, tokens, settings.max_length, limit) if data.test else ([], lengths, 0)
    if refused:
        say(
            f"{refused:,} of {len(data.train):,} pairs are equal within {settings.max_length or lengths.proposed:,} tokens and were left out"
        )
    if not kept:
        cut = settings.max_length or lengths.proposed
        raise RecipeError(f"no pair is left: within {cut:,} tokens all sides are equal. Raise max_length ({lengths.longest:,} would do)")
    soft = settings.labels == "soft" or settings.weights or settings.label_smoothing > 0
    rows, test = ([_labelled(row, settings) for row in its] for its in (kept, held_out))
    if soft and set(settings.loss) - {*SOFT} and any(r["probability"] != 1 or r["weight"] != 1 for r in rows):
        lacking = ", ".join(sorted(set(settings.loss) - {*SOFT}))
        raise RecipeError(
            f"the pairs have soft labels or weights, and {lacking} has no soft form (these have: {', '.join(SOFT)}). "
            "Say `labels: hard, weights: false`"
        )
    model = _loaded(AutoModelForCausalLM, settings, "model", dtype=_dtype(settings))
    reference = (
        None if settings.lora or settings.precompute_reference else _loaded(AutoModelForCausalLM, settings, "model", dtype=_dtype(settings))
    )
    max_length = settings.max_length or lengths.proposed
    arguments = DPOConfig(
        output_dir=str(out / "checkpoints"),
        beta=settings.beta,
        loss_type=list(settings.loss),
        loss_weights=list(settings.loss_weights) if settings.loss_weights else None,
        learning_rate=settings.learning_rate or (1e-5 if settings.lora else 1e-6),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        max_length=max_length,
        warmup_steps=settings.warmup,
        lr_scheduler_type=settings.scheduler,
        gradient_checkpointing=settings.gradient_checkpointing,
        precompute_ref_log_probs=settings.precompute_reference,
        eval_strategy="steps" if test else "no",
        eval_steps=settings.evaluate,
        save_strategy="steps",
        save_steps=settings.evaluate if settings.patience else settings.save,
        save_total_limit=2,
        load_best_model_at_end=bool(settings.patience and test),
        metric_for_best_model="eval_rewards/accuracies" if settings.patience and test else None,
        greater_is_better=True if settings.patience and test else None,
        logging_steps=max(1, min(10, settings.evaluate)),
        seed=settings.seed,
        bf16=not settings.cpu and torch.cuda.is_available() and settings.dtype in ("auto", "bfloat16"),
        use_cpu=settings.cpu or not torch.cuda.is_available(),
        report_to="none",
        disable_tqdm=True,
    )
    out.mkdir(parents=True, exist_ok=True)
    if not resume:
        (out / METRICS).unlink(missing_ok=True)
    callbacks: list[TrainerCallback] = [Journal(out / METRICS, say)]
    if settings.patience and test:
        callbacks.append(EarlyStoppingCallback(settings.patience))
    trainer = SoftDPOTrainer(
        model=model,
        ref_model=reference,
        args=arguments,
        data_collator=Collator(pad_token_id=tokenizer.pad_token_id, max_length=max_length),
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(test) if test else None,
        processing_class=tokenizer,
        peft_config=_lora(settings),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = _checkpoint(out / "checkpoints") if resume else None
    if resume:
        say(f"going on from {checkpoint.name}" if checkpoint else "there is no checkpoint to go on from: starting anew")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return Trained(trainer, lengths, refused, {"train": len(rows), "test": len(test)})


def _quiet() -> None:
    """Progress bars and notes of the libraries would stand between our own lines."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\..*")


def _unlike_itself(tokenizer: Any, rows: Sequence[Row]) -> str | None:
    """Why a chat template cannot be trained with, if so: a prompt alone must read as it does before its answer."""
    for row in rows[:20]:
        asked = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template(row["prompt"] + row["chosen"], tokenize=False)
        if not whole.startswith(asked):
            return (
                f"its chat template renders a prompt otherwise when an answer follows (ends in {asked[-40:]!r}): the model would be trained on "
                "a context that it never sees"
            )
    return None


def _labelled(row: Row, settings: Train) -> Row:
    sure = row["probability"] if settings.labels == "soft" else 1.0
    smoothing = settings.label_smoothing
    probability = sure * (1 - smoothing) + (1 - sure) * smoothing
    return {**row, "probability": probability, "weight": row["weight"] if settings.weights else 1.0}


def _dtype(settings: Train) -> Any:
    if settings.dtype != "auto":
        return getattr(torch, settings.dtype)
    return torch.float32 if settings.cpu or not torch.cuda.is_available() else "auto"


def _lora(settings: Train) -> Any:
    if settings.lora is None:
        return None
    from peft import LoraConfig

    modules: str | Sequence[str] = settings.lora.target_modules
    return LoraConfig(
        r=settings.lora.r,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        task_type="CAUSAL_LM",
    )


def _loaded(kind: Any, settings: Train, what: str, **options: Any) -> Any:
    """What transformers reads at the base. Raises RecipeError in one line."""
    base = settings.base or ""
    try:
        return kind.from_pretrained(base, revision=settings.revision, **options)
    except (OSError, ValueError, KeyError) as wrong:
        at = f" at revision {settings.revision!r}" if settings.revision else ""
        where = "the folder" if os.path.isdir(base) else "no such folder, and the Hub"
        raise RecipeError(f"the {what} of {base!r}{at} cannot be loaded ({where}): {' '.join(str(wrong).split())[:200]}") from None


def _checkpoint(folder: Path) -> Path | None:
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return found[-1] if found else None
