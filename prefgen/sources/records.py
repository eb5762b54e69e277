"""Prompts *with* responses, scores and pairs: from a run, a file or a Hub dataset, so that what exists can be judged again.

Forms that are recognised by their columns: a prefgen run's folder; `chosen` and `rejected` (text or messages, with or without
`prompt`); `completions` as UltraFeedback writes them; `responses` or `completions` as a list of texts; KTO's `completion` and `label`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from prefgen.dataset.columns import Counter, as_messages, details_of, prompt_column
from prefgen.dataset.hub import hub_rows
from prefgen.dataset.read_files import rows_of
from prefgen.dataset.read_run import is_run, read_records
from prefgen.errors import RecipeError
from prefgen.kit.harm import harm_metadata, is_harmful
from prefgen.plugins.registry import Plugin, source
from prefgen.types import Message, Pair, Record, Response, Score


@source("records")
class Records(Plugin):
    """Reads prompts together with what was answered, scored and paired."""

    path: str = Field(description="A run's folder, a file, or the name of a Hub dataset.")
    split: str = Field("train", description="The split of a Hub dataset.")
    config: str | None = Field(None, description="The configuration of a Hub dataset.")
    revision: str | None = Field(None, description="The revision of a Hub dataset.")
    keep: tuple[str, ...] = Field(("responses",), description="What to take over: responses, scores, pairs.")
    licence: str = Field("unknown", description="The licence of what does not say its own.")
    limit: int | None = Field(None, ge=1, description="Only the first records.")

    def read(self, folder: Path) -> Iterator[Record]:
        for index, record in enumerate(self._all(folder)):
            if self.limit is not None and index >= self.limit:
                return
            yield self._kept(record)

    def _kept(self, record: Record) -> Record:
        unknown = set(self.keep) - {"responses", "scores", "pairs"}
        if unknown:
            raise RecipeError(f"keep: {sorted(unknown)[0]!r} is none of responses, scores, pairs")
        lost: dict[str, Any] = {
            name: () for name in ("responses", "scores", "pairs") if name not in self.keep
        }
        if "scores" not in self.keep:
            lost |= {"comparisons": (), "critiques": (), "flags": ()}
        return record.model_copy(update={**lost, "notes": ()})

    def _all(self, folder: Path) -> Iterator[Record]:
        local = folder / self.path
        if is_run(local):
            yield from read_records(local)
            return
        if local.exists():
            rows: Iterable[tuple[str, Mapping[str, Any]]] = rows_of(local, self.path)
        else:
            hub = hub_rows(self.path, self.config, self.split, self.revision)
            rows = ((f"{self.path} row {i}", row) for i, row in enumerate(hub))
        yield from self._from_rows(rows)

    def _from_rows(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Record]:
        counter = Counter()
        kto: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
        for where, row in rows:
            if "completion" in row and "label" in row:
                kto.setdefault(str(row.get("prompt")), []).append((where, row))
                continue
            yield _record(row, where, counter, self.licence)
        for group in kto.values():
            where, first = group[0]
            details = details_of(first, {}, {"licence": self.licence}, where)
            prompt = counter.prompt(as_messages(first["prompt"], where), origin="imported", **details)
            responses = tuple(
                _response(prompt.id, row["completion"], place, sample=i)
                for i, (place, row) in enumerate(group)
            )
            scores = tuple(
                Score(
                    response_id=r.id,
                    aspect="label",
                    value=float(bool(row["label"])),
                    scale=(0, 1),
                    judge="imported",
                )
                for r, (_, row) in zip(responses, group, strict=True)
            )
            yield Record(prompt=prompt, responses=responses, scores=scores)


def _record(row: Mapping[str, Any], where: str, counter: Counter, licence: str) -> Record:
    if "chosen" in row and "rejected" in row:
        return _from_pair(row, where, counter, licence)
    listed = row.get("completions", row.get("responses"))
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise RecipeError(
            f"no responses in this row: expected chosen and rejected, completions, responses, or completion and label; found {', '.join(row)}",
            where,
        )
    prompt = counter.prompt(
        as_messages(row[prompt_column(list(row), {}, where)], where),
        origin="imported",
        **details_of(row, {}, {"licence": licence}, where),
    )
    responses, scores = [], []
    for i, item in enumerate(listed):
        if isinstance(item, Mapping) and "response" in item:
            response = _response(
                prompt.id, item["response"], where, sample=i, model=str(item.get("model") or "unknown")
            )
            scores += _ultrafeedback(item, response.id, where)
        else:
            response = _response(prompt.id, item, where, sample=i)
        responses.append(response)
    return Record(prompt=prompt, responses=tuple(responses), scores=tuple(scores))


def _ultrafeedback(item: Mapping[str, Any], response_id: str, where: str) -> list[Score]:
    scores = []
    for aspect, note in (item.get("annotations") or {}).items():
        note: Any = note[0] if isinstance(note, list) and note else note
        rated = note.get("Rating") if isinstance(note, Mapping) else None
        if rated is None:
            continue
        if str(rated).strip().upper() in ("N/A", "NA"):
            value = None
        elif str(rated).strip() in ("1", "2", "3", "4", "5"):
            value = float(rated)
        else:
            raise RecipeError(f"rating {rated!r} of {aspect!r} is none of 1 to 5 and N/A", where)
        scores.append(
            Score(
                response_id=response_id,
                aspect=aspect,
                value=value,
                scale=(1, 5),
                judge="imported",
                rationale=note.get("Rationale"),
            )
        )
    return scores


def _from_pair(row: Mapping[str, Any], where: str, counter: Counter, licence: str) -> Record:
    chosen, rejected = row["chosen"], row["rejected"]
    if row.get("prompt") is not None:
        asked = as_messages(row["prompt"], where)
    elif isinstance(chosen, Sequence) and not isinstance(chosen, str):
        asked = as_messages(chosen, where)
        if as_messages(rejected, where) != asked:
            raise RecipeError("chosen and rejected do not answer the same prompt", where)
    else:
        raise RecipeError("chosen is text and there is no prompt column", where)
    details = details_of(row, {}, {"licence": licence}, where)
    harm = _lineage(row)
    marks = harm_metadata(_last_text(rejected), str(harm.get("harm")))
    if harm.get("source_digest") == marks["source_digest"]:
        details |= {"lineage": harm, "metadata": {**details.get("metadata", {}), **marks}}
    prompt = counter.prompt(asked, origin="imported", **details)
    sides = [
        _response(prompt.id, side, where, sample=i, model=str(row.get(f"{name}_model") or "unknown"))
        for i, (name, side) in enumerate((("chosen", chosen), ("rejected", rejected)))
    ]
    record = Record(prompt=prompt, responses=tuple(sides))
    if is_harmful(record, sides[0].id):
        raise RecipeError(
            "chosen is, or holds, the harmful text that the prompt was made from (docs/safety.md)", where
        )
    high, low = row.get("score_chosen"), row.get("score_rejected")
    known = isinstance(high, int | float) and isinstance(low, int | float) and high >= low
    pair = Pair(
        chosen_id=sides[0].id,
        rejected_id=sides[1].id,
        rule="imported",
        chosen_score=high if known else None,
        rejected_score=low if known else None,
        margin=high - low if known else None,  # pyright: ignore[reportOperatorIssue]
        tie=known and high == low,
    )
    return record.adding(pairs=[pair])


def _lineage(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a pair of prefgen's own says of where its prompt comes from."""
    found = row.get("lineage")
    try:
        found = json.loads(found) if isinstance(found, str) else found
    except ValueError:
        found = None
    return found if isinstance(found, Mapping) else {}


def _last_text(value: Any) -> str:
    """The text of a side of a pair: as it is, or of its last turn."""
    if (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and value
        and isinstance(value[-1], Mapping)
    ):
        value = value[-1].get("content")
    return value if isinstance(value, str) else ""


def _response(prompt_id: str, value: Any, where: str, *, sample: int, model: str = "unknown") -> Response:
    if isinstance(value, str):
        text = value
    elif isinstance(value, Sequence) and value and isinstance(value[-1], Mapping):
        text = value[-1].get("content")
    elif isinstance(value, Mapping):
        text = value.get("content", value.get("text"))
    else:
        text = None
    if not isinstance(text, str) or not text.strip():
        raise RecipeError(f"a response must be text that is not empty, found {str(value)[:60]!r}", where)
    return Response.of(
        prompt_id, Message(role="assistant", content=text), model=model, sample=sample, origin="imported"
    )
