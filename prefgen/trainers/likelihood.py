"""How likely a model finds answers: log-probabilities of an answer's tokens after its prompt, and how far a
model has moved from another.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedFunctionDecorator=false

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch

from prefgen.errors import RecipeError

Conversation = Sequence[Mapping[str, str]]


def tokenize_turns(tokenizer: Any, turns: Conversation, *, generation_prompt: bool = False) -> list[int]:
    """A conversation as the model sees it; with `generation_prompt` it asks for an answer."""
    text = tokenizer.apply_chat_template([*turns], tokenize=False, add_generation_prompt=generation_prompt)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


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


def shared_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with."""
    length = 0
    while length < min(len(first), len(second)) and first[length] == second[length]:
        length += 1
    return length


@torch.inference_mode()
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
    for ids, mask, answer_mask in padded_batches(rows, tokenizer.pad_token_id, batch_size, model.device):
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        token_logps = (
            torch.gather(logits.log_softmax(-1), 2, ids[:, 1:].unsqueeze(-1)).squeeze(-1) * answer_mask[:, 1:]
        )
        logps += zip(
            token_logps.sum(1).cpu().tolist(), answer_mask[:, 1:].sum(1).int().cpu().tolist(), strict=True
        )
    return logps


@torch.inference_mode()
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
    total, token_count = 0.0, 0.0
    rows = [tokenize_answer(tokenizer, prompt, answer, max_length) for prompt, answer in answers]
    for ids, mask, answer_mask in padded_batches(rows, tokenizer.pad_token_id, batch_size, model.device):
        logps = (
            model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float().log_softmax(-1)
        )
        with model.disable_adapter() if reference is None else nullcontext():
            reference_logps = (
                (reference or model)(input_ids=ids, attention_mask=mask, use_cache=False)
                .logits[:, :-1]
                .float()
                .log_softmax(-1)
            )
        token_divergences = (logps.exp() * (logps - reference_logps)).sum(-1) * answer_mask[:, 1:]
        total, token_count = (
            total + float(token_divergences.sum()),
            token_count + float(answer_mask[:, 1:].sum()),
        )
    return total / max(1.0, token_count)


def padded_batches(
    rows: Sequence[tuple[list[int], int]], pad_id: int, size: int, device: Any
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """(tokens, which are real, which are the answer's) of some rows at a time, padded on the right."""
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        longest = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids, _ in batch], device=device)
        mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in batch], device=device)
        answer_mask = torch.tensor(
            [
                [0] * prompt_length + [1] * (len(ids) - prompt_length) + [0] * (longest - len(ids))
                for ids, prompt_length in batch
            ],
            device=device,
        )
        yield ids, mask, answer_mask.float()
