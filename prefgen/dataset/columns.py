"""From the rows of a table to records: which column holds the prompt, and what else a row says.

The names that are looked for without a mapping: `messages`, `prompt`, `instruction`, `question`, `text`; and
`source`, `category`, `language`, `license` or `licence`, `references`, `incorrect_references`, `tools`,
`metadata`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prefgen.errors import RecipeError, did_you_mean
from prefgen.types import Message, Prompt, Record
from prefgen.version import read_renamed

PROMPT_COLUMNS = ("messages", "prompt", "instruction", "question", "text")
MAPPED = (
    "messages",
    "system",
    "source",
    "category",
    "language",
    "license",
    "references",
    "incorrect_references",
    "tools",
    "metadata",
)
MAX_CHARACTERS = 1_000_000


class OccurrenceCounter:
    """Tells equal conversations of one set apart, so that each has its own id."""

    def __init__(self) -> None:
        self._occurrences: dict[str, int] = {}

    def prompt(self, messages: Sequence[Message], **fields: Any) -> Prompt:
        base_prompt = Prompt.of(messages, **fields)
        occurrence = self._occurrences.get(base_prompt.id, 0)
        self._occurrences[base_prompt.id] = occurrence + 1
        return Prompt.of(messages, occurrence=occurrence, **fields) if occurrence else base_prompt


def prompt_column(column_names: Sequence[str], columns: Mapping[str, str], where: str) -> str:
    """The column that holds the prompt. Raises RecipeError when it is not there."""
    for target, name in columns.items():
        if target not in (*MAPPED, "prompt"):
            raise RecipeError(f"columns: cannot fill {target!r}{did_you_mean(target, [*MAPPED, 'prompt'])}")
        if name not in column_names:
            raise RecipeError(f"{where}: there is no column {name!r}{did_you_mean(name, list(column_names))}")
    mapped_column = columns.get("messages") or columns.get("prompt")
    if mapped_column:
        return mapped_column
    column = next((name for name in PROMPT_COLUMNS if name in column_names), None)
    if column is None:
        raise RecipeError(
            f"{where}: no column holds prompts (looked for {', '.join(PROMPT_COLUMNS)}; found "
            f"{', '.join(column_names)}). Say which: `column: NAME`"
        )
    return column


def parse_records(
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    columns: Mapping[str, str],
    where: str,
    defaults: Mapping[str, Any],
) -> Iterator[Record]:
    """A record a row; each row comes with the words that say where it stands."""
    counter = OccurrenceCounter()
    columns = read_renamed(columns, {"license": "licence"}, "columns")
    for place, row in rows:
        name = prompt_column(list(row), columns, place)
        messages = as_messages(row[name], place)
        system_text = row.get(columns.get("system", "system"))
        if isinstance(system_text, str) and system_text.strip() and messages[0].role != "system":
            messages = (Message(role="system", content=system_text), *messages)
        yield Record(prompt=counter.prompt(messages, **prompt_fields(row, columns, defaults, place)))


def prompt_fields(
    row: Mapping[str, Any], columns: Mapping[str, str], defaults: Mapping[str, Any], where: str
) -> dict[str, Any]:
    fields = dict(defaults)
    for field in ("source", "category", "language"):
        value = row.get(columns.get(field, field))
        if value is not None and str(value).strip():
            fields[field] = str(value)
    license_name = row.get(columns.get("license", "license"), row.get("licence"))
    if license_name:
        fields["license"] = str(license_name)
    for field in ("references", "incorrect_references"):
        value = row.get(columns.get(field, field))
        if value is not None:
            fields[field] = (str(value),) if isinstance(value, str) else tuple(str(v) for v in value)
    tools = _parse_data(row.get(columns.get("tools", "tools")), f"{where}: tools")
    if tools:
        if not isinstance(tools, Sequence) or not all(isinstance(tool, Mapping) for tool in tools):
            raise RecipeError(
                f"{where}: tools must be a list of mappings (or JSON of one), as the OpenAI protocol has "
                f"them; found {tools!r:.80}"
            )
        fields["tools"] = tuple(tools)
    metadata = _parse_data(row.get(columns.get("metadata", "metadata")), f"{where}: metadata")
    if isinstance(metadata, Mapping):
        fields["metadata"] = metadata
    return fields


def _parse_data(value: Any, where: str) -> Any:
    """Data as it is, or as JSON text, which is how tables without a schema for it hold it."""
    if not isinstance(value, str) or not value.strip().startswith(("[", "{")):
        return None if isinstance(value, str) else value
    try:
        return json.loads(value)
    except ValueError as error:
        raise RecipeError(f"{where} is no JSON ({error})") from None


def as_messages(value: Any, where: str) -> tuple[Message, ...]:
    """A conversation from text or a list of {role, content}; assistant turns at the end are cut off: they are
    what is to be answered.

    Raises RecipeError for what is no text, is empty, is over a million characters, or is no conversation.
    """
    if isinstance(value, str):
        turns: tuple[Message, ...] = (Message(role="user", content=_require_text(value, where)),)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        turns = tuple(_parse_message(item, where) for item in value)
    else:
        raise RecipeError(f"a prompt must be text or a list of messages, found {_describe(value)}", where)
    while turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    if not turns or turns[-1].role not in ("user", "tool"):
        raise RecipeError("a prompt must end with a user turn; this one has none", where)
    return turns


def _parse_message(item: Any, where: str) -> Message:
    if not isinstance(item, Mapping):
        raise RecipeError(
            f"a message must be a mapping with role and content, found {_describe(item)}", where
        )
    role = item.get("role", item.get("from"))
    content = item.get("content", item.get("value"))
    role = {"human": "user", "gpt": "assistant", "bot": "assistant", "developer": "system"}.get(
        str(role), role
    )
    if role not in ("system", "user", "assistant", "tool"):
        raise RecipeError(f"unknown role {role!r} (system, user, assistant, tool)", where)
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        parts = [
            {"type": "image", "url": p["image_url"]["url"]} if p.get("type") == "image_url" else dict(p)
            for p in content
        ]
        return Message.model_validate({"role": role, "content": parts})
    return Message(
        role=role, content=_require_text(content, where) if role != "assistant" else str(content or "")
    )


def _require_text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise RecipeError(f"a prompt must be text, found {_describe(value)}", where)
    if not value.strip():
        raise RecipeError("the prompt is empty", where)
    if len(value) > MAX_CHARACTERS:
        raise RecipeError(f"the prompt has {len(value):,} characters; the most is {MAX_CHARACTERS:,}", where)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RecipeError("the prompt is not valid Unicode (a lone surrogate)", where) from None
    return value


def _describe(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:60]!r}"
