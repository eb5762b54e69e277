"""Which replies a plug-in may be given: answers that are whole, and hold nothing but the answer."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from prefgen.calls.models import Leaks
from prefgen.errors import RefusedReply, TruncatedReply, UnreadableReply
from prefgen.text.asked_tags import asked_tags, named_tags
from prefgen.text.leak_signs import may_leak
from prefgen.text.normalize import is_blank
from prefgen.text.reasoning import names_end_alone, split_reasoning
from prefgen.text.unread_calls import is_unread_call
from prefgen.transport.endings import ending_of
from prefgen.transport.tool_calls import arguments_problem
from prefgen.types import Message, Reply, ToolCall

_IS_JUDGED = "material to be judged"
"""What the prompts of judges say of what stands between their fences. A reviser writes such a text anew, so
its tags are part of what it writes.
"""
_FENCED = re.compile(r"^<((?:text|prompt|reference)(?: \w+)?)>\n.*?^</\1>$", re.DOTALL | re.MULTILINE)


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
    for call in reply.tool_calls:
        _refuse_unread_call(call, reply)
    if is_blank(reply.text) and not reply.tool_calls:
        if reply.finish_reason == "length":
            message = (
                "the tokens were used up before an answer began (reasoning counts too): raise max_tokens"
            )
            raise TruncatedReply(message, replies=(reply.reasoning or "",), keys=keys)
        raise _empty(reply)
    return reply


def _refuse_unread_call(call: ToolCall, reply: Reply) -> None:
    """Raises ReplyError for a call of a tool that is not certainly understood."""
    found = call.arguments or reply.text
    if not call.name:
        problem = f"the answer holds a call of a tool that cannot be read: {found[:200]}"
    elif (problem := arguments_problem(call.arguments)) is None:
        return
    elif reply.finish_reason == "length":
        message = "the tokens were used up within a call of a tool: raise max_tokens"
        raise TruncatedReply(message, replies=(found,), keys=(reply.key,))
    raise UnreadableReply(problem, code="no_calls", replies=(found,), keys=(reply.key,))


def as_asked(reply: Reply, asked: Sequence[Message]) -> Reply:
    """The reply with the tags that the request asked for, where they were read as marks of reasoning or of an
    answer.
    """
    if not reply.sent:  # as of most replies
        return reply
    tags = asked_tags(_wanted(asked))
    return _split_again(reply, tags) if tags else reply


def _split_again(reply: Reply, tags: Collection[str]) -> Reply:
    """The reply, in which tags of these names belong to the answer."""
    in_text, beside = split_reasoning(reply.sent)[0], reply.reasoning or ""
    if in_text:
        beside = beside.removesuffix(in_text).rstrip()
    thoughts, text = split_reasoning(reply.sent, tags, is_thought=bool(beside))
    reasoning = "\n\n".join(part for part in (beside, thoughts) if part)
    return reply.replacing(text=text, reasoning=reasoning or thoughts)


def _wanted(asked: Sequence[Message]) -> str:
    """What a request says; what a judge is given to read asks for nothing."""
    wanted = "\n".join(message.text for message in asked if message.role in ("system", "user"))
    is_judged = any(message.role == "system" and _IS_JUDGED in message.text for message in asked)
    return _FENCED.sub("", wanted) if is_judged else wanted


def _is_tag_in_doubt(reply: Reply, asked: Sequence[Message]) -> bool:
    """Whether a reply was split at tags that its request speaks of, and does not certainly ask for."""
    if not reply.sent:
        return False
    wanted = _wanted(asked)
    named, told = named_tags(wanted), asked_tags(wanted)
    if named <= told:
        return False
    return _split_again(reply, named | told).text != _split_again(reply, told).text


def cut_at(reply: Reply, stops: Sequence[str]) -> Reply:
    """The reply as far as the first of `stops`, as it would be if its server had known them."""
    places = [place for place in map(reply.text.find, stops) if place >= 0]
    if not places or ending_of(reply.finish_reason) not in ("whole", "cut"):
        return reply
    return reply.replacing(text=reply.text[: min(places)], finish_reason="stop", logprobs=())


def _empty(reply: Reply) -> UnreadableReply:
    """What is said of a reply without an answer; its thoughts may be the answer, and are kept."""
    if reply.reasoning is None or is_blank(reply.reasoning):
        return UnreadableReply("the reply is empty", code="empty", replies=(reply.text,), keys=(reply.key,))
    message = (
        "the reply is reasoning and no answer. If the model was not to think, its server takes the answer "
        "for reasoning: start it without its reasoning parser, or let the model think"
    )
    return UnreadableReply(message, code="empty", replies=(reply.reasoning,), keys=(reply.key,))


def without_leftovers(
    reply: Reply, leaks: Leaks, asked: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
) -> Reply:
    """The reply without what its server has left in it, by the model's policy. `tools` are what the model
    was offered.

    Raises UnreadableReply where the policy is `fail`, where it is not certain which part is the answer, and
    where it holds a call of a tool that nobody read.
    """
    if leaks == "keep":
        return reply
    holds_marks = may_leak(reply.text)
    if not (tools or holds_marks or reply.sent) and reply.reasoning is None:  # as of most replies
        return reply
    last = next((message.text for message in reversed(asked) if message.role == "user"), "")
    standing = "\n".join(message.text for message in asked if message.role == "system")
    if tools and is_unread_call(reply.text, tools, f"{standing}\n{last}"):
        message = "the answer is a call of a tool that its server has not read: give it its parser of tools"
        raise UnreadableReply(message, code="no_calls", replies=(reply.text,), keys=(reply.key,))
    if reply.reasoning is not None and (names_end_alone(last) or names_end_alone(standing)):
        message = "the request names a mark that ends reasoning, so this one may be part of the answer"
        raise UnreadableReply(message, code="leak", replies=(reply.text,), keys=(reply.key,))
    if _is_tag_in_doubt(reply, asked):
        message = "the request speaks of a tag in which the reply begins, so it may be part of the answer"
        raise UnreadableReply(message, code="leak", replies=(reply.sent,), keys=(reply.key,))
    if not holds_marks:
        return reply
    from prefgen.text.leaks import Leaked, without_leaks  # 40 ms, and many runs have no such text

    try:
        text = without_leaks(reply.text, last, standing)
    except Leaked as leaked:
        text, found = None, leaked.leak.mark
    else:
        found = reply.text.replace(text, "").strip()
    if text == reply.text:
        return reply
    if leaks == "strip" and text and text.strip():
        return reply.replacing(text=text)
    message = (
        f"the server left {found[:60]!r} in the answer: mend its chat template or its parser of tools and "
        "reasoning, give `stop`, or say `leaks: keep` under the model if that is meant"
    )
    raise UnreadableReply(message, code="leak", replies=(reply.text,), keys=(reply.key,))
