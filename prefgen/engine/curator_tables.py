"""The prompts of a run: a fair sample of them, equal ones told apart, and the tables of prompts and of pairs
that curators see.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from prefgen.dataset.serialize import pair_id
from prefgen.kit.harm import SOURCE
from prefgen.stages.synthesize import seed_in
from prefgen.tables import Table
from prefgen.text.normalize import normalize
from prefgen.types import Note, Prompt, Record, content_id

if TYPE_CHECKING:
    import pyarrow as pa

REFERENCE_MARK = "prefgen.beside"
"""The mark, in a prompt's lineage, of a row that is no prompt of the set."""


def fair_sample(ids: Iterable[str], count: int, salt: str = "") -> frozenset[str]:
    """`count` ids, the same for every order of `ids`: those that a stopped run would have worked on first,
    unless `salt` draws others.
    """
    return frozenset(sorted(ids, key=lambda row_id: sample_rank(row_id, salt))[:count])


def sample_rank(row_id: str, salt: str = "") -> bytes:
    """A fair sample is of the ids whose rank is least."""
    return hashlib.blake2b((salt + row_id).encode(), digest_size=8).digest()


def with_unique_ids(records: Iterable[Record]) -> Iterator[Record]:
    """The records; one whose prompt came before gets an id of its unique, which no other has."""
    seen: dict[str, int] = {}
    taken: set[str] = set()
    for record in records:
        occurrence = seen.get(record.id, 0)
        unique = with_occurrence_id(record, occurrence) if occurrence else record
        while unique.id in taken:
            occurrence += 1
            unique = with_occurrence_id(record, occurrence)
        seen[record.id] = occurrence + 1
        taken.add(unique.id)
        yield unique


def following_records(record: Record) -> Iterable[Record]:
    """What becomes of a record when its segment ends: itself, or the prompts that a synthesizer wrote from
    it, if it was a seed.
    """
    return [record] if seed_in(record) is None else [Record(prompt=prompt) for prompt in record.prompts]


def with_occurrence_id(record: Record, occurrence: int) -> Record:
    """The same prompt again, from another source: with an id of its own."""
    return with_prompt(
        record, record.prompt.model_copy(update={"id": content_id("again", record.prompt.id, occurrence)})
    )


def with_prompt(record: Record, prompt: Prompt) -> Record:
    """The record of another prompt, to which its responses move along."""
    responses = tuple(r.model_copy(update={"prompt_id": prompt.id}) for r in record.responses)
    return record.model_copy(update={"prompt": prompt, "responses": responses})


def reference_record(curator: str, place: str, prompt: Prompt) -> Record:
    """A row that a curator compares with (a benchmark's item), on its way past the model that annotates
    it.
    """
    made_id = content_id("beside", curator, place, prompt.id)
    return Record(
        prompt=prompt.model_copy(update={"id": made_id, "lineage": {REFERENCE_MARK: curator, "place": place}})
    )


def is_reference_row(record: Record) -> bool:
    """Whether a record is such a row, and not of the set."""
    return REFERENCE_MARK in record.prompt.lineage


def reference_table(records: Sequence[Record], filled: str) -> "pa.Table":
    """Those rows as curators see them; their id is the place that they were read from."""
    import pyarrow as pa

    places = pa.array([str(r.prompt.lineage["place"]) for r in records], pa.string())
    return curator_table(records, filled).rows.set_column(0, "id", places)


def without_vectors(record: Record, filled: Sequence[str]) -> Record:
    """The record without the vectors that were made for curators; numbers stay."""
    metadata = record.prompt.metadata
    kept = {
        name: value for name, value in metadata.items() if not (name in filled and isinstance(value, str))
    }
    return (
        record
        if len(kept) == len(metadata)
        else record.replacing(prompt=record.prompt.replacing(metadata=kept))
    )


def curator_table(records: Sequence[Record], filled: str = "") -> Table:
    """The prompts as curators see them; `filled` names a column of numbers or packed vectors that was asked
    for.
    """
    import pyarrow as pa

    columns = {
        "id": [r.id for r in records],
        "text": [r.prompt.text for r in records],
        "conversation": ["\n\n".join(f"{m.role}: {m.text}" for m in r.prompt.messages) for r in records],
        "source": [r.prompt.source for r in records],
        "category": [r.prompt.category for r in records],
        "language": [r.prompt.language for r in records],
    }
    table = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    if filled:
        values = [r.prompt.metadata.get(filled) for r in records]
        table[filled] = pa.array(
            values, pa.string() if any(isinstance(value, str) for value in values) else pa.float64()
        )
    return Table(pa.table(table))


def pair_table(records: Sequence[Record]) -> Table:
    """The pairs as curators see them."""
    import pyarrow as pa

    pairs = [
        (record, pair, {r.id: r for r in record.responses}) for record in records for pair in record.pairs
    ]
    texts = {
        "id": [pair_id(record.id, pair) for record, pair, _ in pairs],
        "prompt_id": [record.id for record, _, _ in pairs],
        "rule": [pair.rule for _, pair, _ in pairs],
        "source": [record.prompt.source for record, _, _ in pairs],
        "category": [record.prompt.category for record, _, _ in pairs],
        "chosen_model": [by_id[pair.chosen_id].model for _, pair, by_id in pairs],
        "chosen_id": [pair.chosen_id for _, pair, _ in pairs],
        "rejected_id": [pair.rejected_id for _, pair, _ in pairs],
        "chosen_text": [content_id(normalize(by_id[pair.chosen_id].text)) for _, pair, by_id in pairs],
        "rejected_model": [by_id[pair.rejected_id].model for _, pair, by_id in pairs],
    }
    columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    columns["chosen_words"] = pa.array(
        [len(by_id[pair.chosen_id].text.split()) for _, pair, by_id in pairs], pa.int64()
    )
    columns["rejected_words"] = pa.array(
        [len(by_id[pair.rejected_id].text.split()) for _, pair, by_id in pairs], pa.int64()
    )
    columns["margin"] = pa.array([pair.margin for _, pair, _ in pairs], pa.float64())
    columns["chosen_probability"] = pa.array([pair.chosen_probability for _, pair, _ in pairs], pa.float64())
    return Table(pa.table(columns))


def pair_previews(records: Sequence[Record]) -> dict[str, str]:
    """{pair id: what it was about}, for the table of what went."""
    shown = {}
    for record in records:
        texts = {
            r.id: "(a harmful text)" if r.principle == SOURCE else r.text[:200] for r in record.responses
        }
        for pair in record.pairs:
            shown[pair_id(record.id, pair)] = (
                f"{record.prompt.text[:200]}\n\nchosen: {texts[pair.chosen_id]}\n\nrejected: "
                f"{texts[pair.rejected_id]}"
            )
    return shown


def with_pairs(record: Record, kept: Mapping[str, float | None], curator: str) -> Record:
    """The record with those of its pairs, each with that probability; one that loses its last pair notes by
    which curator.
    """
    named = [(pair, pair_id(record.id, pair)) for pair in record.pairs]
    left = tuple(
        pair if pair.chosen_probability == kept[name] else pair.replacing(chosen_probability=kept[name])
        for pair, name in named
        if name in kept
    )
    notes = [Note(step="curate", reason=curator)] if record.pairs and not left else []
    return record.replacing(pairs=left).adding(notes=notes)
