"""Answers with a label each, good or bad, as KTO has them: rows that are parts of a record."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from prefgen.dataset.answers import parse_response
from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import as_truth
from prefgen.dataset.columns import OccurrenceCounter, prompt_fields, prompt_messages
from prefgen.dataset.provenance import Provenance
from prefgen.dataset.same_turns import turns_key
from prefgen.errors import RecipeError
from prefgen.transport.openai_protocol import encode_message
from prefgen.types import Message, Prompt, Record, Score


class LabelledAnswer(NamedTuple):
    """A row of KTO, which is part of a record: that of its conversation, where source, license and tools are
    one."""

    messages: tuple[Message, ...]
    fields: Mapping[str, Any]
    completion: Any
    label: bool
    where: str
    asked: tuple[str, str]
    """Of its conversation and tools."""
    answer: bytes

    @property
    def group(self) -> tuple[Any, ...]:
        return *self.asked, self.fields.get("source"), self.fields.get("license")


def parse_labelled(row: Mapping[str, Any], where: str, provenance: Provenance) -> LabelledAnswer:
    """Raises RecipeError for a row whose prompt, answer or label cannot be read."""
    label = as_truth(row["label"], "label", where)
    response = parse_response("", row["completion"], where, sample=0)
    messages = prompt_messages(row, {}, where, beside_answers=True)
    fields = prompt_fields(row, {}, provenance, where)
    asked = Prompt.of(messages).id, json.dumps(fields.get("tools"), sort_keys=True, default=str)
    answer = turns_key([encode_message(message) for message in response.messages])
    return LabelledAnswer(messages, fields, row["completion"], label, where, asked, answer)


def labelled_groups(rows: Sequence[LabelledAnswer], bad_rows: BadRows) -> Iterable[Sequence[LabelledAnswer]]:
    """The rows of each record, an answer with its label once; those that label one answer in two ways go to
    `bad_rows`.
    """
    labels: dict[Any, dict[bool, LabelledAnswer]] = {}
    for row in rows:
        labels.setdefault((row.asked, row.answer), {}).setdefault(row.label, row)
    groups: dict[Any, dict[bytes, LabelledAnswer]] = {}
    for row in rows:
        other = labels[row.asked, row.answer].get(not row.label)
        if other is None:
            groups.setdefault(row.group, {}).setdefault(row.answer, row)
        else:
            found = f"the label of an answer is {row.label}, and at {other.where} it is {other.label}"
            bad_rows.refuse(RecipeError(found, row.where), row.where)
    return [list(group.values()) for group in groups.values()]


def record_of_labelled(group: Sequence[LabelledAnswer], counter: OccurrenceCounter) -> Record:
    prompt = counter.prompt(group[0].messages, origin="imported", **group[0].fields)
    responses = [
        parse_response(prompt.id, row.completion, row.where, sample=i) for i, row in enumerate(group)
    ]
    scores = [
        Score(response_id=r.id, aspect="label", value=float(row.label), scale=(0, 1), judge="imported")
        for r, row in zip(responses, group, strict=True)
    ]
    return Record(prompt=prompt, responses=tuple(responses), scores=tuple(scores))
