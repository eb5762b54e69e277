"""The rows of a release: four configs, made of a run's records and pairs, streamed into Parquet shards.

`preferences` is what a trainer reads, `candidates` has a row a response with everything that was said of it,
`judgments` a row a judgment, and `failures` what was lost. Harmful texts that prompts were made from are
taken out unless asked for; their digest stays.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.parquet import FULL_PAIRS, FULL_TURN, TURN, pairs_schema_of
from prefgen.dataset.proven_set import proven_set
from prefgen.dataset.read_parquet import read_parquet
from prefgen.dataset.read_run import read_shards
from prefgen.dataset.row_relations import PAIR_RELATIONS
from prefgen.dataset.serialize import record_of, turn_of
from prefgen.dataset.splits import TRAIN, splits_of
from prefgen.errors import RecipeError
from prefgen.kit.harm import harm_marks, is_source
from prefgen.publish.redaction import (
    Harmful,
    Redactor,
    is_from_harm,
    quote_redactor,
    redact_turn,
    redaction_notice,
)
from prefgen.types import Record, Response, Score

TEXT, REAL, WHOLE = pa.string(), pa.float64(), pa.int64()
SCORE = pa.struct(
    {
        "judge": TEXT,
        "aspect": TEXT,
        "value": REAL,
        "low": REAL,
        "high": REAL,
        "rationale": TEXT,
        "method": TEXT,
    }
)
CANDIDATES = pa.schema(
    {
        "id": TEXT, "prompt_id": TEXT, "prompt": pa.list_(TURN), "response": pa.list_(TURN),
        "reasoning": TEXT, "source": TEXT, "category": TEXT, "language": TEXT, "license": TEXT,
        "model": TEXT, "origin": TEXT, "principle_id": TEXT, "sampling": TEXT,
        "finish_reason": TEXT, "parent_id": TEXT, "policy": TEXT,
        "scores": pa.list_(SCORE),
        "critiques": pa.list_(pa.struct({"judge": TEXT, "principle_id": TEXT, "text": TEXT})),
        "flags": pa.list_(pa.struct({"rule": TEXT, "reason": TEXT})),
    }
)  # fmt: skip
JUDGMENTS = pa.schema(
    {
        "kind": TEXT, "prompt_id": TEXT, "judge": TEXT, "aspect": TEXT, "principle_id": TEXT,
        "response_id": TEXT, "second_id": TEXT, "value": REAL, "low": REAL, "high": REAL, "probability": REAL,
        "sample": WHOLE, "order": WHOLE, "method": TEXT, "rationale": TEXT,
    }
)  # fmt: skip
FAILURE_ROWS = pa.schema(
    {"record_id": TEXT, "stage": TEXT, "plugin": TEXT, "model": TEXT, "code": TEXT, "reason": TEXT}
)


def schemas_of(run: Path) -> dict[str, pa.Schema]:
    """{config: the schema of its rows}, with room for tools and images where the run's pairs have some."""
    pairs, candidates = pairs_schema_of(run / "pairs"), CANDIDATES
    if pairs.equals(FULL_PAIRS):
        turns = pa.list_(FULL_TURN)
        candidates = pa.schema([f.with_type(turns) if f.type == pa.list_(TURN) else f for f in CANDIDATES])
    return {"preferences": pairs, "candidates": candidates, "judgments": JUDGMENTS, "failures": FAILURE_ROWS}


ROWS_A_SHARD = 50_000
ROWS_A_WRITE = 500


@dataclass
class WrittenRelease:
    """What was written: {config: {split: rows}}, the files by their path in the repository, and a digest of
    every row in its order.
    """

    schemas: Mapping[str, pa.Schema]
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    content_hash: str = ""
    harmful: int = 0
    """Rows of `preferences` that were made from harmful texts."""
    left_out: int = 0
    """Rows of `preferences` that break a rule of `check`, and are in no release."""
    between_splits: int = 0
    """Prompts that are nearly the same as prompts of both splits, and in neither."""


