"""What a server says that a request took, and what counts where it does not say it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from prefgen.transport.request import ModelRequest, assumed_output, estimate_prompt_tokens
from prefgen.types import Reply, TokenUsage


def with_usage(reply: Reply, call: ModelRequest, *, with_prompt: bool) -> Reply:
    """The reply; where the server does not say what it took, with as much as was reserved for it, so that a
    budget holds.
    """
    generates = call.endpoint in ("chat", "completion")
    is_empty = generates and not reply.usage.completion_tokens and bool(reply.text.strip())
    is_unpaid = generates and with_prompt and not reply.usage.prompt_tokens  # no prompt takes nothing
    if not (reply.usage.estimated or is_empty or is_unpaid):
        return reply
    prompt_tokens = estimate_prompt_tokens(call) if with_prompt else 0
    is_said = is_unpaid and not is_empty and not reply.usage.estimated
    output = reply.usage.completion_tokens if is_said else assumed_output(call)
    usage = TokenUsage(prompt_tokens=prompt_tokens, completion_tokens=output, estimated=True)
    return reply.replacing(usage=usage)


def split_usage(usage: Any, count: int) -> Sequence[dict[str, Any] | None]:
    """Usage of one request with several answers: the prompt counts once, for the first; the output is split
    evenly, also what draws took that failed. None for each where the server does not say it.
    """
    said = parse_usage(usage)
    if said.estimated or not said.completion_tokens:
        return [None] * count
    share = said.completion_tokens // count
    usages: list[dict[str, Any]] = [{"prompt_tokens": 0, "completion_tokens": share} for _ in range(count)]
    first = {**usage, "completion_tokens": said.completion_tokens - share * (count - 1)}
    usages[0] = {name: value for name, value in first.items() if name != "total_tokens"}
    return usages


def parse_usage(data: Any, *, generates: bool = True) -> TokenUsage:
    """What the server says that a request took; `estimated`, without numbers, where it does not say so or
    says what cannot be. Reasoning that only the total counts is output too.
    """
    if not isinstance(data, Mapping):
        return TokenUsage(estimated=True)
    prompt_tokens, completion_tokens = _said(data, "prompt"), _said(data, "completion")
    if not _is_count(prompt_tokens) or not (_is_count(completion_tokens) or not generates):
        return TokenUsage(estimated=True)
    if generates and not prompt_tokens and not completion_tokens:
        return TokenUsage(estimated=True)
    output_tokens = completion_tokens if _is_count(completion_tokens) else 0
    total_tokens = data.get("total_tokens")
    if generates and _is_count(total_tokens):
        output_tokens = max(output_tokens, total_tokens - prompt_tokens)
    details = data.get("prompt_tokens_details") or data.get("input_tokens_details")
    cached_tokens = details.get("cached_tokens") if details and isinstance(details, Mapping) else 0
    return TokenUsage.trusted(  # each was found to be a count
        prompt_tokens=prompt_tokens,
        completion_tokens=output_tokens,
        cached_tokens=min(cached_tokens, prompt_tokens) if _is_count(cached_tokens) else 0,
    )


_OTHER_NAMES = {"prompt": "input", "completion": "output"}
"""{what the protocol calls a side of a request: what OpenAI's responses and Anthropic's messages call it}."""


def _said(data: Mapping[str, Any], side: str) -> Any:
    """What a server says of one side, by either name; the first where it says both."""
    said = data.get(f"{side}_tokens")
    return data.get(f"{_OTHER_NAMES[side]}_tokens") if said is None else said


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**40
