"""The Parquet that a run writes: records/ (everything) and pairs/ (what a trainer reads), one row group a
shard, no clock inside.

A pair's row is TRL's explicit-prompt conversational form with the columns that say where it comes from.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from prefgen.storage.atomic_write import atomic_write

MAX_BLOCK_BYTES = 2**30
TEXT, REAL, WHOLE, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()


def _struct(**fields: pa.DataType) -> pa.StructType:
    return pa.struct([pa.field(name, kind) for name, kind in fields.items()])


MESSAGE = _struct(
    role=TEXT, content=TEXT, parts=TEXT, reasoning=TEXT, tool_calls=TEXT, tool_call_id=TEXT, name=TEXT
)
TURN = _struct(role=TEXT, content=TEXT)
FULL_TURN = _struct(
    role=TEXT,
    content=TEXT,
    parts=TEXT,
    tool_calls=pa.list_(_struct(id=TEXT, type=TEXT, function=_struct(name=TEXT, arguments=TEXT))),
    tool_call_id=TEXT,
    name=TEXT,
)
"""A turn of conversations that call tools or hold images; `parts` is JSON text, and is the whole content."""

RECORDS = pa.schema(
    {
        "id": TEXT,
        "messages": pa.list_(MESSAGE),
        "source": TEXT,
        "category": TEXT,
        "language": TEXT,
        "license": TEXT,
        "origin": TEXT,
        "lineage": TEXT,
        "references": pa.list_(TEXT),
        "incorrect_references": pa.list_(TEXT),
        "tools": TEXT,
        "metadata": TEXT,
        "responses": pa.list_(
            _struct(
                id=TEXT, prompt_id=TEXT, messages=pa.list_(MESSAGE), model=TEXT, principle=TEXT,
                sampling=TEXT, sample=WHOLE, finish_reason=TEXT, origin=TEXT, parent_id=TEXT, policy=TEXT,
                keeps_reasoning=FLAG,
            )
        ),
        "critiques": pa.list_(_struct(response_id=TEXT, principle_id=TEXT, text=TEXT, judge=TEXT)),
        "scores": pa.list_(
            _struct(
                response_id=TEXT, aspect=TEXT, value=REAL, scale=pa.list_(REAL), rationale=TEXT, judge=TEXT,
                sample=WHOLE, order=WHOLE, method=TEXT,
            )
        ),
        "comparisons": pa.list_(
            _struct(
                first_id=TEXT, second_id=TEXT, probability=REAL, aspect=TEXT, principle_id=TEXT,
                rationale=TEXT, judge=TEXT, sample=WHOLE, method=TEXT,
            )
        ),
        "flags": pa.list_(_struct(target_id=TEXT, rule=TEXT, reason=TEXT)),
        "pairs": pa.list_(
            _struct(
                chosen_id=TEXT, rejected_id=TEXT, rule=TEXT, chosen_score=REAL, rejected_score=REAL,
                margin=REAL, chosen_probability=REAL, weight=REAL, tie=FLAG, principle_id=TEXT,
            )
        ),
        "notes": pa.list_(_struct(step=TEXT, reason=TEXT, count=WHOLE)),
    }
)  # fmt: skip

PAIRS = pa.schema(
    {
        "prompt": pa.list_(TURN),
        "chosen": pa.list_(TURN),
        "rejected": pa.list_(TURN),
        "id": TEXT,
        "prompt_id": TEXT,
        "source": TEXT,
        "category": TEXT,
        "language": TEXT,
        "license": TEXT,
        "chosen_model": TEXT,
        "rejected_model": TEXT,
        "chosen_origin": TEXT,
        "rejected_origin": TEXT,
        "chosen_policy": TEXT,
        "rejected_policy": TEXT,
        "chosen_finish": TEXT,
        "rejected_finish": TEXT,
        "score_chosen": REAL,
        "score_rejected": REAL,
        "margin": REAL,
        "chosen_probability": REAL,
        "aspects": TEXT,
        "judge": TEXT,
        "principle_id": TEXT,
        "rule": TEXT,
        "tie": FLAG,
        "weight": REAL,
        "reasoning": TEXT,
        "round": WHOLE,
        "lineage": TEXT,
    }
)

_TURNS = ("prompt", "chosen", "rejected")
FULL_PAIRS = pa.schema(
    [field.with_type(pa.list_(FULL_TURN)) if field.name in _TURNS else field for field in PAIRS]
    + [pa.field("tools", TEXT)]
)
"""The pairs of a dataset in which any conversation calls tools, is offered some, or holds images."""
_FULL_KEYS = (b'"tools":', b'"tool_calls":', b'"tool_call_id":', b'"parts":', b'"name":')
"""What a line of such a pair holds, and no other: within text, quotes are escaped."""

FAILURES = pa.schema(
    {
        "record_id": TEXT,
        "stage": TEXT,
        "plugin": TEXT,
        "model": TEXT,
        "code": TEXT,
        "reason": TEXT,
        "replies": pa.list_(TEXT),
        "keys": pa.list_(TEXT),
    }
)


def write_lines(lines: Sequence[bytes], schema: pa.Schema, path: Path) -> None:
    """Write lines of JSON as one Parquet file, whole or not at all: it gets its name when it is complete."""
    table = _build_table(lines, schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        pq.write_table(
            table,
            part,
            compression="zstd",
            version="2.6",
            row_group_size=max(1, table.num_rows),
            write_statistics=True,
        )


def rows_of_lines(lines: Sequence[bytes], schema: pa.Schema) -> list[dict[str, Any]]:
    """Lines of JSON as the rows that a Parquet file of them holds."""
    return _build_table(lines, schema).to_pylist()


def pairs_schema(lines: Iterable[bytes]) -> pa.Schema:
    """The schema that holds all of these pairs."""
    return FULL_PAIRS if any(key in line for line in lines for key in _FULL_KEYS) else PAIRS


def pairs_schema_of(folder: Path) -> pa.Schema:
    """The schema of a run's pairs."""
    schemas = (pq.read_schema(path) for path in sorted(folder.glob("*.parquet")))
    return FULL_PAIRS if any("tools" in schema.names for schema in schemas) else PAIRS


def give_one_schema(folder: Path) -> None:
    """Shards of one dataset have one schema: where one has that of tools and images, all get it."""
    if pairs_schema_of(folder).equals(PAIRS):
        return
    for path in sorted(folder.glob("*.parquet")):
        if not pq.read_schema(path).equals(FULL_PAIRS):
            rows = pq.ParquetFile(path).read().to_pylist()
            write_lines([orjson.dumps(row) for row in rows], FULL_PAIRS, path)


def _build_table(lines: Sequence[bytes], schema: pa.Schema) -> pa.Table:
    """Lines as a table: Arrow's own reader is ten times faster than its conversion of Python objects, and
    holds up no other thread.
    """
    tables = [pa.Table.from_batches([], schema)]
    for block in _split_blocks(lines):
        text = b"\n".join(block)
        table = pj.read_json(
            pa.BufferReader(text),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pj.ParseOptions(
                explicit_schema=schema, newlines_in_values=False, unexpected_field_behavior="error"
            ),
        )
        table = table.select(schema.names)
        tables.append(table if table.schema.equals(schema) else table.cast(schema))
    return pa.concat_tables(tables).combine_chunks()


def _split_blocks(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Lines in groups that the reader can take at once: it counts bytes in 31 bits."""
    block: list[bytes] = []
    size = 0
    for line in lines:
        if block and size + len(line) > MAX_BLOCK_BYTES:
            yield block
            block, size = [], 0
        block.append(line)
        size += len(line) + 1
    if block:
        yield block
