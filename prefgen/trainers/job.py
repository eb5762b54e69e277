"""What every trainer begins with: the base loaded, the rows measured and labelled, the arguments that all of
TRL's trainers share.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false

import logging
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, EarlyStoppingCallback, TrainerCallback

from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import display_name
from prefgen.trainers.base_model import (
    is_reward_model,
    load_chat_tokenizer,
    load_pretrained,
    missing_end,
    template_problem,
    weights_dtype,
)
from prefgen.trainers.likelihood import tokenize_many
from prefgen.trainers.metrics import MetricsLogger
from prefgen.trainers.pairs import Lengths, TrainingPairs, TrainingRow, pairs_that_differ
from prefgen.trainers.pass_through import model_options, refuse_what_soft_labels_ignore, trl_options
from prefgen.trainers.progress import TrainingProgress
from prefgen.trainers.settings import METRICS_FILE, TrainSettings

SIDES = ("chosen", "rejected")
DEFAULT_MAX_LENGTH = 32768
"""Longest sequence of a model that does not say its own limit."""


@dataclass
class PreparedTraining:
    """A training that is ready to begin: rows have prompt, chosen, rejected (lists of messages), tokens (of
    the prompt with each side), probability and weight, which is 1 in the mean of the rows to train on.
    `validation` is what is looked at meanwhile,
    and a model picked by; `test` what it is graded on.
    """

    settings: TrainSettings
    tokenizer: Any
    train: Sequence[TrainingRow]
    test: Sequence[TrainingRow]
    validation: Sequence[TrainingRow]
    lengths: Lengths
    refused: int
    out: Path
    progress: TrainingProgress
    base_commit: str | None
    """The commit on the Hub that the base was loaded from."""
    warnings: list[str] = field(default_factory=list)
    """What the report and the card say beside their own."""
    base_is_reward_model: bool = False
    policy_logps: list[tuple[float, int]] | None = None
    base_logps: list[tuple[float, int]] | None = None
    """(sum of the log-probabilities, tokens) of both sides of the held-out pairs, by the trained model and by
    the one that training began with, where they have been measured.
    """

    @property
    def max_length(self) -> int:
        return self.settings.max_length or self.lengths.proposed

    @property
    def learning_rate(self) -> float:
        # supervised training bears, and needs, larger steps than a loss of differences (TRL's defaults)
        adapter, whole = (2e-4, 2e-5) if self.settings.use == "sft" else (1e-5, 1e-6)
        return self.settings.learning_rate or (adapter if self.settings.lora else whole)

    @property
    def looked_at(self) -> Sequence[TrainingRow]:
        """The rows that are looked at during training."""
        return self.validation or self.test

    @property
    def has_soft_labels(self) -> bool:
        """Whether any label is unsure, or any pair counts more than another, among the rows that the loss
        sees: those to train on, and those that are looked at meanwhile.
        """
        return any(has_soft_label(row) for row in (*self.train, *self.looked_at))

    def model(self, kind: Any = AutoModelForCausalLM, **options: Any) -> Any:
        """The base's weights, anew, loaded as `model` of the settings says."""
        options |= model_options(self.settings)
        return load_pretrained(kind, self.settings, "model", dtype=weights_dtype(self.settings), **options)

    def config(self, kind: Any, *, best: str | None = None, **own: Any) -> Any:
        """TRL's configuration of a trainer, of class `kind`: what all trainers are told, what this one is
        told (`own`), and what the settings say under `trl`. `best` names the number of the held-out rows that
        an early stop looks at. Raises RecipeError.
        """
        arguments = {**self._arguments(best), **own}
        return kind(**{**arguments, **trl_options(self.settings, kind, arguments)})

    def _arguments(self, best: str | None) -> dict[str, Any]:
        settings, stops_early = self.settings, bool(self.settings.patience and self.looked_at)
        best_metric = best or "eval_loss"
        return {
            "output_dir": str(self.out / "checkpoints"),
            "learning_rate": self.learning_rate,
            "num_train_epochs": settings.epochs,
            "max_steps": settings.max_steps,
            "per_device_train_batch_size": settings.batch_size,
            "per_device_eval_batch_size": settings.batch_size,
            "gradient_accumulation_steps": settings.accumulate,
            "max_length": self.max_length,
            "warmup_steps": self._warmup(),
            "lr_scheduler_type": settings.scheduler,
            "gradient_checkpointing": settings.gradient_checkpointing,
            "eval_strategy": "steps" if self.looked_at else "no",
            "eval_steps": settings.evaluate,
            "save_strategy": "steps",
            "save_steps": settings.evaluate if settings.patience else settings.save,
            "save_total_limit": 2,
            "load_best_model_at_end": stops_early,
            "metric_for_best_model": best_metric if stops_early else None,
            "greater_is_better": (not best_metric.endswith("loss")) if stops_early else None,
            "logging_steps": max(1, min(10, settings.evaluate)),
            "seed": settings.seed,
            "bf16": not settings.cpu and torch.cuda.is_available() and settings.dtype in ("auto", "bfloat16"),
            "use_cpu": settings.cpu or not torch.cuda.is_available(),
            "report_to": "none",
            "disable_tqdm": True,
        }

    def _warmup(self) -> float:
        """As a share of the steps; none where not even one step is due, since the only step of a training
        must teach something.
        """
        settings = self.settings
        rows_per_step = settings.batch_size * settings.accumulate * int(os.environ.get("WORLD_SIZE", "1"))
        steps = (
            settings.max_steps
            if settings.max_steps > 0
            else settings.epochs * -(-len(self.train) // rows_per_step)
        )
        return settings.warmup if settings.warmup * steps >= 1 else 0.0

    def parts(self) -> dict[str, Any]:
        """What all of TRL's trainers are made of, beside model, arguments and rows."""
        callbacks: list[TrainerCallback] = [MetricsLogger(self.out / METRICS_FILE, self.progress)]
        if self.settings.patience and self.looked_at:
            callbacks.append(EarlyStoppingCallback(self.settings.patience))
        return {"processing_class": self.tokenizer, "callbacks": callbacks}

    def lora(self, task: str = "CAUSAL_LM") -> Any:
        """peft's configuration, or None where all weights are trained."""
        if self.settings.lora is None:
            return None
        from peft import LoraConfig

        adapter = self.settings.lora
        layers = adapter.target_modules
        if not isinstance(layers, str):
            layers = list(layers)
        elif layers != "all-linear":
            layers = [layers]  # peft reads a text as a pattern
        return LoraConfig(
            r=adapter.r,
            lora_alpha=adapter.alpha,
            lora_dropout=adapter.dropout,
            target_modules=layers,
            task_type=task,
        )


def prepare_training(
    data: TrainingPairs, settings: TrainSettings, out: Path, progress: TrainingProgress
) -> PreparedTraining:
    """Load the tokenizer, measure the pairs, leave out those that are equal within the length. Raises
    RecipeError in one line.
    """
    _silence_libraries()
    say = progress.notify
    tokenizer = load_chat_tokenizer(settings)
    problems = (template_problem(tokenizer, data.train), missing_end(tokenizer, data.train))
    found = [f"{display_name(settings.base or '')!r}: {problem}" for problem in problems if problem]
    config = load_pretrained(AutoConfig, settings, "configuration")
    limit = _longest_sequence(config, settings)
    token_pairs = _token_pairs(tokenizer, [*data.train, *data.test, *data.validation])
    differs, lengths = pairs_that_differ(token_pairs, settings.max_length, limit)
    measured = iter(zip(token_pairs, differs, strict=True))
    train, test, validation = (
        [
            {**row, "tokens": tokens}
            for row, (tokens, is_different) in zip(rows, measured, strict=False)
            if is_different
        ]
        for rows in (data.train, data.test, data.validation)
    )
    cut = settings.max_length or lengths.proposed
    if lengths.longest > cut:
        found.append(
            f"{lengths.over(cut):,} of {2 * len(differs):,} answers with their prompts are longer than "
            f"{cut:,} tokens and are cut there"
        )
    for problem in found:
        progress.warn(problem)
    for name, kept, rows in (
        ("pairs", train, data.train),
        ("held-out pairs", test, data.test),
        ("validation pairs", validation, data.validation),
    ):
        if equal := len(rows) - len(kept):
            say(f"{equal:,} of {len(rows):,} {name} are equal within {cut:,} tokens and were left out")
    if not train:
        raise RecipeError(
            f"no pair is left: within {cut:,} tokens all sides are equal. Raise max_length "
            f"({lengths.longest:,} would do)"
        )
    mean_weight = _mean_weight(train, settings)
    train, test, validation = (
        [_label_row(row, settings, mean_weight) for row in rows] for rows in (train, test, validation)
    )
    refused = len(data.train) - len(train)
    commit = getattr(config, "_commit_hash", None)
    job = PreparedTraining(
        settings, tokenizer, train, test, validation, lengths, refused, out, progress, commit, found,
        base_is_reward_model=is_reward_model(config),
    )  # fmt: skip
    _refuse_soft_labels(job)
    out.mkdir(parents=True, exist_ok=True)
    return job


def _token_pairs(tokenizer: Any, rows: Sequence[TrainingRow]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The tokens of the prompt with the chosen side, and with the rejected one, of each row."""
    sides = tokenize_many(tokenizer, (row["prompt"] + row[side] for row in rows for side in SIDES))
    return list(zip(sides, sides, strict=True))


def _longest_sequence(config: Any, settings: TrainSettings) -> int:
    """How many tokens the base can read. Raises RecipeError where it cannot read so many as are wanted, or
    writes no text.
    """
    if is_reward_model(config) and settings.use != "reward":
        raise RecipeError(
            f"{settings.base!r} is a reward model: {settings.use} needs a base that writes text"
        )
    limit = min(getattr(config, "max_position_embeddings", None) or DEFAULT_MAX_LENGTH, DEFAULT_MAX_LENGTH)
    if settings.max_length and settings.max_length > limit:
        raise RecipeError(
            f"max_length {settings.max_length:,} is more than the {limit:,} tokens that {settings.base!r} "
            "can read"
        )
    return limit


def _refuse_soft_labels(job: PreparedTraining) -> None:
    """Raises RecipeError where rows that the loss sees have what it has no form for."""
    if not job.has_soft_labels:
        return
    if unsupported := job.settings.without_soft_form():
        raise RecipeError(
            f"the pairs have soft labels or weights, and {unsupported} has no form for them. Say `labels: "
            "hard, weights: false`"
        )
    if job.settings.use == "dpo":
        refuse_what_soft_labels_ignore(job.settings)


def _silence_libraries() -> None:
    """Progress bars and notes of the libraries would stand between our own lines."""
    logging.getLogger("trl").setLevel(logging.ERROR)  # what it warns of is said in our own words
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\..*")


def has_soft_label(row: TrainingRow) -> bool:
    """Whether TRL's own losses have no form for what a pair's label says."""
    return row["probability"] != 1 or row["weight"] != 1


def _mean_weight(rows: Sequence[TrainingRow], settings: TrainSettings) -> float:
    """What weights are divided by: their mean, so that they say how much pairs count beside each other and
    not how large a step is. Equal ones (each pair of `all_pairs` over four answers has 1/6) are all 1.
    Raises RecipeError where no pair has a weight.
    """
    weights = [row["weight"] for row in rows] if settings.weights else [1.0]
    if not any(weights):
        raise RecipeError("every pair has a weight of 0, so that none would teach anything")
    return weights[0] if len(set(weights)) == 1 else math.fsum(weights) / len(weights)


def _label_row(row: Mapping[str, Any], settings: TrainSettings, mean_weight: float) -> TrainingRow:
    certainty = row["probability"] if settings.labels == "soft" else 1.0
    smoothing = 0.0 if settings.smooths_itself else settings.label_smoothing
    assert isinstance(smoothing, float)  # what is measured was put in place before
    probability = certainty * (1 - smoothing) + (1 - certainty) * smoothing
    return {
        **row,
        "probability": probability,
        "weight": row["weight"] / mean_weight if settings.weights else 1.0,
        "chosen_probability": row["probability"],
    }
