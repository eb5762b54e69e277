"""The model that a training begins with: read from a folder or the Hub, with a chat template that can be
trained with.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false

import os
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoTokenizer

from prefgen.errors import RecipeError
from prefgen.trainers.likelihood import tokenize_turns
from prefgen.trainers.pairs import TrainingRow
from prefgen.trainers.settings import TrainSettings


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
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, ImportError) as error:
        revision_text = f" at revision {settings.revision!r}" if settings.revision else ""
        source = "the folder" if os.path.isdir(base) else "no such folder, and the Hub"
        raise RecipeError(
            f"the {part} of {base!r}{revision_text} cannot be loaded ({source}): "
            f"{' '.join(str(error).split())[:200]}"
        ) from None


def template_problem(tokenizer: Any, rows: Sequence[TrainingRow]) -> str | None:
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


ANSWER = "Thus."
"""Stands in for an answer where only what a template puts behind it matters."""


def missing_end(tokenizer: Any, rows: Sequence[TrainingRow]) -> str | None:
    """Why a model that is trained with a chat template would not learn to stop, if so: nothing stands behind
    an answer that ends it.
    """
    turns = [*rows[0]["prompt"], {"role": "assistant", "content": ANSWER}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    _, found, after = text.rpartition(ANSWER)
    ends = {tokenizer.eos_token_id, *tokenizer.all_special_ids}
    ends |= {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    if not found or ends & {*tokenizer(after, add_special_tokens=False)["input_ids"]}:
        return None
    behind = f"only {after!r} stands" if after else "nothing stands"
    return (
        f"its chat template never ends an assistant's turn: {behind} behind an answer, and no special token "
        f"(the tokenizer's end is {tokenizer.eos_token!r}), so that the model does not learn to stop"
    )


def weights_dtype(settings: TrainSettings) -> Any:
    """torch's number format of the weights, or "auto" for the one that they are stored in.

    Weights that are trained themselves are kept in float32, and computed with in bfloat16 where the GPU can:
    most updates of a usual learning rate are less than half a step of a 16-bit number, and vanish. Those
    under an adapter do not change, and stay as they are stored.
    """
    if settings.dtype != "auto":
        return getattr(torch, settings.dtype)
    is_on_cpu = settings.cpu or not torch.cuda.is_available()
    return torch.float32 if is_on_cpu or settings.lora is None else "auto"


SAMPLED_WEIGHTS = 10_000


def vanishing_share(model: Any, learning_rate: float) -> float:
    """The share of the trained weights that one update of the learning rate (what Adam's steps are at most,
    about) leaves as they are, being less than half a step of their number format: 0 to 1, by a sample of each
    tensor.
    """
    vanishing, count = 0.0, 0
    for weights in model.parameters():
        if weights.requires_grad:
            values = weights.detach().flatten()
            values = values[:: max(1, len(values) // SAMPLED_WEIGHTS)]
            unchanged = float((values - learning_rate == values).float().mean())
            vanishing, count = vanishing + unchanged * weights.numel(), count + weights.numel()
    return vanishing / max(1, count)
