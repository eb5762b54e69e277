"""Records and pairs as lines of JSON, in the columns of the Parquet that a run writes
(`prefgen.dataset.parquet`).

A record is written once, as it finishes; the shards, the row digest and whoever reads the spool take the same
line.
"""

import json
import math
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

import orjson
from pydantic_core import to_jsonable_python

from prefgen.stats.scoring import probability_of
from prefgen.transport.openai_protocol import content_text, encode_message
from prefgen.types import Comparison, Message, Pair, Prompt, Record, Response, Score, content_id
from prefgen.version import with_present_names

_SORT_KEYS = orjson.OPT_SORT_KEYS


RENAMED_COLUMNS = {"license": "licence", "method": "how"}
"""{column: what version 0.1.0 called it}."""


def record_line(record: Record) -> bytes:
    """A record as one line: a row of RECORDS."""
    prompt = record.prompt
    row = {
        **record.__dict__,
        **prompt.__dict__,
        "lineage": _json_text(prompt.lineage),
        "tools": _json_text(prompt.tools),
        "metadata": _json_text(prompt.metadata),
        "scores": [score.__dict__ for score in record.scores],  # the most of what there is
    }
    del row["prompt"]
    if not record.prompts:  # shards have no column for it: what synthesizers wrote becomes records of its own
        del row["prompts"]
    return orjson.dumps(row, default=_json_default)


def _json_default(value: Any) -> Any:
    kind = _base_class(type(value))
    if kind is Response:
        return {**value.__dict__, "sampling": _json_text(value.sampling)}
    if kind is Message:
        content, tool_calls = value.content, value.tool_calls
        return {
            **{key: field for key, field in value.__dict__.items() if key != "name" or field},
            "content": value.text,
            "parts": None if isinstance(content, str) else _json_text([part.__dict__ for part in content]),
            "tool_calls": _json_text([call.__dict__ for call in tool_calls]) if tool_calls else None,
        }
    return value.model_dump(mode="json") if kind is Prompt else value.__dict__


@cache
def _base_class(cls: type) -> type:
    """Which of these a class is or derives from."""
    return next((kind for kind in (Response, Message, Prompt) if issubclass(cls, kind)), cls)


def _json_text(value: Any) -> str | None:
    """JSON data as JSON text, for columns that hold what has no schema; None when there is nothing."""
    if not value:
        return None
    try:
        return _decode_json(orjson.dumps(value, option=_SORT_KEYS))
    except TypeError:  # a whole number of more than 64 bits, a mapping of another type
        return json.dumps(
            to_jsonable_python(value), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )


@lru_cache(maxsize=1024)
def _decode_json(encoded: bytes) -> str:
    return encoded.decode()


def record_of(row: Mapping[str, Any]) -> Record:
    """The record that `record_line` wrote, in this version or an earlier one."""
    row = with_present_names(row, RENAMED_COLUMNS)
    prompt_fields = (
        "id",
        "source",
        "category",
        "language",
        "license",
        "origin",
        "references",
        "incorrect_references",
    )
    prompt = {name: row[name] for name in prompt_fields} | {
        "messages": [_message_of(m) for m in row["messages"]]
    }
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
    additions = {
        name: row[name] for name in ("critiques", "scores", "comparisons", "flags", "pairs", "notes")
    }
    for name in ("scores", "comparisons"):
        additions[name] = [with_present_names(judgment, RENAMED_COLUMNS) for judgment in additions[name]]
    return Record.model_validate(
        {"prompt": prompt, "responses": responses, "prompts": row.get("prompts", ()), **additions}
    )


def _message_of(row: Mapping[str, Any]) -> dict[str, Any]:
    message = {k: v for k, v in row.items() if k != "parts"}
    if row["parts"]:
        message["content"] = json.loads(row["parts"])
    message["tool_calls"] = json.loads(row["tool_calls"]) if row["tool_calls"] else ()
    return message


def pair_lines(record: Record) -> list[bytes]:
    """The pairs of a record as lines: rows of PAIRS."""
    by_id = {r.id: r for r in record.responses}
    return [
        orjson.dumps(_pair_row(record, pair, by_id[pair.chosen_id], by_id[pair.rejected_id]))
        for pair in record.pairs
    ]


