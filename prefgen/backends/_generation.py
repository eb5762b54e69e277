"""Writing texts with a language model, a token at a time: each draw has its own generator, so that it is the
same in every batch.
"""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from prefgen.errors import RequestFailed
from prefgen.transport.request import ModelRequest

DEFAULT_MAX_TOKENS = 512
"""Of a call that says nothing."""


@torch.inference_mode()
def generate(model: Any, tokenizer: Any, draws: "Sequence[Draw]", *, device: str, name: str) -> None:
    """Write all draws until each has ended. Raises RequestFailed where the model `name` gives no numbers."""
    ids, mask = _padded(draws, tokenizer.pad_token_id, device)
    position_ids = (mask.cumsum(1) - 1).clamp(min=0)
    end_ids = _end_ids(model, tokenizer)
    max_length = getattr(model.config, "max_position_embeddings", None) or math.inf
    output = model(input_ids=ids, attention_mask=mask, position_ids=position_ids, use_cache=True)
    for draw, logits in zip(draws, output.logits, strict=True):
        if draw.call.echo:
            draw.read_prompt(logits[ids.shape[1] - len(draw.prompt_ids) :].float().cpu())
    while True:
        last_logits = output.logits[:, -1].float().cpu()
        if not torch.isfinite(last_logits).any(dim=1).all() or torch.isnan(last_logits).any():
            raise RequestFailed(
                "fatal",
                f"{name} gives no numbers but NaN: are its weights damaged, or its number format too small?",
            )
        tokens = [
            draw.next_token(logits, end_ids, max_length)
            for draw, logits in zip(draws, last_logits, strict=True)
        ]
        if all(draw.finish for draw in draws):
            return
        mask = torch.cat([mask, mask.new_ones(len(draws), 1)], 1)
        position_ids = position_ids[:, -1:] + 1
        output = model(
            input_ids=torch.tensor([[token] for token in tokens], device=device),
            attention_mask=mask,
            position_ids=position_ids,
            past_key_values=output.past_key_values,
            use_cache=True,
        )


