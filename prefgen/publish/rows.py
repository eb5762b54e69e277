"""The rows of a release: four configs, made of a run's records and pairs, streamed into Parquet shards.

`preferences` is what a trainer reads, `candidates` has a row a response with everything that was said of it,
`judgments` a row a judgment, and `failures` what was lost. Harmful texts that prompts were made from are
taken out unless asked for; their digest stays.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.parquet import FULL_PAIRS, FULL_TURN, TURN, pairs_schema_of
from prefgen.dataset.proven_set import proven_set
from prefgen.dataset.read_parquet import read_parquet
from prefgen.dataset.read_run import read_manifest, read_shards
from prefgen.dataset.row_relations import PAIR_RELATIONS
from prefgen.dataset.same_turns import normal_text
from prefgen.dataset.serialize import record_of, turn_of
from prefgen.dataset.splits import TRAIN, splits_of
from prefgen.errors import RecipeError
from prefgen.kit.harm import harm_marks, is_source, source_digests
from prefgen.publish.redaction import (
    Harmful,
    Redactor,
    harm_lineage,
    is_from_harm,
    quote_redactor,
    redact_turn,
)
from prefgen.publish.servers import server_hider
from prefgen.publish.split_shards import WrittenRelease, write_config
from prefgen.text.taken_out import taken_out_notice, text_digest
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


def write_rows(
    run: Path, folder: Path, *, test: float, seed: int, harmful: Harmful, bad_rows: BadRows | None = None,
    allow: Collection[str] = (),
) -> WrittenRelease:  # fmt: skip
    """Write the shards of all configs under `folder`/data; memory is that of a few hundred rows, the
    prompts' ids and some hashes a pair. Raises RecipeError; a pair that breaks a rule, by itself or with
    others, goes to `bad_rows`.
    """
    bad_rows = bad_rows or BadRows()
    splits = _draw_splits(run, test, seed)
    written = WrittenRelease(schemas_of(run), between_splits=sum(split is None for split in splits.values()))
    digest = hashlib.blake2b(digest_size=16)
    rows_by_config = {
        "preferences": preference_rows(lambda: read_shards(run / "pairs"), harmful, written, bad_rows, allow),
        "candidates": _candidates(run, harmful),
        "judgments": _judgments(run, harmful),
    }
    for config, rows in rows_by_config.items():
        write_config(config, ((splits[row["prompt_id"]], row) for row in rows), folder, digest, written)
    failures = ({name: row[name] for name in FAILURE_ROWS.names} for row in _read_failures(run))
    # seeds are in no split
    write_config(
        "failures", ((splits.get(row["record_id"], TRAIN), row) for row in failures), folder, digest, written
    )
    written.content_hash = digest.hexdigest()
    written.left_out = bad_rows.places_by_rule
    if not any(written.counts["preferences"].values()):
        raise RecipeError(f"{str(run)!r} has no pair that could be published")
    return written


def _draw_splits(run: Path, test: float, seed: int) -> dict[str, str | None]:
    """{id of a record: its split}, so that a check finds no prompt in two: of a turn it compares calls too,
    and system turns not at all, which may be the same for all.
    """
    prompts: list[tuple[str, str]] = []
    asked: dict[str, str] = {}
    for row in read_shards(run / "records"):
        turns = row["messages"]
        prompts.append((row["id"], "\n".join(turn["content"] or "" for turn in turns)))
        if any(turn["role"] == "system" or turn.get("tool_calls") for turn in turns):
            asked[row["id"]] = normal_text([_stored_turn(turn) for turn in turns if turn["role"] != "system"])
    return splits_of(prompts, test, seed, asked=asked)


def _stored_turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn of a record as a check reads it from a pair."""
    calls = turn.get("tool_calls")
    return {"content": turn["content"] or "", "tool_calls": json.loads(calls) if calls else ()}


def _read_records(run: Path) -> Iterator[Record]:
    return (record_of(row) for row in read_shards(run / "records"))


def preference_rows(
    open_pairs: Callable[[], Iterable[Mapping[str, Any]]],
    harmful: Harmful,
    written: WrittenRelease,
    bad_rows: BadRows,
    allow: Collection[str],
) -> Iterator[dict[str, Any]]:
    """The pairs that break no rule but those in `allow`, alone or together, without the harmful texts that
    they were made from unless these are kept; `written` counts them, and `bad_rows` takes the others. The
    pairs are opened twice.
    """

    def wanted_rows(_: BadRows) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for row in open_pairs():
            if harmful != "drop" or not harm_lineage(row):
                yield f"pair {row['id']}", row

    for _, stored in proven_set(wanted_rows, bad_rows, allow=allow, relations=PAIR_RELATIONS):
        row = dict(stored)
        if lineage := harm_lineage(row):
            written.harmful += 1
            digests = source_digests(lineage)
            for part in ("prompt", "chosen", "rejected"):
                row[part] = [redact_turn(turn, digests, harmful) for turn in row[part]]
        yield row


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
    digests = source_digests(harm_marks(prompt.lineage), prompt.metadata)
    turns = [redact_turn(turn_of(m, False), digests, harmful) for m in response.messages]
    if harmful != "keep" and is_source(prompt, response):
        notice = taken_out_notice(text_digest(response.text))
        turns, reasoning = [{"role": "assistant", "content": notice}], None
    return {
        "id": response.id,
        "prompt_id": prompt.id,
        "prompt": [redact_turn(turn_of(m, False), digests, harmful) for m in prompt.messages],
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
    """What was lost, without the names of servers that are not published."""
    path = run / "failures.parquet"
    if path.is_file():
        hide = server_hider(read_manifest(run))
        for row in read_parquet(path):
            yield {**row, "reason": row["reason"] and hide(row["reason"])}
