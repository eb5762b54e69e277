"""Which replies a plug-in may be given: answers that are whole, and hold nothing but the answer."""

from collections.abc import Sequence

from prefgen.calls.models import Leaks
from prefgen.errors import RefusedReply, TruncatedReply, UnreadableReply
from prefgen.text.leak_signs import may_leak
from prefgen.text.normalize import is_blank
from prefgen.text.reasoning import names_end_alone
from prefgen.transport.endings import ending_of
from prefgen.types import Message, Reply


def usable_reply(reply: Reply) -> Reply:
    """The reply, unless it is a refusal, was filtered, is empty, ended before an answer began, or by a call
    of a tool that it does not hold (raises ReplyError).
    """
    keys = (reply.key,)
    if reply.refusal:
        raise RefusedReply(f"the model declined: {reply.refusal[:200]}", replies=(reply.refusal,), keys=keys)
    ending = "whole" if reply.finish_reason == "stop" else ending_of(reply.finish_reason)
    if ending == "refused":
        raise RefusedReply(
            "a content filter cut the answer", code="content_filter", replies=(reply.text,), keys=keys
        )
    if ending == "failed":  # journalled by an earlier version
        message = f"the answer ended by {reply.finish_reason!r}, which is not known to be whole"
        raise UnreadableReply(message, code="failed_reply", replies=(reply.text,), keys=keys)
    if reply.finish_reason == "tool_calls" and not reply.tool_calls:
        message = "the answer ended by a call of a tool, and holds none: its server has not read it"
        raise UnreadableReply(message, code="no_calls", replies=(reply.text,), keys=keys)
    if is_blank(reply.text) and not reply.tool_calls:
        if reply.finish_reason == "length":
            message = (
                "the tokens were used up before an answer began (reasoning counts too): raise max_tokens"
            )
            raise TruncatedReply(message, replies=(reply.reasoning or "",), keys=keys)
        raise _empty(reply)
    return reply


def _empty(reply: Reply) -> UnreadableReply:
    """What is said of a reply without an answer; its thoughts may be the answer, and are kept."""
    if reply.reasoning is None or is_blank(reply.reasoning):
        return UnreadableReply("the reply is empty", code="empty", replies=(reply.text,), keys=(reply.key,))
    message = (
        "the reply is reasoning and no answer. If the model was not to think, its server takes the answer "
        "for reasoning: start it without its reasoning parser, or let the model think"
    )
    return UnreadableReply(message, code="empty", replies=(reply.reasoning,), keys=(reply.key,))


def without_leftovers(reply: Reply, leaks: Leaks, asked: Sequence[Message]) -> Reply:
    """The reply without what its server has left in it, by the model's policy.

    Raises UnreadableReply where the policy is `fail`, and where it is not certain which part is the answer.
    """
    if leaks == "keep":
        return reply
    if reply.reasoning is not None and any(names_end_alone(message.text) for message in asked):
        message = "the request names a mark that ends reasoning, so this one may be part of the answer"
        raise UnreadableReply(message, code="leak", replies=(reply.text,), keys=(reply.key,))
    if not may_leak(reply.text):
        return reply
    from prefgen.text.leaks import Leaked, without_leaks  # 40 ms, and many runs have no such text

    try:
        text = without_leaks(reply.text, "\n".join(message.text for message in asked))
    except Leaked as leaked:
        text, found = None, leaked.leak.mark
    else:
        found = reply.text.replace(text, "").strip()
    if text == reply.text:
        return reply
    if leaks == "strip" and text and text.strip():
        is_cut = not reply.text.rstrip().endswith(text)  # at the end that the model gave it
        return reply.replacing(text=text, finish_reason="stop" if is_cut else reply.finish_reason)
    message = (
        f"the server left {found[:60]!r} in the answer: mend its chat template or its parser of tools and "
        "reasoning, give `stop`, or say `leaks: keep` under the model if that is meant"
    )
    raise UnreadableReply(message, code="leak", replies=(reply.text,), keys=(reply.key,))
