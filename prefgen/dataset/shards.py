"""The Parquet that a run writes: records/ (everything) and pairs/ (what a trainer reads), one row group a shard, no clock inside.

A pair's row is TRL's explicit-prompt conversational form with the columns that say where it comes from.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prefgen.canonical import canonical
from prefgen.scoring import mean_by_response
from prefgen.types import Message, Pair, Record, Response, Score

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
    {"record_id": TEXT, "stage": TEXT, "plugin": TEXT, "model": TEXT, "code": TEXT, "reason": TEXT, "replies": pa.list_(TEXT), "keys": pa.list_(TEXT)}
)

_JSON_FIELDS = ("lineage", "tools", "metadata", "sampling")


def _json(value: Any) -> str | None:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if value else None


def _message_row(message: Message) -> dict[str, Any]:
    whole = message.model_dump(mode="json")
    plain = isinstance(message.content, str)
    return {
        **whole,
        "content": whole["content"] if plain else message.text,
        "parts": None if plain else _json(whole["content"]),
        "tool_calls": _json(whole["tool_calls"]),
    }


def record_row(record: Record) -> dict[str, Any]:
    """A record as a row of RECORDS."""
    row = {**record.model_dump(mode="json", exclude={"prompt", "responses"})}
    prompt = record.prompt.model_dump(mode="json", exclude={"messages"})
    row |= {k: _json(v) if k in _JSON_FIELDS else v for k, v in prompt.items()}
    row["messages"] = [_message_row(m) for m in record.prompt.messages]
    row["responses"] = [
        {
            **response.model_dump(mode="json", exclude={"messages", "sampling"}),
            "sampling": _json(response.sampling),
            "messages": [_message_row(m) for m in response.messages],
        }
        for response in record.responses
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


def pair_rows(record: Record) -> list[dict[str, Any]]:
    """The rows of PAIRS of a record's pairs."""
    by_id = {r.id: r for r in record.responses}
    return [_pair_row(record, pair, by_id[pair.chosen_id], by_id[pair.rejected_id]) for pair in record.pairs]


def _pair_row(record: Record, pair: Pair, chosen: Response, rejected: Response) -> dict[str, Any]:
    prompt = record.prompt
    sides = {chosen.id, rejected.id}
    judges = {s.judge for s in record.scores if s.response_id in sides} | {c.judge for c in record.comparisons if {c.first_id, c.second_id} & sides}
    return {
        "prompt": [_turn(m, False) for m in prompt.messages],
        "chosen": [_turn(m, chosen.keeps_reasoning) for m in chosen.messages],
        "rejected": [_turn(m, rejected.keeps_reasoning) for m in rejected.messages],
        "id": hashlib.blake2b(canonical([prompt.id, chosen.id, rejected.id, pair.rule]), digest_size=16).hexdigest(),
        "prompt_id": prompt.id,
        "source": prompt.source,
        "category": prompt.category,
        "language": prompt.language,
        "licence": prompt.licence,
        "chosen_model": chosen.model,
        "rejected_model": rejected.model,
        "chosen_origin": chosen.origin,
        "rejected_origin": rejected.origin,
        "chosen_policy": chosen.policy,
        "rejected_policy": rejected.policy,
        "chosen_finish": chosen.finish_reason,
        "rejected_finish": rejected.finish_reason,
        "score_chosen": pair.chosen_score,
        "score_rejected": pair.rejected_score,
        "margin": pair.margin,
        "chosen_probability": pair.chosen_probability,
        "aspects": _json({name: _aspects(record.scores, r.id) for name, r in (("chosen", chosen), ("rejected", rejected))}),
        "judge": ",".join(sorted(judges)) or None,
        "principle_id": pair.principle_id,
        "rule": pair.rule,
        "tie": pair.tie,
        "weight": pair.weight,
        "reasoning": "kept" if chosen.keeps_reasoning or rejected.keeps_reasoning else "dropped",
        "round": 0,
        "lineage": _json(prompt.lineage),
    }


def _aspects(scores: Sequence[Score], response_id: str) -> dict[str, float]:
    """{judge.aspect: mean rating}; aspects that do not apply are left out."""
    mine = [s for s in scores if s.response_id == response_id]
    names = sorted({(s.judge, s.aspect) for s in mine})
    means = {f"{j}.{a}": mean_by_response([s for s in mine if (s.judge, s.aspect) == (j, a)]) for j, a in names}
    return {name: found[response_id] for name, found in means.items() if found}


def _turn(message: Message, keep_reasoning: bool) -> dict[str, str]:
    text = message.text
    if keep_reasoning and message.reasoning:
        text = f"<think>\n{message.reasoning}\n</think>\n\n{text}"
    return {"role": message.role, "content": text}


def write_table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema, path: Path) -> int:
    """Write rows as one Parquet file, whole or not at all: it gets its name when it is complete. Returns the number of rows."""
    table = pa.Table.from_pylist(list(rows), schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    pq.write_table(table, beside, compression="zstd", version="2.6", row_group_size=max(1, table.num_rows), write_statistics=True)
    beside.replace(path)
    return table.num_rows


def digest_of(rows: Iterable[Mapping[str, Any]], so_far: Any) -> None:
    """Add rows to a digest, each as canonical JSON."""
    for row in rows:
        so_far.update(canonical(row))
        so_far.update(b"\n")
