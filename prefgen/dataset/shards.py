"""The Parquet that a run writes: records/ (everything) and pairs/ (what a trainer reads), one row group a shard, no clock inside.

A pair's row is TRL's explicit-prompt conversational form with the columns that say where it comes from.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from prefgen.files import written_whole
from prefgen.types import Record, content_id

TEXT, REAL, WHOLE, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()


def _struct(**fields: pa.DataType) -> pa.StructType:
    return pa.struct([pa.field(name, kind) for name, kind in fields.items()])


MESSAGE = _struct(role=TEXT, content=TEXT, parts=TEXT, reasoning=TEXT, tool_calls=TEXT, tool_call_id=TEXT)
TURN = _struct(role=TEXT, content=TEXT)

RECORDS = pa.schema(
    {
        "id": TEXT,
        "messages": pa.list_(MESSAGE),
        "source": TEXT,
        "category": TEXT,
        "language": TEXT,
        "licence": TEXT,
        "origin": TEXT,
        "lineage": TEXT,
        "references": pa.list_(TEXT),
        "incorrect_references": pa.list_(TEXT),
        "tools": TEXT,
        "metadata": TEXT,
        "responses": pa.list_(
            _struct(
                id=TEXT, prompt_id=TEXT, messages=pa.list_(MESSAGE), model=TEXT, principle=TEXT, sampling=TEXT, sample=WHOLE,
                finish_reason=TEXT, origin=TEXT, parent_id=TEXT, policy=TEXT, keeps_reasoning=FLAG,
            )
        ),
        "critiques": pa.list_(_struct(response_id=TEXT, principle_id=TEXT, text=TEXT, judge=TEXT)),
        "scores": pa.list_(
            _struct(response_id=TEXT, aspect=TEXT, value=REAL, scale=pa.list_(REAL), rationale=TEXT, judge=TEXT, sample=WHOLE, order=WHOLE)
        ),
        "comparisons": pa.list_(
            _struct(
                first_id=TEXT, second_id=TEXT, probability=REAL, aspect=TEXT, principle_id=TEXT, rationale=TEXT, judge=TEXT, sample=WHOLE
            )
        ),
        "flags": pa.list_(_struct(target_id=TEXT, rule=TEXT, reason=TEXT)),
        "pairs": pa.list_(
            _struct(
                chosen_id=TEXT, rejected_id=TEXT, rule=TEXT, chosen_score=REAL, rejected_score=REAL, margin=REAL, chosen_probability=REAL,
                weight=REAL, tie=FLAG, principle_id=TEXT,
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
        "licence": TEXT,
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

_JSON_FIELDS = ("lineage", "tools", "metadata", "sampling")


def _json(value: Any) -> str | None:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if value else None


def _message_row(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    plain = isinstance(content, str)
    return {
        **message,
        "content": content if plain else "".join(part["text"] for part in content if part["type"] == "text"),
        "parts": None if plain else _json(content),
        "tool_calls": _json(message["tool_calls"]),
    }


Plain = Mapping[str, Any]
"""A record as JSON data (`Record.model_dump(mode="json")`): rows are made of it without checking everything again."""


def record_row(record: Plain) -> dict[str, Any]:
    """A record as a row of RECORDS."""
    prompt = record["prompt"]
    row = {k: v for k, v in record.items() if k not in ("prompt", "responses")}
    row |= {k: _json(v) if k in _JSON_FIELDS else v for k, v in prompt.items() if k != "messages"}
    row["messages"] = [_message_row(m) for m in prompt["messages"]]
    row["responses"] = [
        {**response, "sampling": _json(response["sampling"]), "messages": [_message_row(m) for m in response["messages"]]}
        for response in record["responses"]
    ]
    return row


def record_of(row: Mapping[str, Any]) -> Record:
    """The record that `record_row` wrote."""
    prompt_fields = ("id", "source", "category", "language", "licence", "origin", "references", "incorrect_references")
    prompt = {name: row[name] for name in prompt_fields} | {"messages": [_message_of(m) for m in row["messages"]]}
    for name in ("lineage", "metadata"):
        prompt[name] = json.loads(row[name]) if row[name] else {}
    prompt["tools"] = json.loads(row["tools"]) if row["tools"] else ()
    responses = [
        {
            **response,
            "sampling": json.loads(response["sampling"]) if response["sampling"] else {},
            "messages": [_message_of(m) for m in response["messages"]],
        }
        for response in row["responses"]
    ]
    grown = {name: row[name] for name in ("critiques", "scores", "comparisons", "flags", "pairs", "notes")}
    return Record.model_validate({"prompt": prompt, "responses": responses, **grown})


def _message_of(row: Mapping[str, Any]) -> dict[str, Any]:
    out = {k: v for k, v in row.items() if k != "parts"}
    if row["parts"]:
        out["content"] = json.loads(row["parts"])
    out["tool_calls"] = json.loads(row["tool_calls"]) if row["tool_calls"] else ()
    return out


def pair_rows(record: Plain) -> list[dict[str, Any]]:
    """The rows of PAIRS of a record's pairs."""
    by_id = {r["id"]: r for r in record["responses"]}
    return [_pair_row(record, pair, by_id[pair["chosen_id"]], by_id[pair["rejected_id"]]) for pair in record["pairs"]]


