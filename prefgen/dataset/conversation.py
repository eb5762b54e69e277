"""A conversation, in any of the forms in which people keep them: text, messages of role and content, from and
value as ShareGPT has them, content of several parts, tool calls, and any of these as JSON text.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from prefgen.dataset.cells import (
    as_messages_or_text,
    as_text,
    checked_data,
    checked_text,
    decoded,
    describe,
    is_empty_mark,
    is_list,
    is_missing,
)
from prefgen.dataset.flat_conversation import hh_turns, is_flat, is_hh
from prefgen.dataset.shown import mark_of_shown
from prefgen.dataset.turn_keys import reasoning_of, refuse_unread
from prefgen.errors import RecipeError
from prefgen.text.normalize import is_blank
from prefgen.text.taken_out import taken_out_digests
from prefgen.transport.tool_calls import arguments_problem, parse_tool_call
from prefgen.types import ImagePart, Message, TextPart, ToolCall

ROLES = ("system", "user", "assistant", "tool")
OTHER_ROLES = {
    "human": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant",
    "chatgpt": "assistant", "ai": "assistant", "developer": "system", "observation": "tool",
    "function": "tool", "ipython": "tool",
}  # fmt: skip
"""{what others call a role: what it is called here}."""


def known_role(given: Any) -> Any:
    """What a role is called here, in whatever case it is written; anything else as it is."""
    if not isinstance(given, str) or given in ROLES:
        return given
    word = given.strip().casefold()
    return OTHER_ROLES.get(word, word if word in ROLES else given)


class UnknownRole(RecipeError):
    """A turn is by nobody whom a chat template knows."""


def parse_conversation(
    value: Any, where: str, *, name: str = "the prompt", role: str = "user"
) -> tuple[Message, ...]:
    """The turns of a conversation; a text is one turn of `role`. Raises RecipeError with the place and what
    was found, also for turns that are empty or of which a text was taken out, and for an order that no chat
    template takes (`turn_problem`).
    """
    messages = read_turns(value, where, name=name, role=role)
    for message in messages:
        if not message.content and not message.tool_calls and message.role != "tool":
            raise RecipeError(f"{name} has an empty {message.role} turn", where)
        if digests := taken_out_digests(message.text):
            raise RecipeError(f"{name} {taken_out(digests[0])}", where)
    if (problem := turn_problem([message.role for message in messages])) is not None:
        raise RecipeError(f"{name}: {problem}", where)
    return messages


def taken_out(digest: str, other_remedy: str = ", `on_bad_rows: drop` leaves such rows out") -> str:
    """Why nobody may be handed a text of which another one was taken out, and what to do."""
    found = f"is without a harmful text that was taken out of it (digest {digest})"
    return f"{found}: `prefgen restore` puts it back{other_remedy}"


def read_turns(value: Any, where: str, *, name: str, role: str) -> tuple[Message, ...]:
    """The turns as they stand, in whatever order. Raises RecipeError for what is none."""
    turns = as_messages_or_text(value, name, where)
    if isinstance(turns, str) and role == "user":
        turns = turns_of_text(turns, name, where)
    if isinstance(turns, str):
        turns = checked_text(turns, name, where)
        if is_blank(turns):
            raise RecipeError(f"{name} is empty", where)
        if is_empty_mark(turns):
            raise RecipeError(f"{name} is {turns.strip()!r}, which is what a table writes for nothing", where)
        _refuse_mark_of_shown(role, turns, name, where)
        return (Message.model_validate({"role": role, "content": turns}),)
    if isinstance(turns, Mapping) and (turns.get("role") or turns.get("from")):
        turns = [turns]
    if not is_list(turns):
        raise RecipeError(f"{name} must be text or a list of messages, found {describe(turns)}", where)
    if not turns:
        raise RecipeError(f"{name} is empty", where)
    first, *others = [_parse_message(turn, name, where) for turn in turns]
    if others and first.role == "system" and isinstance(first.content, str) and is_blank(first.content):
        return tuple(others)  # as an empty column is nothing
    return (first, *others)


def turns_of_text(text: str, name: str, where: str) -> str | list[dict[str, str]]:
    """A text, or the turns of one that is a conversation of hh-rlhf. Raises RecipeError for a conversation in
    a text of another kind: whose turn is whose would be a guess.
    """
    if is_hh(text):
        return hh_turns(text)
    texts = decoded(text)
    if is_list(texts) and texts and all(isinstance(item, str) for item in texts):
        raise RecipeError(
            f"{name} is a list of texts in JSON ({text.strip()[:40]!r}): is it one text, or the turns of "
            "several? Save what is asked as text or as messages",
            where,
        )
    if is_flat(text):
        raise RecipeError(
            f"{name} is a whole conversation in one text ({text.strip()[:40]!r}): save its turns as messages "
            "of role and content",
            where,
        )
    return text


def turn_problem(roles: list[str]) -> str | None:
    """What no chat template takes in an order of roles, or None: a system turn that is not the first, or that
    no user follows, and two users or two assistants in a row.
    """
    if "system" in roles[1:]:
        return f"a system turn stands first or nowhere (roles: {', '.join(roles)})"
    if roles[:1] == ["system"] and roles[1:2] not in ([], ["user"]):
        return f"after a system turn comes a user's (roles: {', '.join(roles)})"
    for first, second in itertools.pairwise(roles):
        if first == second and first in ("user", "assistant"):
            return f"two {first} turns follow each other"
    return None


_PLAIN_KEYS = frozenset(("role", "content", "from", "value"))
"""Of a turn that holds a text and nothing else."""


def _parse_message(turn: Any, name: str, where: str) -> Message:
    if not isinstance(turn, Mapping):
        raise RecipeError(f"a message must be a mapping with role and content, found {describe(turn)}", where)
    turn = _with_call(turn)
    given = turn.get("role") or turn.get("from")
    _refuse_two_that_differ(turn, where)
    role = known_role(given)
    if role not in ROLES:
        raise UnknownRole(f"unknown role {given!r} ({', '.join(ROLES)})", where)
    if not turn.keys() <= _PLAIN_KEYS:
        refuse_unread(turn, where)
    tool_calls = tuple(_parse_tool_calls(turn, where))
    fields: dict[str, Any] = {"role": role, "content": _content_of(turn, name, where)}
    _refuse_mark_of_shown(role, fields["content"], name, where)
    if (reasoning := reasoning_of(turn, where)) is not None:
        fields["reasoning"] = reasoning
    if tool_calls:
        fields["tool_calls"] = tool_calls
    for key in ("tool_call_id", "name"):
        text = as_text(turn.get(key), key, where)
        says_the_role = key == "name" and role != "tool" and known_role(text) == role
        if text is not None and not says_the_role:
            fields[key] = text
    return Message(**fields)


def _refuse_mark_of_shown(role: str, content: Any, name: str, where: str) -> None:
    """Raises RecipeError for a user's text with a mark where something was shown, which is not there."""
    if role == "user" and isinstance(content, str) and (mark := mark_of_shown(content)) is not None:
        raise RecipeError(
            f"{name} has {mark!r} where something is shown, and nothing is: put it among the parts of the "
            "content, or leave the row out",
            where,
        )