def _padded(draws: "Sequence[Draw]", pad_id: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(the prompts' tokens, filled up on the left to one width; 1 where they stand): draws x tokens."""
    width = max(len(draw.prompt_ids) for draw in draws)
    padding = [width - len(draw.prompt_ids) for draw in draws]
    ids = [[pad_id] * missing + draw.prompt_ids for missing, draw in zip(padding, draws, strict=True)]
    mask = [[0] * missing + [1] * (width - missing) for missing in padding]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


class Draw:
    """One draw on its way: its tokens so far, its own generator, and how it ended."""

    def __init__(self, prompt_ids: list[int], call: ModelRequest, seed: int | None, tokenizer: Any) -> None:
        self.prompt_ids = prompt_ids
        self.call = call
        self.new_ids: list[int] = []
        self.finish: str | None = None
        self._tokenizer = tokenizer
        self._generator = torch.Generator().manual_seed(seed if seed is not None else 0)
        self._logprobs: list[dict[str, Any]] = []
        self._text = ""
        stop = call.sampling.get("stop")
        self._stop_texts = [
            stop_text for stop_text in ([stop] if isinstance(stop, str) else list(stop or ())) if stop_text
        ]
        special_ids = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
        self._stop_ids = {
            special_ids[stop_text] for stop_text in self._stop_texts if stop_text in special_ids
        }

    def next_token(self, logits: torch.Tensor, end_ids: set[int], max_length: float) -> int:
        """The next token (the last one again for a draw that has ended)."""
        if self.finish:
            return self.prompt_ids[-1]
        token = self._sample_token(logits, self.call.sampling)
        if token in end_ids or token in self._stop_ids:
            self.finish = "stop"
            return token
        if self.call.logprobs:
            self._logprobs.append(self._token_logprobs(token, logits))
        self.new_ids.append(token)
        self._text = self._tokenizer.decode(self.new_ids, skip_special_tokens=True)
        stop_position = min(
            (position for position in (self._text.find(stop) for stop in self._stop_texts) if position >= 0),
            default=-1,
        )
        if stop_position >= 0:
            self._text, self.finish = self._text[:stop_position], "stop"
        elif (
            len(self.new_ids) >= self.call.sampling.get("max_tokens", DEFAULT_MAX_TOKENS)
            or len(self.prompt_ids) + len(self.new_ids) >= max_length
        ):
            self.finish = "length"
        return token

    def _sample_token(self, logits: torch.Tensor, sampling: Mapping[str, Any]) -> int:
        penalty = sampling.get("repetition_penalty") or 1.0
        if penalty != 1.0:
            seen_ids = torch.tensor(sorted({*self.prompt_ids, *self.new_ids}))
            values = logits[seen_ids]
            logits = logits.scatter(0, seen_ids, torch.where(values > 0, values / penalty, values * penalty))
        counts = (
            torch.bincount(torch.tensor(self.new_ids, dtype=torch.long), minlength=logits.shape[0])
            if self.new_ids
            else None
        )
        if counts is not None:
            logits = (
                logits
                - (sampling.get("frequency_penalty") or 0.0) * counts
                - (sampling.get("presence_penalty") or 0.0) * (counts > 0)
            )
        temperature = sampling.get("temperature", 1.0)
        if temperature == 0:
            return int(logits.argmax())
        probabilities = torch.softmax(logits / temperature, 0)
        if (top_k := sampling.get("top_k") or 0) > 0:
            probabilities = probabilities.where(
                probabilities >= probabilities.topk(min(top_k, probabilities.shape[0])).values[-1], 0.0
            )
        if (min_p := sampling.get("min_p") or 0.0) > 0:
            probabilities = probabilities.where(probabilities >= min_p * probabilities.max(), 0.0)
        if (top_p := sampling.get("top_p") or 1.0) < 1:
            sorted_probabilities, order = probabilities.sort(descending=True)
            sorted_probabilities[
                sorted_probabilities.cumsum(0) - sorted_probabilities > top_p * sorted_probabilities.sum()
            ] = 0.0
            probabilities = torch.zeros_like(probabilities).scatter(0, order, sorted_probabilities)
        return int(torch.multinomial(probabilities, 1, generator=self._generator))

    def _token_logprobs(self, token: int, logits: torch.Tensor) -> dict[str, Any]:
        """A token's log-probability and the likeliest alternatives, before temperature and truncation."""
        logprobs = torch.log_softmax(logits, 0)
        top = logprobs.topk(min(self.call.logprobs, logprobs.shape[0]))
        return {
            "token": self._tokenizer.decode([token]),
            "logprob": float(logprobs[token]),
            "top_logprobs": [
                {"token": self._tokenizer.decode([int(i)]), "logprob": float(v)}
                for v, i in zip(top.values, top.indices, strict=True)
            ],
        }

    def read_prompt(self, logits: torch.Tensor) -> None:
        """Log-probabilities of the prompt's own tokens, from the second on."""
        if self.call.logprobs:
            self._logprobs = [
                self._token_logprobs(token, token_logits)
                for token, token_logits in zip(self.prompt_ids[1:], logits[:-1], strict=True)
            ]

    def choice(self) -> dict[str, Any]:
        """The draw as a choice of the OpenAI protocol."""
        text, finish = self._text, self.finish or "length"
        if self.call.endpoint == "chat":
            logprobs = {"content": self._logprobs} if self.call.logprobs else None
            return {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish,
                "logprobs": logprobs,
            }
        if self.call.echo:
            text = self.call.text + text
        completion: dict[str, Any] = {"index": 0, "text": text, "finish_reason": finish}
        if self.call.logprobs:
            completion["logprobs"] = {
                "tokens": [entry["token"] for entry in self._logprobs],
                "token_logprobs": [entry["logprob"] for entry in self._logprobs],
                "top_logprobs": [
                    {alternative["token"]: alternative["logprob"] for alternative in entry["top_logprobs"]}
                    for entry in self._logprobs
                ],
            }
        return completion


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    """Tokens that end an answer."""
    configured_ids = model.generation_config.eos_token_id if model.generation_config is not None else None
    ids = {configured_ids} if isinstance(configured_ids, int) else set(configured_ids or ())
    return ids | {tokenizer.eos_token_id}
