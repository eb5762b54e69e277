"""What judges that choose share: the probability of each label, from log-probabilities or from votes."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from prefgen.errors import ReplyError, TruncatedReply, UnreadableReply
from prefgen.kit.gather import gather_settled
from prefgen.kit.replies import ParseFailure
from prefgen.roles import Ask
from prefgen.types import Message, Reply

LABEL_TOKENS = 4
"""Room for a label and for what some models write before it (a space, a bracket)."""
MIN_LABEL_MASS = 0.2
"""What the labels must have together where the model writes something else: less is no answer but noise."""
TOP_LOGPROBS = 20
"""Alternatives that are asked for at each place: the most that servers give."""


def label_probabilities_in(reply: Reply, labels: Sequence[str]) -> list[float] | None:
    """The probability of each label at the first place where one of them is likely, normalised over the
    labels.

    None when the server gave no log-probabilities. A label that is not among the alternatives counts with the
    most that it can have (no more than the least likely of them, nor than what they leave), never with zero.
    Raises ParseFailure when none of the labels is there.
    """
    for place in reply.logprobs:
        alternatives = [(choice.token, choice.logprob) for choice in place.top] or [
            (place.token, place.logprob)
        ]
        masses: dict[str, float] = {}
        for token, logprob in alternatives:
            token_text = token.strip().strip("()[].:\"'*").casefold()
            if token_text:
                masses[token_text] = masses.get(token_text, 0.0) + math.exp(logprob)
        label_masses = [masses.get(label.casefold()) for label in labels]
        written_text = place.token.strip().strip("()[].:\"'*").casefold()
        if (
            written_text in {label.casefold() for label in labels}
            or math.fsum(mass or 0.0 for mass in label_masses) >= MIN_LABEL_MASS
        ):
            probabilities = [math.exp(logprob) for _, logprob in alternatives]
            remainder = (1 - math.fsum(probabilities)) / max(1, label_masses.count(None))
            missing_mass = max(1e-9, min(*probabilities, remainder))
            bounded_masses = [missing_mass if mass is None else mass for mass in label_masses]
            return [mass / math.fsum(bounded_masses) for mass in bounded_masses]
        if written_text:
            break  # the answer begins here, and it is none of the labels
    if not reply.logprobs:
        return None
    raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {reply.text[:60]!r}")


def parse_label(text: str, labels: Sequence[str]) -> str:
    """The one label that a reply gives: alone, after the last "answer" or "verdict", or as "text A" or "A is
    better". Raises ParseFailure.
    """
    known_labels = {label.casefold(): label for label in labels}
    matches = re.findall(
        r"(?:answer|verdict|choice|rating|score)\b[^\n]*?[:=][\s*_(\[\"']*(\w+)(?![.,/]?\w)",
        text,
        re.IGNORECASE,
    )
    for candidate in (text.strip().strip("()[].:\"'*"), matches[-1] if matches else ""):
        if candidate.casefold() in known_labels:
            return known_labels[candidate.casefold()]
    alternation = "|".join(map(re.escape, labels))
    mentions = re.findall(
        rf"\b(?:[Tt]ext|[Rr]eply|[Rr]esponse|[Oo]ption)\s+({alternation})(?![\w.,/]*\w)", text
    )
    mentions += re.findall(rf"(?<![\w.,/-])({alternation})\s+(?:is|was|wins|seems|would be)\b", text)
    if len(set(mentions)) == 1 and not re.search(
        r"\b(?:not|neither|nor|both|equally)\b", text, re.IGNORECASE
    ):
        return mentions[0]
    raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {text[:120]!r}")


async def sample_votes(
    ask: Ask,
    model: str,
    messages: Sequence[Message],
    count: int,
    reader: Callable[[Reply], Any],
    **options: Any,
) -> tuple[list[Any], list[ReplyError]]:
    """`count` sampled replies, read: (what was read, what could not be). A vote that cannot be read is lost
    alone and not asked again.
    """

    async def ask_vote(number: int) -> Any:
        reply = await ask(model, messages, sample=number, **options)
        try:
            return reader(reply)
        except ParseFailure as error:
            raise UnreadableReply(
                str(error), code=error.code, replies=(reply.text,), keys=(reply.key,)
            ) from None

    outcomes = await gather_settled(ask_vote(number) for number in range(count))
    return [v for v in outcomes if not isinstance(v, ReplyError)], [
        v for v in outcomes if isinstance(v, ReplyError)
    ]


async def label_probabilities(
    ask: Ask, model: str, messages: Sequence[Message], labels: Sequence[str], *, fallback: int
) -> tuple[list[float], str]:
    """(probability of each label, how it was read): from log-probabilities, or from `fallback` sampled
    replies where there are none.

    Raises UnreadableReply when neither gives one of the labels.
    """
    reply = await ask(model, messages, logprobs=TOP_LOGPROBS, max_tokens=LABEL_TOKENS, temperature=0)
    try:
        probabilities = label_probabilities_in(reply, labels)
    except ParseFailure as error:
        raise UnreadableReply(str(error), code=error.code, replies=(reply.text,), keys=(reply.key,)) from None
    if probabilities is not None:
        return probabilities, "logprobs"
    voted_labels, errors = await sample_votes(
        ask, model, messages, fallback, lambda r: parse_label(r.text, labels), temperature=1.0, max_tokens=16
    )
    if not voted_labels:
        raise errors[0] if errors else TruncatedReply("no vote was cast")
    return [voted_labels.count(label) / len(voted_labels) for label in labels], "votes"
