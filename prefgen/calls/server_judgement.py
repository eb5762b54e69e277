"""What the answers of a server's self-test mean: pure functions of replies."""

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from prefgen.calls.server_report import Finding
from prefgen.kit.answer_tokens import answer_tokens
from prefgen.transport.openai_usage import parse_usage
from prefgen.types import Reply, TokenLogprob

LEAST_COMPARED = 3
"""Tokens of which the probabilities of two readings are compared."""
MOST_APART = 0.25
"""By how much log-probabilities of one token may differ between two readings: by half precision, or another
batch.
"""
ABOVE_ZERO = 1e-3
"""How far a log-probability may lie above zero."""
VOTES = "Label judges count sampled votes instead (`read: logprobs` fails)"
TRUST = "Perplexity, and what else reads probabilities of given texts, would be wrong"


def usage_finding(data: Any, reply: Reply) -> Finding:
    """Whether a reply says what it took."""
    usage = parse_usage(data.get("usage") if isinstance(data, dict) else None)
    if usage.estimated or not usage.prompt_tokens or (reply.text and not usage.completion_tokens):
        means = "Budgets of tokens and the cost count what was reserved"
        return Finding("usage", "not offered", "how many tokens a request took", means)
    return Finding("usage", "works", "it says how many tokens a request took")


def seeds_findings(draws: Sequence[Reply], *, takes_seed: bool) -> list[Finding]:
    """Of draws with the seeds 1, 2, 1 and, where those are all alike, 3, at temperature 1."""
    said = [f"{draw.reasoning or ''}\n{draw.text}" for draw in draws]
    if len(said) < 2:
        return [Finding("draws", "not known", "whether two draws differ: the second was not answered")]
    if not any(text.strip() for text in said):
        return [Finding("draws", "not known", "whether two draws differ: they are empty")]
    if len(set(said)) == 1 and len(said) >= 3:
        means = (
            "All answers to a prompt tie, and no pair can be made of them: the server does not use the "
            "temperature, or the model's own settings override it (vLLM: start it with --generation-config "
            "vllm)"
        )
        what = "draws" if takes_seed else "draws without a seed"
        return [Finding("draws", "fails", f"{len(said)} {what} at temperature 1 are equal", means)]
    if len(set(said)) == 1:
        return [Finding("draws", "not known", "whether draws differ: too few were answered")]
    found = [Finding("draws", "works", "draws at temperature 1 differ")]
    if not takes_seed:
        refused = "Draws cannot be made again by the server; the journal keeps them"
        return [*found, Finding("seed", "not offered", "a seed is refused", refused, "send_seed: false")]
    if len(said) < 3:
        return [*found, Finding("seed", "not known", "whether a seed is kept")]
    if said[0] == said[2]:
        return [*found, Finding("seed", "works", "equal seeds give equal draws")]
    unkept = "Draws cannot be made again by the server; the journal keeps them"
    return [*found, Finding("seed", "not offered", "equal seeds give other draws", unkept)]


def logprobs_finding(reply: Reply | None, alternatives: int, wrong: str, *, is_refused: bool) -> Finding:
    """Of a chat's answer at temperature 0 that was asked for with so many alternatives a token."""
    if reply is None:
        if is_refused:
            return Finding("logprobs", "not offered", f"log-probabilities of chats ({wrong})", VOTES)
        return Finding("logprobs", "not known", f"log-probabilities of chats: no answer ({wrong})")
    if not reply.text.strip():
        return Finding(
            "logprobs", "not known", "log-probabilities of chats: no answer within 8 tokens", VOTES
        )
    if not reply.logprobs:
        return Finding("logprobs", "not offered", "log-probabilities of chats (left out)", VOTES)
    if not answer_tokens(reply):
        words = "log-probabilities of chats are of other tokens than it writes"
        return Finding("logprobs", "fails", words, VOTES)
    if (odd := _odd_place(reply.logprobs)) is not None:
        words = f"log-probabilities of chats are none: {odd.token!r} has {odd.logprob:g}"
        return Finding("logprobs", "fails", words, VOTES)
    fewest = min(len(place.top) for place in reply.logprobs)
    if not fewest:
        words = "log-probabilities of chats come without alternatives"
        return Finding("logprobs", "fails", words, VOTES)
    told = f"log-probabilities of chats, {min(fewest, alternatives)} alternatives a token"
    few = "" if fewest >= alternatives else f" ({alternatives} were asked for)"
    return Finding("logprobs", "works", told + few)


