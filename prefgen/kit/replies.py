"""Asking for a reply and reading it, once more where it cannot be read.

The grammars of what is read are `reply_json`, `reply_ratings` and `reply_labels`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from prefgen.errors import UnreadableReply
from prefgen.kit.fields_beside import NAMING_FIELDS
from prefgen.kit.final_words import require_whole
from prefgen.kit.parse_failure import REASK_MESSAGES, ParseFailure
from prefgen.roles import Ask
from prefgen.types import Message, Reply, assistant, user

Parsed = TypeVar("Parsed")


async def ask_and_parse(
    ask: Ask, model: str, messages: Sequence[Message], reader: Callable[[Reply], Parsed],
    *, part_reader: Callable[[Reply], Parsed] | None = None, **options: Any,
) -> tuple[Parsed, Reply]:  # fmt: skip
    """Ask and read; a reply that was cut or cannot be read is shown its error and asked once more. Of the
    second `part_reader` may read what can be read.

    Raises UnreadableReply (with both raw replies) when the second cannot be read either.
    """

    def read(reply: Reply, reader: Callable[[Reply], Parsed] = reader) -> Parsed:
        require_whole(reply)
        return reader(reply)

    first_reply = await ask(model, messages, **options)
    try:
        return read(first_reply), first_reply
    except ParseFailure as error:
        failure_text = REASK_MESSAGES[error.code]
        if error.code == "cut" and options.get("schema") is not None:
            options["brief"] = True
    retry_messages = [
        *messages,
        assistant(first_reply.text or "(empty)"),
        user(f"{failure_text} Answer again, in the form that was asked for and with nothing else."),
    ]
    second_reply = await ask(model, retry_messages, **options)
    try:
        return read(second_reply, part_reader or reader), second_reply
    except ParseFailure as error:
        texts, keys = (first_reply.text, second_reply.text), (first_reply.key, second_reply.key)
        raise UnreadableReply(str(error), code=error.code, replies=texts, keys=keys) from None


def entries_by_label(fields: Mapping[str, Any], labels: Sequence[str]) -> list[dict[str, Any]]:
    """The object under each label ("text_1", also written "Text 1"), in the order of `labels`. Raises
    ParseFailure unless each label stands there once, and nothing else.
    """
    if list(fields) == list(labels):  # as nearly all are
        entries, names = fields, labels
    else:
        entries, names = _unmarked(fields, labels)
    found = [require_field(entries, name, dict) for name in names]
    for name, entry in zip(names, found, strict=True):
        if not entry.keys() <= _OF_NO_LABEL:
            _check_names(name, entry)
    return found


def _unmarked(fields: Mapping[str, Any], labels: Sequence[str]) -> tuple[Mapping[str, Any], Sequence[str]]:
    """(the fields by their names without marks and in small letters, the labels written so)."""
    entries = {_LABEL_MARKS.sub("", name).casefold(): entry for name, entry in fields.items()}
    names = [_LABEL_MARKS.sub("", label).casefold() for label in labels]
    if len(entries) != len(fields) or set(entries) != set(names):
        raise ParseFailure(
            "wrong_count", f"expected the entries {', '.join(labels)}, found {', '.join(fields)[:120]}"
        )
    return entries, names


def _check_names(name: str, entry: Mapping[str, Any]) -> None:
    """Raises ParseFailure where a short field of an entry is the label of another one."""
    for field, said in entry.items():
        if isinstance(said, dict) or not (isinstance(said, str) or field in NAMING_FIELDS):
            continue
        own, spelled = (_LABEL_MARKS.sub("", text).casefold() for text in (name, str(said)[:_LONGEST_LABEL]))
        if _IS_LABEL.fullmatch(spelled) and spelled not in (own, own.lstrip(_LETTERS)):
            raise ParseFailure(
                "wrong_count", f"expected an entry about {name}, found one that says {said!r:.60}"
            )


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_OF_NO_LABEL = frozenset({"rationale", "rating"})
_LONGEST_LABEL = 20
"""Characters of a field that may say which text its entry is about."""
_IS_LABEL = re.compile(r"[a-z]{0,12}\d{1,4}")
_LABEL_MARKS = re.compile(r"[\W_]+")


def require_field(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    """`fields[name]` if it is there and of `kind`; raises ParseFailure."""
    if name not in fields:
        raise ParseFailure("missing_field", f"expected a field {name!r}, found {sorted(fields)}")
    if not isinstance(fields[name], kind) or (kind is int and isinstance(fields[name], bool)):
        raise ParseFailure("wrong_type", f"expected {name!r} to be {kind.__name__}, found {fields[name]!r}")
    return fields[name]