def write_rows(
    run: Path, folder: Path, *, test: float, seed: int, harmful: Harmful, bad_rows: BadRows | None = None,
    allow: Collection[str] = (),
) -> WrittenRelease:  # fmt: skip
    """Write the shards of all configs under `folder`/data; memory is that of a few hundred rows, the
    prompts' ids and some hashes a pair. Raises RecipeError; a pair that breaks a rule, by itself or with
    others, goes to `bad_rows`.
    """
    bad_rows = bad_rows or BadRows()
    prompts = [
        (row["id"], "\n".join(turn["content"] or "" for turn in row["messages"]))
        for row in read_shards(run / "records")
    ]
    splits = splits_of(prompts, test, seed)
    del prompts
    written = WrittenRelease(schemas_of(run), between_splits=sum(split is None for split in splits.values()))
    digest = hashlib.blake2b(digest_size=16)
    rows_by_config = {
        "preferences": _preferences(run, harmful, written, bad_rows, allow),
        "candidates": _candidates(run, harmful),
        "judgments": _judgments(run, harmful),
    }
    for config, rows in rows_by_config.items():
        _write_config(config, ((splits[row["prompt_id"]], row) for row in rows), folder, digest, written)
    failures = ({name: row[name] for name in FAILURE_ROWS.names} for row in _read_failures(run))
    # seeds are in no split
    _write_config(
        "failures", ((splits.get(row["record_id"], TRAIN), row) for row in failures), folder, digest, written
    )
    written.content_hash = digest.hexdigest()
    written.left_out = len(bad_rows.rows)
    if not any(written.counts["preferences"].values()):
        raise RecipeError(f"{str(run)!r} has no pair that could be published")
    return written


def _write_config(
    config: str,
    rows: Iterator[tuple[str | None, dict[str, Any]]],
    folder: Path,
    digest: Any,
    written: WrittenRelease,
) -> None:
    shards = {}
    for split, row in rows:
        if split is None:
            continue
        if split not in shards:
            shards[split] = _Shards(folder / "data" / config, split, written.schemas[config])
        digest.update(orjson.dumps([config, split, row], option=orjson.OPT_SORT_KEYS))
        shards[split].add(row)
    for split, split_shards in sorted(shards.items()):
        paths = split_shards.close()
        written.counts.setdefault(config, {})[split] = split_shards.rows
        written.sizes.setdefault(config, {})[split] = sum(path.stat().st_size for path in paths)
        written.files |= {str(path.relative_to(folder)): path for path in paths}
    written.counts.setdefault(config, {})


