"""The prompts of a run: a fair sample of them, equal ones told apart, and the table that curators see."""

import hashlib

from prefgen.tables import Table
from prefgen.types import Record, content_id


def fair_sample(ids: list[str], count: int) -> frozenset[str]:
    """`count` ids, the same for every order of `ids`: those that a stopped run would have worked on first."""
    return frozenset(sorted(ids, key=lambda i: hashlib.blake2b(i.encode(), digest_size=8).digest())[:count])


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