def _with_call(turn: Mapping[str, Any]) -> Mapping[str, Any]:
    """LLaMA-Factory's turn of a `function_call`, whose text is the call, or several, in JSON, as a turn of
    the assistant; any other as it is.
    """
    if turn.get("from") != "function_call" or set(turn) != {"from", "value"}:
        return turn
    data: Any = decoded(turn["value"])
    calls = data if is_list(data) else [data]
    if isinstance(turn["value"], str) and calls and all(map(_is_call, calls)):
        return {"role": "assistant", "content": "", "tool_calls": list(calls)}
    return turn


def _is_call(call: Any) -> bool:
    return isinstance(call, Mapping) and set(call) == {"name", "arguments"}


def _refuse_two_that_differ(turn: Mapping[str, Any], where: str) -> None:
    """Raises RecipeError for a turn that is in two forms at once, which do not say the same."""
    for name, other, read in (("role", "from", _role_of_form), ("content", "value", _text_of_form)):
        one, two = read(turn.get(name)), read(turn.get(other))
        if not is_missing(one) and not is_missing(two) and one != two:
            found = f"found {describe(turn[name])} and {describe(turn[other])}"
            raise RecipeError(f"{name} and {other} of a message do not say the same: {found}", where)


def _role_of_form(given: Any) -> Any:
    """A role; None for a word that is none, such as who or what has written the turn."""
    role = known_role(given)
    return role if role in ROLES else None