class _Shards:
    """The shards of one split, written a few hundred rows at a time; they get their names when their number
    is known.
    """

    def __init__(self, folder: Path, split: str, schema: pa.Schema) -> None:
        self._folder, self._split, self._schema = folder, split, schema
        self._pending: list[dict[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None
        self._parts: list[Path] = []
        self._rows_in_part = 0
        self.rows = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, row: dict[str, Any]) -> None:
        self._pending.append(row)
        self.rows += 1
        if len(self._pending) >= ROWS_A_WRITE:
            self._flush()

    def _flush(self) -> None:
        if self._writer is None:
            self._parts.append(self._folder / f"{self._split}-{len(self._parts)}.part")
            self._writer = pq.ParquetWriter(self._parts[-1], self._schema, compression="zstd", version="2.6")
            self._rows_in_part = 0
        self._writer.write_table(pa.Table.from_pylist(self._pending, self._schema))
        self._rows_in_part += len(self._pending)
        self._pending = []
        if self._rows_in_part >= ROWS_A_SHARD:
            self._writer.close()
            self._writer = None

    def close(self) -> list[Path]:
        if self._pending:
            self._flush()
        if self._writer is not None:
            self._writer.close()
        return [
            part.rename(self._folder / f"{self._split}-{number:05d}-of-{len(self._parts):05d}.parquet")
            for number, part in enumerate(self._parts)
        ]


def _read_records(run: Path) -> Iterator[Record]:
    return (record_of(row) for row in read_shards(run / "records"))


def _preferences(
    run: Path, harmful: Harmful, written: WrittenRelease, bad_rows: BadRows, allow: Collection[str]
) -> Iterator[dict[str, Any]]:
    def wanted_rows(_: BadRows) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for row in read_shards(run / "pairs"):
            if harmful != "drop" or not _harm_of(row):
                yield f"pair {row['id']}", row

    for _, stored in proven_set(wanted_rows, bad_rows, allow=allow, relations=PAIR_RELATIONS):
        row = dict(stored)
        if marks := _harm_of(row):
            written.harmful += 1
            for side in ("chosen", "rejected"):
                row[side] = [redact_turn(turn, marks.get("source_digest"), harmful) for turn in row[side]]
        yield row


def _harm_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return harm_marks(json.loads(row["lineage"])) if row["lineage"] else {}


def _candidates(run: Path, harmful: Harmful) -> Iterator[dict[str, Any]]:
    for record in _read_records(run):
        if harmful == "drop" and is_from_harm(record.prompt):
            continue
        redact = quote_redactor(record, harmful)
        for response in record.responses:
            yield _candidate(record, response, harmful, redact)


def _candidate(record: Record, response: Response, harmful: Harmful, redact: Redactor) -> dict[str, Any]:
    """An answer with everything that was said of it."""
    prompt = record.prompt
    reasoning = redact(next((m.reasoning for m in response.messages if m.reasoning), None))
    turns = [turn_of(m, False) for m in response.messages]
    if harmful != "keep" and is_source(prompt, response):
        digest = hashlib.blake2b(response.text.encode(), digest_size=16).hexdigest()
        turns, reasoning = [{"role": "assistant", "content": redaction_notice(digest)}], None
    return {
        "id": response.id,
        "prompt_id": prompt.id,
        "prompt": [turn_of(m, False) for m in prompt.messages],
        "response": turns,
        "reasoning": reasoning,
        "source": prompt.source,
        "category": prompt.category,
        "language": prompt.language,
        "license": prompt.license,
        "model": response.model,
        "origin": response.origin,
        "principle_id": response.principle,
        "sampling": json.dumps(dict(response.sampling), sort_keys=True) if response.sampling else None,
        "finish_reason": response.finish_reason,
        "parent_id": response.parent_id,
        "policy": response.policy,
        "scores": [_score(s, redact) for s in record.scores if s.response_id == response.id],
        "critiques": [
            {"judge": c.judge, "principle_id": c.principle_id, "text": redact(c.text)}
            for c in record.critiques
            if c.response_id == response.id
        ],
        "flags": [{"rule": f.rule, "reason": f.reason} for f in record.flags if f.target_id == response.id],
    }


def _score(score: Score, redact: Redactor) -> dict[str, Any]:
    low, high = score.scale
    return {
        "judge": score.judge, "aspect": score.aspect, "value": score.value, "low": low, "high": high,
        "rationale": redact(score.rationale), "method": score.method,
    }  # fmt: skip


def _judgments(run: Path, harmful: Harmful) -> Iterator[dict[str, Any]]:
    for record in _read_records(run):
        if harmful == "drop" and is_from_harm(record.prompt):
            continue
        redact = quote_redactor(record, harmful)
        empty_row: dict[str, Any] = dict.fromkeys(JUDGMENTS.names) | {"prompt_id": record.id}
        for score in record.scores:
            yield empty_row | _score(score, redact) | {
                "kind": "score", "response_id": score.response_id,
                "sample": score.sample, "order": score.order,
            }  # fmt: skip
        for c in record.comparisons:
            yield empty_row | {
                "kind": "comparison", "judge": c.judge, "aspect": c.aspect, "principle_id": c.principle_id,
                "response_id": c.first_id, "second_id": c.second_id, "probability": c.probability,
                "sample": c.sample, "method": c.method, "rationale": redact(c.rationale),
            }  # fmt: skip


def _read_failures(run: Path) -> Iterator[dict[str, Any]]:
    path = run / "failures.parquet"
    if path.is_file():
        yield from read_parquet(path)
