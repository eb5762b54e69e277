"""The prompts of a run: a fair sample of them, equal ones told apart, and the table that curators see."""

import hashlib
from collections.abc import Iterable, Iterator

from prefgen.stages.synthesize import seed_in
from prefgen.tables import Table
from prefgen.types import Record, content_id


def fair_sample(ids: list[str], count: int) -> frozenset[str]:
    """`count` ids, the same for every order of `ids`: those that a stopped run would have worked on first."""
    return frozenset(sorted(ids, key=lambda i: hashlib.blake2b(i.encode(), digest_size=8).digest())[:count])


def each_with_its_own_id(records: Iterable[Record]) -> Iterator[Record]:
    """The records; one whose prompt came before gets an id of its own."""
    seen: dict[str, int] = {}
    for record in records:
        occurrence = seen.get(record.id, 0)
        seen[record.id] = occurrence + 1
        yield told_apart(record, occurrence) if occurrence else record


def written_from(record: Record) -> Iterable[Record]:
    """What becomes of a record when its segment ends: itself, or the prompts that a synthesizer wrote from it, if it was a seed."""
    return [record] if seed_in(record) is None else [Record(prompt=prompt) for prompt in record.prompts]


def told_apart(record: Record, occurrence: int) -> Record:
    """The same prompt again, from another source: with an id of its own, and its responses moved along."""
    prompt = record.prompt.model_copy(update={"id": content_id("again", record.prompt.id, occurrence)})
    responses = tuple(r.model_copy(update={"prompt_id": prompt.id}) for r in record.responses)
    return record.model_copy(update={"prompt": prompt, "responses": responses})


def curator_table(records: list[Record]) -> Table:
    """The columns that curators see."""
    import pyarrow as pa

    columns = {
        "id": [r.id for r in records],
        "text": [r.prompt.text for r in records],
        "conversation": ["\n\n".join(f"{m.role}: {m.text}" for m in r.prompt.messages) for r in records],
        "source": [r.prompt.source for r in records],
        "category": [r.prompt.category for r in records],
        "language": [r.prompt.language for r in records],
    }
    return Table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))