def _odd_place(places: Sequence[TokenLogprob]) -> TokenLogprob | None:
    """A place whose token is likelier than certain, or far from the likeliest, which temperature 0 writes."""
    for place in places:
        best = max((choice.logprob for choice in place.top), default=place.logprob)
        if place.logprob > ABOVE_ZERO or place.logprob < best - 1.0:
            return place
    return None


def schema_finding(reply: Reply | None, wrong: str, *, most: int, is_refused: bool) -> Finding:
    """Of an answer to a schema with `name`, of `most` letters at most, and `rating` from 1 to 5."""
    text = "schema_as: text"
    means = "Judges' replies are asked for in words, and some cannot be read"
    if reply is None:
        if is_refused:
            return Finding("schema", "not offered", f"JSON schemas ({wrong})", means, text)
        return Finding("schema", "not known", f"JSON schemas: no answer ({wrong})")
    said = reply.text.strip()
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        if reply.finish_reason == "length" and (not said or said.startswith("{")):
            return Finding("schema", "not known", "JSON schemas: the reply was cut off before its end")
        return Finding("schema", "not offered", "JSON schemas (the reply is other text)", means, text)
    if not _fits(value):
        return Finding("schema", "fails", f"JSON schemas are not kept: {said[:60]!r}", means, text)
    if len(value["name"]) > most:
        words = "JSON schemas are kept, without maxLength"
        room = "Long reasons may be cut off: give judges room (max_tokens)"
        return Finding("schema", "works", words, room)
    return Finding("schema", "works", "JSON schemas are kept, with maxLength")


def _fits(value: Any) -> bool:
    """Whether a value has the shape of the schema, whatever its length."""
    return (
        isinstance(value, dict)
        and set(value) == {"name", "rating"}
        and isinstance(value["name"], str)
        and type(value["rating"]) is int
        and 1 <= value["rating"] <= 5
    )


def echo_finding(written: Reply, echoed: Reply | None, whole: str, wrong: str) -> Finding:
    """Whether the tokens that were written have the same probabilities when the whole text is read again."""
    needs = "Perplexity needs them"
    if echoed is None:
        return Finding("echo", "not offered", f"log-probabilities of a given text ({wrong})", needs)
    if not echoed.text.startswith(whole[: len(whole) // 2]):
        words = "log-probabilities of a given text (echo is ignored)"
        return Finding("echo", "not offered", words, needs)
    if not echoed.logprobs:
        return Finding("echo", "not offered", "log-probabilities of a given text (left out)", needs)
    pairs = matching_tokens(written.logprobs, echoed.logprobs)
    if len(pairs) < LEAST_COMPARED:
        words = "whether log-probabilities of a given text are right: they are of other tokens"
        return Finding("echo", "not known", words)
    apart = median(abs(first.logprob - second.logprob) for first, second in pairs)
    if apart > MOST_APART:
        first, second = max(pairs, key=lambda pair: abs(pair[0].logprob - pair[1].logprob))
        words = (
            f"log-probabilities of a given text are wrong: {first.token!r} has {first.logprob:.2f} when it "
            f"is written and {second.logprob:.2f} when it is read"
        )
        return Finding("echo", "fails", words, TRUST)
    words = "log-probabilities of a given text (echo) are those of the same tokens when they were written"
    return Finding("echo", "works", words)


def matching_tokens(
    written: Sequence[TokenLogprob], echoed: Sequence[TokenLogprob]
) -> Sequence[tuple[TokenLogprob, TokenLogprob]]:
    """The tokens at the end of a text as they were written, each with the same one as it was read: behind it
    may stand one that was written then.
    """
    found: Sequence[tuple[TokenLogprob, TokenLogprob]] = ()
    ended = [place for place in written if place.token]
    for behind in (0, 1):
        read = list(echoed[: len(echoed) - behind])
        pairs = list[tuple[TokenLogprob, TokenLogprob]]()
        for first, second in zip(reversed(ended), reversed(read), strict=False):
            if first.token != second.token:
                break
            pairs.append((first, second))
        found = max(found, pairs, key=len)
    return found
