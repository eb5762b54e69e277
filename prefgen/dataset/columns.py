"""From the rows of a table to records: the conversation that a row asks, and what else it says
(`prefgen.dataset.asked`, `prefgen.dataset.column_names`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prefgen.dataset.asked import (
    Asked,
    asked_columns,
    check_role,
    is_asked_about,
    same_prompt,
    with_inputs,
)
from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import (
    as_note,
    as_optional_text,
    as_texts,
    checked_data,
    decoded,
    describe,
    is_absent,
    is_list,
    is_missing,
)
from prefgen.dataset.column_names import ASKING, ASKING_ALONE, Row, with_known_names
from prefgen.dataset.conversation import parse_conversation, turn_problem
from prefgen.dataset.offered_tools import offered_tools
from prefgen.dataset.provenance import Provenance
from prefgen.errors import RecipeError, did_you_mean
from prefgen.types import Message, Prompt, Record
from prefgen.version import read_renamed

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
    check_mapping(column_names, columns, where)
    mapped_column = columns.get("messages") or columns.get("prompt")
    if mapped_column:
        return mapped_column
    column = next((name for name in (*ASKING, *ASKING_ALONE) if name in column_names), None)
    if column is None:
        looked_for = ", ".join((*ASKING, *ASKING_ALONE))
        raise RecipeError(
            f"{where}: no column holds prompts (looked for {looked_for}; found "
            f"{', '.join(map(str, column_names))}). Say which: `column: NAME`"
        )
    return column


def check_mapping(column_names: Sequence[str], columns: Mapping[str, str], where: str) -> None:
    """Raises RecipeError where `columns` fills what is no field, or names a column that is not there."""
    for target, name in columns.items():
        if target not in (*MAPPED, "prompt"):
            raise RecipeError(f"columns: cannot fill {target!r}{did_you_mean(target, [*MAPPED, 'prompt'])}")
        if name not in column_names:
            names = list(map(str, column_names))
            raise RecipeError(f"{where}: there is no column {name!r}{did_you_mean(name, names)}")


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
        row = with_known_names(row, columns, place)
        if columns:
            check_mapping(list(row), columns, place)
        return prompt_messages(row, columns, place), prompt_fields(row, columns, provenance, place)

    for _, (messages, fields) in bad_rows.each(rows, read):
        yield Record(prompt=counter.prompt(messages, **fields))


def prompt_messages(
    row: Row,
    columns: Mapping[str, str],
    where: str,
    *,
    beside_answers: bool = False,
    answer: str | None = None,
    of_form: str | None = None,
) -> tuple[Message, ...]:
    """The conversation that a row asks to be answered: its prompt column, with what stands beside it
    (Alpaca's `input`, `history` and `system`). Turns of the assistant at its end are cut off where it stands
    alone, and where they are the `answer` beside it. Raises RecipeError.
    """
    asked = asked_columns(row, columns, where, of_form=of_form)
    if asked is None:  # nothing is filled: what is said of an empty cell is said of this one
        asked = Asked((prompt_column(list(row), columns, where),))
    read = {
        name: as_messages(
            with_inputs(
                row, name, asked.about if len(asked.columns) == 1 or is_asked_about(name) else (), where
            ),
            where,
            beside_answers=beside_answers,
            answer=answer,
        )
        for name in asked.columns
    }
    if "role" in row and isinstance(row[asked.columns[0]], str):
        check_role(row, where)
    messages = same_prompt(read, where, beside_answers=beside_answers)
    return _after_what_went_before(messages, row, asked.history, columns, where)


def _after_what_went_before(
    messages: tuple[Message, ...],
    row: Row,
    history_column: str | None,
    columns: Mapping[str, str],
    where: str,
) -> tuple[Message, ...]:
    """The conversation behind the history and the system text that stand in columns of their own."""
    history: tuple[Message, ...] = ()
    if history_column is not None:
        for question, answer in _rounds(row[history_column], where):
            history = (*history, *parse_conversation(question, where), *_answered(answer, where))
    texts = {
        column: text
        for column in (columns.get("system", "system"), "system_prompt")
        if column in row and (text := as_optional_text(row[column], column, where)) is not None
    }
    if not texts and not history:
        return messages
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


def _rounds(value: Any, where: str) -> list[tuple[Any, Any]]:
    """Alpaca's `history`: [question, answer] of each earlier round."""
    rounds = decoded(value)
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
        text = as_note(row.get(columns.get(field, field)), field, where)
        if text is not None:
            fields[field] = text
    licensed = row.get(columns.get("license", "license"), row.get("licence"))
    license_name = as_note(licensed, "license", where)
    if license_name is not None:
        fields["license"] = license_name
    for field in ("references", "incorrect_references"):
        value = row.get(columns.get(field, field))
        if not is_missing(value):
            fields[field] = as_texts(_as_list(value), field, where)
    if tools := offered_tools(row.get(columns.get("tools", "tools")), where):
        fields["tools"] = tuple(checked_data(tools, "tools", where))
    metadata = decoded(row.get(columns.get("metadata", "metadata")))
    if isinstance(metadata, Mapping):  # anything else is some other column of that name
        fields["metadata"] = _parse_data(metadata, "metadata", where)
    lineage = provenance.lineage(row, columns, fields.get("source"), where)
    return fields | {"lineage": lineage} if lineage else fields


def _as_list(value: Any) -> Any:
    """A list that stands as JSON text, as a CSV has it; anything else as it is."""
    data = decoded(value)
    return data if is_list(data) else value


def _parse_data(value: Any, name: str, where: str) -> Any:
    """Data as it is, or as JSON text, which is how tables without a schema for it hold it."""
    if is_absent(value):
        return None
    data = decoded(value)
    if isinstance(data, str):
        found = describe(value)
        raise RecipeError(f"{name} must be a list or a mapping, or JSON of one, found {found}", where)
    if isinstance(data, Mapping) and (bad := [key for key in data if not isinstance(key, str)]):
        raise RecipeError(f"{name}: a key must be text, found {describe(bad[0])}", where)
    return checked_data(data, name, where)


def as_messages(
    value: Any, where: str, *, beside_answers: bool = False, answer: str | None = None
) -> tuple[Message, ...]:
    """A conversation that is to be answered: assistant turns at its end are cut off, unless answers stand
    beside it that would then answer something else (but for a last turn that is the `answer` itself). Raises
    RecipeError for what is no conversation, and for one that does not end with a user's or a tool's turn.
    """
    turns = parse_conversation(value, where)
    if beside_answers and turns[-1].role == "assistant":
        if answer is None or turns[-1].text.strip() != answer.strip():
            raise RecipeError(
                "the prompt ends with a turn of the assistant, and answers stand beside it: is it part of "
                "them, or of the conversation?",
                where,
            )
        turns = turns[:-1]
    while turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    if not turns or turns[-1].role not in ("user", "tool"):
        raise RecipeError("a prompt must end with a user turn; this one has none", where)
    if turns[0].role not in ("system", "user"):
        raise RecipeError(f"a prompt must begin with a system or user turn, found {turns[0].role}", where)
    return turns