def _pair_row(record: Plain, pair: Plain, chosen: Plain, rejected: Plain) -> dict[str, Any]:
    prompt = record["prompt"]
    sides = {chosen["id"], rejected["id"]}
    judges = {s["judge"] for s in record["scores"] if s["response_id"] in sides}
    judges |= {c["judge"] for c in record["comparisons"] if {c["first_id"], c["second_id"]} & sides}
    kept = chosen["keeps_reasoning"] or rejected["keeps_reasoning"]
    row: dict[str, Any] = {
        "prompt": [_turn(m, False) for m in prompt["messages"]],
        "chosen": [_turn(m, chosen["keeps_reasoning"]) for m in chosen["messages"]],
        "rejected": [_turn(m, rejected["keeps_reasoning"]) for m in rejected["messages"]],
        "id": content_id("pair", prompt["id"], chosen["id"], rejected["id"], pair["rule"]),
        "prompt_id": prompt["id"],
        "score_chosen": pair["chosen_score"],
        "score_rejected": pair["rejected_score"],
        "aspects": _json({name: _aspects(record["scores"], r["id"]) for name, r in (("chosen", chosen), ("rejected", rejected))}),
        "judge": ",".join(sorted(judges)) or None,
        "reasoning": "kept" if kept else "dropped",
        "round": 0,
        "lineage": _json(prompt["lineage"]),
    }
    row |= {name: prompt[name] for name in ("source", "category", "language", "licence")}
    row |= {name: pair[name] for name in ("margin", "chosen_probability", "principle_id", "rule", "tie", "weight")}
    for side, response in (("chosen", chosen), ("rejected", rejected)):
        row |= {f"{side}_{name}": response[name] for name in ("model", "origin", "policy")}
        row[f"{side}_finish"] = response["finish_reason"]
    return row


def _aspects(scores: Sequence[Plain], response_id: str) -> dict[str, float]:
    """{judge.aspect: mean rating}; aspects that do not apply are left out."""
    rated: dict[str, list[float]] = {}
    for score in scores:
        if score["response_id"] == response_id and score["value"] is not None:
            rated.setdefault(f"{score['judge']}.{score['aspect']}", []).append(score["value"])
    return {name: math.fsum(values) / len(values) for name, values in rated.items()}


def _turn(message: Plain, keep_reasoning: bool) -> dict[str, str]:
    content = message["content"]
    text = content if isinstance(content, str) else "".join(part["text"] for part in content if part["type"] == "text")
    if keep_reasoning and message["reasoning"]:
        text = f"<think>\n{message['reasoning']}\n</think>\n\n{text}"
    return {"role": message["role"], "content": text}


def write_table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema, path: Path) -> int:
    """Write rows as one Parquet file, whole or not at all: it gets its name when it is complete. Returns the number of rows."""
    table = _table(list(rows), schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as beside:
        pq.write_table(table, beside, compression="zstd", version="2.6", row_group_size=max(1, table.num_rows), write_statistics=True)
    return table.num_rows


def _table(rows: list[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table, by way of JSON: Arrow's own reader is ten times faster than its conversion of Python objects."""
    if not rows:
        return schema.empty_table()
    lines = b"\n".join(orjson.dumps(row) for row in rows)
    table = pj.read_json(
        pa.BufferReader(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pj.ParseOptions(explicit_schema=schema, newlines_in_values=False, unexpected_field_behavior="error"),
    )
    return table.select(schema.names).cast(schema).combine_chunks()
