"""The log-probabilities of answers of the OpenAI protocol, in the two shapes that it has for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from prefgen.types import TokenChoice, TokenLogprob

_ODD_SHAPES = (ValidationError, KeyError, TypeError, ValueError, AttributeError)


def parse_logprobs(data: Any, endpoint: str) -> tuple[TokenLogprob, ...]:
    """Those of an answer; none where their shape is odd, which another try would not mend: the answer is
    whole without them.
    """
    try:
        return _of_completion(data) if endpoint == "completion" else _of_chat(data)
    except _ODD_SHAPES:
        return ()


def _of_chat(data: Mapping[str, Any]) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            token=entry["token"],
            logprob=entry["logprob"],
            top=tuple(
                TokenChoice(token=t["token"], logprob=t["logprob"]) for t in entry.get("top_logprobs") or ()
            ),
        )
        for entry in data.get("content") or ()
    )


def _of_completion(data: Mapping[str, Any] | None) -> tuple[TokenLogprob, ...]:
    """Without a token that has none. llama.cpp's server gives completions those of chats."""
    if not data:
        return ()
    if "tokens" not in data:
        return _of_chat(data)
    tops: Sequence[Mapping[str, float | None] | None] = data.get("top_logprobs") or [None] * len(
        data["tokens"]
    )
    logprobs = []
    for token, logprob, top in zip(data["tokens"], data["token_logprobs"], tops, strict=True):
        if logprob is None:
            continue  # the first token of an echoed prompt has no probability
        alternatives = tuple(TokenChoice(token=t, logprob=p) for t, p in (top or {}).items() if p is not None)
        logprobs.append(TokenLogprob(token=token, logprob=logprob, top=alternatives))
    return tuple(logprobs)
