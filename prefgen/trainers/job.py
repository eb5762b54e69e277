"""What every trainer begins with: the base loaded, the rows measured and labelled, the arguments that all of
TRL's trainers share.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportArgumentType=false, reportUntypedBaseClass=false

import json
import logging
import math
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    EarlyStoppingCallback,
    TrainerCallback,
)

from prefgen.errors import RecipeError
from prefgen.trainers.likelihood import tokenize_turns
from prefgen.trainers.pairs import Lengths, Row, TrainingPairs, pairs_that_differ
from prefgen.trainers.progress import TrainingProgress
from prefgen.trainers.settings import METRICS, TrainSettings

DEFAULT_MAX_LENGTH = 32768
"""Longest sequence of a model that does not say its own limit."""
PANEL_METRICS = tuple(
    side + name
    for name in ("loss", "rewards/accuracies", "accuracy", "rewards/margins", "margin")
    for side in ("", "eval_")
)
"""What a panel has room for."""


@dataclass
class PreparedTraining:
    """A training that is ready to begin: rows have prompt, chosen, rejected (lists of messages), probability
    and weight.
    """

    settings: TrainSettings
    tokenizer: Any
    train: Sequence[Row]
    test: Sequence[Row]
    lengths: Lengths
    refused: int
    out: Path
    progress: TrainingProgress

    @property
    def max_length(self) -> int:
        return self.settings.max_length or self.lengths.proposed

    def model(self, kind: Any = AutoModelForCausalLM, **options: Any) -> Any:
        """The base's weights, anew."""
        return load_pretrained(kind, self.settings, "model", dtype=_dtype(self.settings), **options)

    def arguments(self, *, best: str | None = None) -> dict[str, Any]:
        """What all of TRL's trainers are told; `best` names the number of the held-out rows that an early
        stop looks at.
        """
        settings, stops_early = self.settings, bool(self.settings.patience and self.test)
        best_metric = best or "eval_loss"
        return {
            "output_dir": str(self.out / "checkpoints"),
            "learning_rate": settings.learning_rate or (1e-5 if settings.lora else 1e-6),
            "num_train_epochs": settings.epochs,
            "max_steps": settings.max_steps,
            "per_device_train_batch_size": settings.batch_size,
            "per_device_eval_batch_size": settings.batch_size,
            "gradient_accumulation_steps": settings.accumulate,
            "max_length": self.max_length,
            "warmup_steps": self._warmup(),
            "lr_scheduler_type": settings.scheduler,
            "gradient_checkpointing": settings.gradient_checkpointing,
            "eval_strategy": "steps" if self.test else "no",
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
        callbacks: list[TrainerCallback] = [MetricsLogger(self.out / METRICS, self.progress)]
        if self.settings.patience and self.test:
            callbacks.append(EarlyStoppingCallback(self.settings.patience))
        return {"processing_class": self.tokenizer, "callbacks": callbacks}

    def lora(self, task: str = "CAUSAL_LM") -> Any:
        """peft's configuration, or None where all weights are trained."""
        if self.settings.lora is None:
            return None
        from peft import LoraConfig

        adapter = self.settings.lora
        return LoraConfig(
            r=adapter.r,
            lora_alpha=adapter.alpha,
            lora_dropout=adapter.dropout,
            target_modules=adapter.target_modules
            if adapter.target_modules == "all-linear"
            else _as_list(adapter.target_modules),
            task_type=task,
        )


def _as_list(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def append_metrics(path: Path, line: Mapping[str, float]) -> None:
    """Another line of metrics.jsonl."""
    finite_values = {name: value if math.isfinite(value) else None for name, value in line.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(finite_values) + "\n")


class MetricsLogger(TrainerCallback):
    """Every number that the trainer logs, as a line of metrics.jsonl, and in the progress for whoever looks
    on.
    """

    def __init__(self, path: Path, progress: TrainingProgress) -> None:
        self._path, self._progress, self._started = path, progress, time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._progress.step, self._progress.steps = state.global_step, state.max_steps
        self._progress.seconds = time.monotonic() - self._started

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        logs = {
            name.replace("kl", "batch_kl") if name in ("kl", "eval_kl") else name: value
            for name, value in logs.items()
        }  # of KTO's own making
        append_metrics(
            self._path,
            {"step": state.global_step, "seconds": round(time.monotonic() - self._started, 2), **logs},
        )
        self._progress.numbers |= {name: logs[name] for name in PANEL_METRICS if name in logs}


def prepare_training(
    data: TrainingPairs, settings: TrainSettings, out: Path, progress: TrainingProgress
) -> PreparedTraining:
    """Load the tokenizer, measure the pairs, leave out those that are equal within the length. Raises
    RecipeError in one line.
    """
    _silence_libraries()
    say = progress.notify
    tokenizer = load_chat_tokenizer(settings)
    template_problem = _template_problem(tokenizer, data.train)
    if template_problem:
        say(f"warning: {settings.base!r}: {template_problem}")
    config = load_pretrained(AutoConfig, settings, "configuration")
    if is_reward_model(config) and settings.use != "reward":
        raise RecipeError(
            f"{settings.base!r} is a reward model: {settings.use} needs a base that writes text"
        )
    limit = min(getattr(config, "max_position_embeddings", None) or DEFAULT_MAX_LENGTH, DEFAULT_MAX_LENGTH)

    def side_tokens(row: Row, side: str) -> list[int]:
        return tokenize_turns(tokenizer, row["prompt"] + row[side])

    if settings.max_length and settings.max_length > limit:
        raise RecipeError(
            f"max_length {settings.max_length:,} is more than the {limit:,} tokens that {settings.base!r} "
            "can read"
        )
    distinct, lengths = pairs_that_differ([*data.train, *data.test], side_tokens, settings.max_length, limit)
    kept_train = [row for row, keep in zip(data.train, distinct, strict=False) if keep]
    kept_test = [row for row, good in zip(data.test, distinct[len(data.train) :], strict=True) if good]
    cut = settings.max_length or lengths.proposed
    if lengths.longest > cut:
        say(
            f"warning: {lengths.over(cut):,} of {2 * len(distinct):,} answers with their prompts are longer "
            f"than {cut:,} tokens and are cut there"
        )
    refused = len(data.train) - len(kept_train)
    for name, count, all_rows in (
        ("pairs", refused, data.train),
        ("held-out pairs", len(data.test) - len(kept_test), data.test),
    ):
        if count:
            say(f"{count:,} of {len(all_rows):,} {name} are equal within {cut:,} tokens and were left out")
    if not kept_train:
        raise RecipeError(
            f"no pair is left: within {cut:,} tokens all sides are equal. Raise max_length "
            f"({lengths.longest:,} would do)"
        )
    train_rows, test_rows = (
        [_label_row(row, settings) for row in split_rows] for split_rows in (kept_train, kept_test)
    )
    unsupported = settings.without_soft_form()
    if unsupported and any(row["probability"] != 1 or row["weight"] != 1 for row in train_rows):
        raise RecipeError(
            f"the pairs have soft labels or weights, and {unsupported} has no form for them. Say `labels: "
            "hard, weights: false`"
        )
    out.mkdir(parents=True, exist_ok=True)
    return PreparedTraining(settings, tokenizer, train_rows, test_rows, lengths, refused, out, progress)


def load_chat_tokenizer(settings: TrainSettings) -> Any:
    """The base's tokenizer, which must have a chat template."""
    tokenizer = load_pretrained(AutoTokenizer, settings, "tokenizer")
    if not tokenizer.chat_template:
        raise RecipeError(
            f"{settings.base!r} has no chat template: pairs are conversations. Take an instruction-tuned "
            "base, or give the tokenizer one"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def is_reward_model(config: Any) -> bool:
    """Whether a model's configuration is one of a reward model: loaded as a language model its head would be
    random.
    """
    return any(
        str(name).endswith("ForSequenceClassification")
        for name in getattr(config, "architectures", None) or ()
    )


def load_pretrained(kind: Any, settings: TrainSettings, part: str, **options: Any) -> Any:
    """What transformers reads at the base. Raises RecipeError in one line."""
    base = settings.base or ""
    if settings.revision and os.path.isdir(base):
        raise RecipeError(f"revision {settings.revision!r} is one of the Hub, and {base!r} is a folder")
    if os.path.isfile(os.path.join(base, "adapter_config.json")) and not os.path.isfile(
        os.path.join(base, "config.json")
    ):
        raise RecipeError(
            f"{base!r} is an adapter and no model. `prefgen train --merge` writes a model, which can be a "
            "base"
        )
    try:
        return kind.from_pretrained(base, revision=settings.revision, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        revision_text = f" at revision {settings.revision!r}" if settings.revision else ""
        source = "the folder" if os.path.isdir(base) else "no such folder, and the Hub"
        raise RecipeError(
            f"the {part} of {base!r}{revision_text} cannot be loaded ({source}): "
            f"{' '.join(str(error).split())[:200]}"
        ) from None


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole."""
    candidates = (path for path in folder.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit())
    checkpoints = [path for path in candidates if (path / "trainer_state.json").is_file()]
    return max(checkpoints, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _silence_libraries() -> None:
    """Progress bars and notes of the libraries would stand between our own lines."""
    logging.getLogger("trl").setLevel(logging.ERROR)  # what it warns of is said in our own words
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\..*")


def _template_problem(tokenizer: Any, rows: Sequence[Row]) -> str | None:
    """Why a chat template cannot be trained with, if so: a prompt alone must read as it does before its
    answer.
    """
    for row in rows[:20]:
        rendered = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        full_text = tokenizer.apply_chat_template(row["prompt"] + row["chosen"], tokenize=False)
        if not full_text.startswith(rendered):
            return (
                "its chat template renders a prompt otherwise when an answer follows (ends in "
                f"{rendered[-40:]!r}): the model would be trained on "
                "a context that it never sees"
            )
        prompt_ids = tokenize_turns(tokenizer, row["prompt"], generation_prompt=True)
        if tokenize_turns(tokenizer, row["prompt"] + row["chosen"])[: len(prompt_ids)] != prompt_ids:
            return (
                f"the end of its prompt ({rendered[-20:]!r}) and the beginning of an answer become one "
                "token: the model is trained on a prompt that ends one token earlier than the one it sees"
            )
    return None


def _label_row(row: Mapping[str, Any], settings: TrainSettings) -> Row:
    certainty = row["probability"] if settings.labels == "soft" else 1.0
    smoothing = 0.0 if settings.smooths_itself else settings.label_smoothing
    assert isinstance(smoothing, float)  # what is measured was put in place before
    probability = certainty * (1 - smoothing) + (1 - certainty) * smoothing
    return {**row, "probability": probability, "weight": row["weight"] if settings.weights else 1.0}


def _dtype(settings: TrainSettings) -> Any:
    if settings.dtype != "auto":
        return getattr(torch, settings.dtype)
    return torch.float32 if settings.cpu or not torch.cuda.is_available() else "auto"