def _text_of_form(said: Any) -> Any:
    """What a turn says, without the white space about it; None for a number, which is about it."""
    if isinstance(said, str):
        return said.strip()
    return None if isinstance(said, int | float) else said


def _content_of(turn: Mapping[str, Any], name: str, where: str) -> str | tuple[TextPart | ImagePart, ...]:
    """What a turn says: its content, or its parts, beside which the content is their text."""
    content = turn.get("value") if is_missing(turn.get("content")) else turn["content"]
    if is_missing(turn.get("parts")):
        return _parse_content(content, name, where)
    parts = _parse_content(decoded(turn["parts"]), name, where)
    text = parts if isinstance(parts, str) else "".join(p.text for p in parts if isinstance(p, TextPart))
    if not is_missing(content) and content != text:
        raise RecipeError(f"{name}: content and parts of a message do not say the same", where)
    return parts


def _parse_content(content: Any, name: str, where: str) -> str | tuple[TextPart | ImagePart, ...]:
    """Text, or parts; parts that are text alone are one text."""
    if is_missing(content):
        return ""
    if isinstance(content, str):
        return checked_text(content, name, where)
    if not is_list(content):
        raise RecipeError(
            f"the content of a message must be text or a list of parts, found {describe(content)}", where
        )
    parts = [part for item in content for part in _parse_part(item, name, where)]
    if all(isinstance(part, TextPart) for part in parts):
        text = "".join(part.text for part in parts if isinstance(part, TextPart))
        return "" if is_blank(text) else text
    return tuple(parts)


def _parse_part(item: Any, name: str, where: str) -> Iterator[TextPart | ImagePart]:
    """The part that an item of a content list is. Keys without a value, as Parquet makes them, are not
    there.
    """
    if isinstance(item, str):
        yield TextPart(text=checked_text(item, name, where))
        return
    if not isinstance(item, Mapping):
        raise RecipeError(f"a part of a message must be a mapping or text, found {describe(item)}", where)
    fields = {key: value for key, value in item.items() if value is not None}
    kind = fields.get("type", "text" if "text" in fields else None)
    if kind in ("text", "input_text", "output_text") and isinstance(fields.get("text"), str):
        yield TextPart(text=checked_text(fields["text"], name, where))
    elif kind in ("image", "image_url", "input_image"):
        url: Any = fields.get("image_url", fields.get("url", fields.get("image")))
        url = url.get("url") if isinstance(url, Mapping) else url
        if not isinstance(url, str) or not url.strip():
            raise RecipeError(f"an image must have a url, found {describe(dict(fields))}", where)
        yield ImagePart(url=url)
    else:
        raise RecipeError(
            f"a part of a message must be text or an image, found {describe(dict(fields))}", where
        )


def _parse_tool_calls(turn: Mapping[str, Any], where: str) -> Iterator[ToolCall]:
    """The calls of a turn: `tool_calls`, or the one `function_call` of the older protocol."""
    calls, call_alone = decoded(turn.get("tool_calls")), decoded(turn.get("function_call"))
    if not is_missing(call_alone):
        if not is_missing(calls) and calls != []:
            raise RecipeError("a message has both tool_calls and function_call", where)
        calls = [call_alone]
    if is_missing(calls):
        return
    if not is_list(calls):
        raise RecipeError(f"tool_calls must be a list, found {describe(calls)}", where)
    for call in calls:
        checked_data(call, "a tool call", where)
        try:
            tool_call = parse_tool_call(call)
        except ValueError as error:
            raise RecipeError(str(error), where) from None
        if (problem := arguments_problem(tool_call.arguments)) is not None:
            raise RecipeError(problem, where)
        yield tool_call
