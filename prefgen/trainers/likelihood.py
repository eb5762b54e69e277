"""How likely a model finds answers: log-probabilities of an answer's tokens after its prompt, and how far a model has moved from another."""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportUntypedFunctionDecorator=false

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch

from prefgen.errors import RecipeError

Turns = Sequence[Mapping[str, str]]


def tokens(tokenizer: Any, turns: Turns, *, asking: bool = False) -> list[int]:
    """A conversation as the model sees it; `asking` for an answer that follows."""
    text = tokenizer.apply_chat_template([*turns], tokenize=False, add_generation_prompt=asking)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def tokenized(
    tokenizer: Any, prompt: Turns, answer: Turns, max_length: int | None = None
) -> tuple[list[int], int]:
    """(tokens of prompt and answer, how many of them are the prompt's). What both ways of rendering the prompt share is the prompt."""
    asked, whole = tokens(tokenizer, prompt, asking=True), tokens(tokenizer, [*prompt, *answer])[:max_length]
    shared = 0
    while shared < min(len(asked), len(whole)) and asked[shared] == whole[shared]:
        shared += 1
    return whole, shared


@torch.inference_mode()
def answer_logps(
    model: Any,
    tokenizer: Any,
    asked: Sequence[tuple[Turns, Turns]],
    *,
    max_length: int | None = None,
    batch_size: int = 16,
) -> list[tuple[float, int]]:
    """(sum of the log-probabilities of the answer's tokens, how many tokens) of each (prompt, answer)."""
    rows = [tokenized(tokenizer, prompt, answer, max_length) for prompt, answer in asked]
    longest, limit = (
        max((len(ids) for ids, _ in rows), default=0),
        getattr(model.config, "max_position_embeddings", None),
    )
    if limit and longest > limit:
        raise RecipeError(f"a prompt with its answer has {longest:,} tokens, and the model reads {limit:,}")
    found: list[tuple[float, int]] = []
    for ids, mask, wanted in _batches(rows, tokenizer.pad_token_id, batch_size, model.device):
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        each = torch.gather(logits.log_softmax(-1), 2, ids[:, 1:].unsqueeze(-1)).squeeze(-1) * wanted[:, 1:]
        found += zip(each.sum(1).cpu().tolist(), wanted[:, 1:].sum(1).int().cpu().tolist(), strict=True)
    return found


@torch.inference_mode()
def divergence(
    model: Any,
    reference: Any,
    tokenizer: Any,
    asked: Sequence[tuple[Turns, Turns]],
    *,
    max_length: int | None = None,
    batch_size: int = 16,
) -> float:
    """Mean over the answers' tokens of KL(model || reference), in nats. `reference` None: the model without its adapter."""
    total, tokens = 0.0, 0.0
    rows = [tokenized(tokenizer, prompt, answer, max_length) for prompt, answer in asked]
    for ids, mask, wanted in _batches(rows, tokenizer.pad_token_id, batch_size, model.device):
        now = (
            model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float().log_softmax(-1)
        )
        with model.disable_adapter() if reference is None else nullcontext():
            before = (
                (reference or model)(input_ids=ids, attention_mask=mask, use_cache=False)
                .logits[:, :-1]
                .float()
                .log_softmax(-1)
            )
        each = (now.exp() * (now - before)).sum(-1) * wanted[:, 1:]
        total, tokens = total + float(each.sum()), tokens + float(wanted[:, 1:].sum())
    return total / max(1.0, tokens)


def _batches(
    rows: Sequence[tuple[list[int], int]], pad: int, size: int, device: Any
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """(tokens, which are real, which are the answer's) of some rows at a time, padded on the right."""
    for at in range(0, len(rows), size):
        some = rows[at : at + size]
        longest = max(len(ids) for ids, _ in some)
        ids = torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in some], device=device)
        mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in some], device=device)
        wanted = torch.tensor(
            [[0] * shared + [1] * (len(ids) - shared) + [0] * (longest - len(ids)) for ids, shared in some],
            device=device,
        )
        yield ids, mask, wanted.float()