def _pair_row(record: Record, pair: Pair, chosen: Response, rejected: Response) -> dict[str, Any]:
    prompt = record.prompt
    response_ids = (chosen.id, rejected.id)
    judges = {s.judge for s in record.scores if s.response_id in response_ids}
    judges |= {
        c.judge for c in record.comparisons if c.first_id in response_ids or c.second_id in response_ids
    }
    keeps_reasoning = chosen.keeps_reasoning or rejected.keeps_reasoning
    tools = {"tools": _json_text(prompt.tools)} if prompt.tools else {}
    return {
        "prompt": [turn_of(m, False) for m in prompt.messages],
        "chosen": [turn_of(m, chosen.keeps_reasoning) for m in chosen.messages],
        "rejected": [turn_of(m, rejected.keeps_reasoning) for m in rejected.messages],
        "id": pair_id(prompt.id, pair),
        "prompt_id": prompt.id,
        "source": prompt.source,
        "category": prompt.category,
        "language": prompt.language,
        "license": prompt.license,
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
        "aspects": _json_text(_aspect_ratings(record, chosen.id, rejected.id)),
        "judge": ",".join(sorted(judges)) or None,
        "principle_id": pair.principle_id,
        "rule": pair.rule,
        "tie": pair.tie,
        "weight": pair.weight,
        "reasoning": "kept" if keeps_reasoning else "dropped",
        "round": 0,
        "lineage": _json_text(prompt.lineage),
        **tools,
    }


def _aspect_ratings(record: Record, chosen_id: str, rejected_id: str) -> dict[str, dict[str, float]]:
    """What each judge and aspect says of both sides; `preferred` holds the probability that comparisons give
    to the chosen one.
    """
    means = _mean_ratings(record.scores, (chosen_id, rejected_id))
    ratings = {"chosen": means[chosen_id], "rejected": means[rejected_id]}
    by_aspect: dict[str, list[Comparison]] = {}
    for comparison in record.comparisons:
        by_aspect.setdefault(f"{comparison.judge}.{comparison.aspect}", []).append(comparison)
    probabilities = {
        name: probability_of(comparisons, chosen_id, rejected_id) for name, comparisons in by_aspect.items()
    }
    preferred = {name: p for name, p in probabilities.items() if p is not None}
    return {**ratings, "preferred": preferred} if preferred else ratings


def pair_id(prompt_id: str, pair: Pair) -> str:
    """The id of a pair's row."""
    return content_id("pair", prompt_id, pair.chosen_id, pair.rejected_id, pair.rule)


def _mean_ratings(scores: Iterable[Score], response_ids: Iterable[str]) -> dict[str, dict[str, float]]:
    """{response id: {judge.aspect: mean rating}}; aspects that do not apply are left out."""
    ratings: dict[str, dict[str, list[float]]] = {response_id: {} for response_id in response_ids}
    for score in scores:
        side = ratings.get(score.response_id)
        if side is not None and score.value is not None:
            side.setdefault(f"{score.judge}.{score.aspect}", []).append(score.value)
    return {
        side: {name: math.fsum(values) / len(values) for name, values in aspect_values.items()}
        for side, aspect_values in ratings.items()
    }


def turn_of(message: Message, keep_reasoning: bool) -> dict[str, Any]:
    """A message as rows of pairs have it."""
    text = message.text
    if keep_reasoning and message.reasoning:
        text = f"<think>\n{message.reasoning}\n</think>\n\n{text}"
    beside = message.tool_calls or message.tool_call_id or message.name
    if isinstance(message.content, str) and not beside:
        return {"role": message.role, "content": text}  # as nearly all are
    return {**turn_row(encode_message(message)), "content": text}


def turn_row(turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn of the protocol as rows of pairs have it: a column cannot hold now text and now a list, so
    `content` is the text, and parts with images stand beside it as JSON text.
    """
    if isinstance(turn["content"], str):
        return dict(turn)
    return {**turn, "content": content_text(turn["content"]), "parts": _json_text(turn["content"])}
