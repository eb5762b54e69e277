"""Votes: replies that are sampled and counted, each for itself."""

from collections.abc import Callable, Sequence
from typing import Any

from prefgen.errors import ReplyError, TruncatedReply, UnreadableReply
from prefgen.kit.final_words import WHOLE, require_whole
from prefgen.kit.gather import gather_settled
from prefgen.kit.parse_failure import ParseFailure
from prefgen.roles import Ask
from prefgen.types import Message, Reply


def unreadable_vote(reply: Reply, error: ParseFailure) -> UnreadableReply:
    return UnreadableReply(str(error), code=error.code, replies=(reply.text,), keys=(reply.key,))


async def sample_votes(
    ask: Ask,
    model: str,
    messages: Sequence[Message],
    count: int,
    reader: Callable[[Reply], Any],
    *,
    limit: int | None = None,
    **options: Any,
) -> tuple[list[Any], list[ReplyError]]:
    """`count` sampled replies, read: (what was read, what could not be). A vote that cannot be read is lost
    alone and not asked again; one that `limit` (tokens) cut is asked again without it.
    """

    async def whole_reply(number: int) -> Reply:
        if limit is None:
            return await ask(model, messages, sample=number, **options)
        try:
            reply = await ask(model, messages, sample=number, max_tokens=limit, **options)
        except TruncatedReply:
            reply = None
        if reply is not None and reply.finish_reason in WHOLE:
            return reply
        return await ask(model, messages, sample=number, **options)

    async def ask_vote(number: int) -> Any:
        reply = await whole_reply(number)
        try:
            require_whole(reply)
            return reader(reply)
        except ParseFailure as error:
            raise unreadable_vote(reply, error) from None

    outcomes = await gather_settled(ask_vote(number) for number in range(count))
    return [v for v in outcomes if not isinstance(v, ReplyError)], [
        v for v in outcomes if isinstance(v, ReplyError)
    ]
