"""How likely a model finds answers: log-probabilities of an answer's tokens after its prompt, and how far a
model has moved from another.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedFunctionDecorator=false

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import Any

import numpy as np
import torch

from prefgen.errors import RecipeError

Conversation = Sequence[Mapping[str, str]]


def tokenize_turns(tokenizer: Any, turns: Conversation, *, generation_prompt: bool = False) -> list[int]:
    """A conversation as the model sees it; with `generation_prompt` it asks for an answer."""
    text = tokenizer.apply_chat_template([*turns], tokenize=False, add_generation_prompt=generation_prompt)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


TOKENIZED_AT_ONCE = 512
"""Conversations that a tokenizer is given at a time: a fast one takes them on all processors."""


def tokenize_many(
    tokenizer: Any, conversations: Iterable[Conversation], *, generation_prompt: bool = False
) -> Iterator[np.ndarray]:
    """What `tokenize_turns` gives of each, in arrays, which take a tenth of the memory."""
    remaining = iter(conversations)
    while batch := [[*turns] for turns in islice(remaining, TOKENIZED_AT_ONCE)]:
        texts = tokenizer.apply_chat_template(batch, tokenize=False, add_generation_prompt=generation_prompt)
        encoded = tokenizer(texts, add_special_tokens=False, return_attention_mask=False)
        yield from (np.array(ids, np.int32) for ids in encoded["input_ids"])


def tokenize_answer(
    tokenizer: Any, prompt: Conversation, answer: Conversation, max_length: int | None = None
) -> tuple[list[int], int]:
    """(tokens of prompt and answer, how many of them are the prompt's). What both ways of rendering the
    prompt share is the prompt.
    """
    prompt_ids, all_ids = (
        tokenize_turns(tokenizer, prompt, generation_prompt=True),
        tokenize_turns(tokenizer, [*prompt, *answer])[:max_length],
    )
    return all_ids, shared_length(prompt_ids, all_ids)


def shared_length(first: "Sequence[int] | np.ndarray", second: "Sequence[int] | np.ndarray") -> int:
    """How many tokens both begin with."""
    shorter = min(len(first), len(second))
    differs = np.flatnonzero(np.asarray(first[:shorter]) != np.asarray(second[:shorter]))
    return int(differs[0]) if len(differs) else shorter


@torch.no_grad()
def answer_logps(
    model: Any,
    tokenizer: Any,
    answers: Sequence[tuple[Conversation, Conversation]],
    *,
    max_length: int | None = None,
    batch_size: int = 16,
) -> list[tuple[float, int]]:
    """(sum of the log-probabilities of the answer's tokens, how many tokens) of each (prompt, answer)."""
    rows = [tokenize_answer(tokenizer, prompt, answer, max_length) for prompt, answer in answers]
    longest, limit = (
        max((len(ids) for ids, _ in rows), default=0),
        getattr(model.config, "max_position_embeddings", None),
    )
    if limit and longest > limit:
        raise RecipeError(f"a prompt with its answer has {longest:,} tokens, and the model reads {limit:,}")
    logps: list[tuple[float, int]] = []
    for ids, mask, spans in padded_batches(rows, tokenizer.pad_token_id, batch_size, model.device):
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        for answer, (start, end) in enumerate(spans):
            total = 0.0
            for first, last in _pieces(start, end):
                token_logps = logits[answer, first - 1 : last - 1].float().log_softmax(-1)
                total += float(token_logps.gather(1, ids[answer, first:last].unsqueeze(-1)).sum())
            logps.append((total, end - max(start, 1)))
    return logps


@torch.no_grad()
def divergence(
    model: Any,
    reference: Any,
    tokenizer: Any,
    answers: Sequence[tuple[Conversation, Conversation]],
    *,
    max_length: int | None = None,
    batch_size: int = 16,
) -> float:
    """Mean over the answers' tokens of KL(model || reference), in nats. `reference` None: the model without
    its adapter.
    """
    total, token_count = 0.0, 0
    rows = [tokenize_answer(tokenizer, prompt, answer, max_length) for prompt, answer in answers]
    for ids, mask, spans in padded_batches(rows, tokenizer.pad_token_id, batch_size, model.device):
        inputs = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        logits = model(**inputs).logits
        with model.disable_adapter() if reference is None else nullcontext():
            reference_logits = (reference or model)(**inputs).logits
        for answer, (start, end) in enumerate(spans):
            for first, last in _pieces(start, end):
                logps, reference_logps = (
                    each[answer, first - 1 : last - 1].float().log_softmax(-1)
                    for each in (logits, reference_logits)
                )
                total += float((logps.exp() * (logps - reference_logps)).sum())
            token_count += end - max(start, 1)
    return total / max(1, token_count)


PIECE = 128
"""Tokens whose probabilities over the whole vocabulary are in memory at a time, in float32."""


def _pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """(first, end) of the pieces of an answer's tokens; the first token of all has no probability."""
    for first in range(max(start, 1), end, PIECE):
        yield first, min(first + PIECE, end)


def padded_batches(
    rows: Sequence[tuple[list[int], int]], pad_id: int, size: int, device: Any
) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[tuple[int, int]]]]:
    """(tokens, which are real, (start, end) of each answer's) of some rows at a time, padded on the right."""
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        longest = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in batch], device=device)
        mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in batch], device=device)
        yield ids, mask, [(prompt_length, len(ids)) for ids, prompt_length in batch]
