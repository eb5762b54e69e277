"""From the rows of a table to records: which column holds the prompt, and what else a row says.

The names that are looked for without a mapping: `messages`, `prompt`, `instruction`, `question`, `text`; and
`source`, `category`, `language`, `license` or `licence`, `references`, `incorrect_references`, `tools`,
`metadata`, `id`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import (
    as_text,
    as_texts,
    checked_data,
    decoded,
    describe,
    is_list,
    is_missing,
)
from prefgen.dataset.conversation import parse_conversation, turn_problem
from prefgen.dataset.provenance import Provenance
from prefgen.errors import RecipeError, did_you_mean
from prefgen.types import Message, Prompt, Record
from prefgen.version import read_renamed

PROMPT_COLUMNS = ("messages", "prompt", "instruction", "question", "text")
MAPPED = (
    "messages",
    "system",
    "input",
    "history",
    "source",
    "category",
    "language",
    "license",
    "references",
    "incorrect_references",
    "tools",
    "metadata",
    "id",
)
ASKED_ABOUT = ("instruction", "query")
INPUT_COLUMNS = ("input", "context")
"""What an instruction is about, where it stands in a column of its own."""


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
    provenance: Provenance | None = None,
    bad_rows: BadRows | None = None,
) -> Iterator[Record]:
    """A record a row; each row comes with the words that say where it stands. Raises RecipeError for a row
    that is no prompt, unless `bad_rows` takes it.
    """
    counter = OccurrenceCounter()
    provenance = provenance or Provenance({})
    bad_rows = bad_rows or BadRows()
    columns = read_renamed(columns, {"license": "licence"}, "columns")

    def read(row: Mapping[str, Any], place: str) -> tuple[tuple[Message, ...], dict[str, Any]]:
        return prompt_messages(row, columns, place), prompt_fields(row, columns, provenance, place)

    for _, (messages, fields) in bad_rows.each(rows, read):
        yield Record(prompt=counter.prompt(messages, **fields))


def prompt_messages(row: Mapping[str, Any], columns: Mapping[str, str], where: str) -> tuple[Message, ...]:
    """The conversation that a row asks to be answered: its prompt column, with what stands beside it
    (Alpaca's `input`, `history` and `system`). Raises RecipeError.
    """
    filled = [name for name in row if not is_missing(row[name])]
    is_told = bool({"prompt", "messages"} & set(columns)) or not set(PROMPT_COLUMNS) & set(filled)
    name = prompt_column(list(row) if is_told else filled, columns, where)
    messages = as_messages(_with_input(row, name, columns, where), where)
    history: tuple[Message, ...] = ()
    for question, answer in _history(row, columns, where):
        history = (*history, *parse_conversation(question, where), *_answered(answer, where))
    texts = {
        column: text
        for column in dict.fromkeys((columns.get("system", "system"), "system_prompt"))
        if (text := as_text(row.get(column), column, where)) is not None
    }
    if messages[0].role == "system":
        texts["the prompt's system turn"] = messages[0].text
        messages = messages[1:]
    if len(set(texts.values())) > 1:
        raise RecipeError(f"{' and '.join(texts)} are not the same", where)
    start = (Message(role="system", content=next(iter(texts.values()))),) if texts else ()
    conversation = (*start, *history, *messages)
    if (problem := turn_problem([message.role for message in conversation])) is not None:
        raise RecipeError(f"the prompt: {problem}", where)
    return conversation


def _with_input(row: Mapping[str, Any], name: str, columns: Mapping[str, str], where: str) -> Any:
    """The prompt column; an instruction with the input that it is about, as Alpaca and Dolly keep them
    apart.
    """
    inputs = (columns["input"],) if "input" in columns else INPUT_COLUMNS if name in ASKED_ABOUT else ()
    found = {column: row[column] for column in inputs if column != name and not is_missing(row.get(column))}
    if not found:
        return row[name]
    texts = [as_text(value, column, where) for column, value in {name: row[name], **found}.items()]
    return "\n\n".join(text for text in texts if text is not None)


def _history(row: Mapping[str, Any], columns: Mapping[str, str], where: str) -> list[tuple[Any, Any]]:
    """Alpaca's `history`: [question, answer] of each earlier round."""
    rounds = decoded(row.get(columns.get("history", "history")))
    if is_missing(rounds):
        return []
    if not is_list(rounds) or not all(is_list(pair) and len(pair) == 2 for pair in rounds):
        raise RecipeError(f"history must be a list of [question, answer], found {describe(rounds)}", where)
    return [(question, answer) for question, answer in rounds]


def _answered(answer: Any, where: str) -> tuple[Message, ...]:
    return parse_conversation(answer, where, name="an answer of the history", role="assistant")


def prompt_fields(
    row: Mapping[str, Any], columns: Mapping[str, str], provenance: Provenance, where: str
) -> dict[str, Any]:
    """The fields of a prompt that a row says, or its dataset in its place. Raises RecipeError."""
    fields = dict(provenance.defaults)
    for field in ("source", "category", "language"):
        text = as_text(row.get(columns.get(field, field)), field, where)
        if text is not None:
            fields[field] = text
    license_name = as_text(row.get(columns.get("license", "license"), row.get("licence")), "license", where)
    if license_name is not None:
        fields["license"] = license_name
    for field in ("references", "incorrect_references"):
        value = row.get(columns.get(field, field))
        if not is_missing(value):
            fields[field] = as_texts(_as_list(value), field, where)
    tools = _parse_data(row.get(columns.get("tools", "tools")), "tools", where)
    if tools:
        if not isinstance(tools, Sequence) or not all(isinstance(tool, Mapping) for tool in tools):
            raise RecipeError(
                f"{where}: tools must be a list of mappings (or JSON of one), as the OpenAI protocol has "
                f"them; found {tools!r:.80}"
            )
        fields["tools"] = tuple(tools)
    metadata = _parse_data(row.get(columns.get("metadata", "metadata")), "metadata", where)
    if isinstance(metadata, Mapping):
        fields["metadata"] = metadata
    lineage = provenance.lineage(row, columns, fields.get("source"), where)
    return fields | {"lineage": lineage} if lineage else fields


def _as_list(value: Any) -> Any:
    """A list that stands as JSON text, as a CSV has it; anything else as it is."""
    data = decoded(value)
    return data if is_list(data) else value


def _parse_data(value: Any, name: str, where: str) -> Any:
    """Data as it is, or as JSON text, which is how tables without a schema for it hold it."""
    if is_missing(value):
        return None
    data = decoded(value)
    if isinstance(data, str):
        found = describe(value)
        raise RecipeError(f"{name} must be a list or a mapping, or JSON of one, found {found}", where)
    return checked_data(data, name, where)


def as_messages(value: Any, where: str) -> tuple[Message, ...]:
    """A conversation that is to be answered: assistant turns at its end are cut off. Raises RecipeError for
    what is no conversation, and for one that does not end with a user's or a tool's turn.
    """
    turns = parse_conversation(value, where)
    while turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    if not turns or turns[-1].role not in ("user", "tool"):
        raise RecipeError("a prompt must end with a user turn; this one has none", where)
    if turns[0].role not in ("system", "user"):
        raise RecipeError(f"a prompt must begin with a system or user turn, found {turns[0].role}", where)
    return turns
