"""The rows of a mix's parts: read and proven once, and kept on the disk, with what is compared of each in
memory.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import as_number, as_text, as_truth, describe, is_missing
from prefgen.dataset.open_pairs import PairDataset, foreign_columns, open_pairs
from prefgen.dataset.pair import is_text_alone, validated_pair
from prefgen.dataset.parquet import PAIRS
from prefgen.dataset.proven_set import proven_set
from prefgen.dataset.provenance import KeptColumns
from prefgen.dataset.same_turns import normal_text, turns_key
from prefgen.dataset.serialize import turn_row
from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import display_name
from prefgen.types import content_id

if TYPE_CHECKING:
    import pyarrow as pa


PairStream = Iterator[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A pair as far as others are compared with it, and where it stands in the store. `prompt` is the text of
    its prompt in normal form, without a system turn, and the keys are equal for what says the same.
    """

    start: int
    prompt: str
    prompt_id: str
    prompt_key: bytes
    pair_key: bytes
    is_full: bool
    """Whether it holds tools or images."""


@dataclass(frozen=True)
class PartRows:
    """A part, what it says of itself, and its different pairs in their order. `digest` is one of all rows
    that were read.
    """

    dataset: PairDataset
    rows: tuple[KeptRow, ...]
    digest: str

    @property
    def prompts(self) -> int:
        return len({row.prompt for row in self.rows})


class RowStore:
    """Pairs as lines of JSON in a file, so that memory holds none of their texts."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("w+b")
        self._end = 0

    def add(self, line: bytes) -> int:
        """Where the line stands from now on."""
        start = self._end
        self._end += self._file.write(line + b"\n")
        return start

    def read(self, start: int) -> dict[str, Any]:
        """The pair that stands there."""
        self._file.seek(start)
        return orjson.loads(self._file.readline())

    def close(self) -> None:
        self._file.close()


def read_part(
    name: str,
    store: RowStore,
    bad_rows: BadRows,
    allow: Collection[str],
    columns: Mapping[str, str],
    license: str | None = None,
    kept_columns: KeptColumns | None = None,
) -> PartRows:
    """Read the pairs of `name` into the store: those that contradict no other, each once. `columns` are names
    of another kind, `license` that of what says none; `kept_columns` go into the lineage. Raises
    RecipeError; rows that break a rule go to `bad_rows`.
    """
    columns = foreign_columns(name, columns)
    bad_rows.name_remedy(name, columns)
    dataset = open_pairs(name, columns=columns, bad_rows=bad_rows, kept_columns=kept_columns)
    location = f"{name.partition('@')[0]}@{dataset.revision}" if dataset.revision else name
    opened = [dataset]

    def open_rows(bad_rows: BadRows) -> PairStream:
        if opened:
            return opened.pop().rows
        return open_pairs(location, columns=columns, bad_rows=bad_rows, kept_columns=kept_columns).rows

    proven = proven_set(open_rows, bad_rows, allow=allow, relations=("contradiction",))
    shown_name, license = display_name(name), dataset.terms.license or license or "unknown"
    digest = hashlib.blake2b(digest_size=16)
    rows: dict[bytes, KeptRow] = {}
    prompts: dict[str, str] = {}  # each text once, however many pairs it has
    read = bad_rows.each(proven, lambda row, where: _pair_row(row, where, shown_name, license))
    for _, (prompt, pair) in read:
        line = orjson.dumps(pair)
        digest.update(line)
        keys = [turns_key(pair[side]) for side in ("prompt", "chosen", "rejected")]
        pair_key = hashlib.blake2b(b"".join(keys), digest_size=16).digest()
        if pair_key not in rows:
            rows[pair_key] = KeptRow(
                store.add(line),
                prompts.setdefault(prompt, prompt),
                pair["prompt_id"],
                keys[0],
                pair_key,
                "tools" in pair,
            )
    return PartRows(dataset, tuple(rows.values()), digest.hexdigest())


def _pair_row(row: Mapping[str, Any], where: str, name: str, license: str) -> tuple[str, dict[str, Any]]:
    """(the prompt's text in normal form, the row with all columns of a pair). `name` and `license` are of a
    row that says none. Raises RecipeError for a cell that its column cannot hold.
    """
    prompt, chosen, rejected = validated_pair(row, where)
    sides = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    pair: dict[str, Any] = {side: [turn_row(turn) for turn in turns] for side, turns in sides.items()}
    for column in PAIRS:
        if column.name not in pair:
            pair[column.name] = _cell(row.get(column.name), column, where)
    for column in ("source", "license", "chosen_model", "rejected_model"):
        pair[column] = pair[column] or ("unknown" if column != "source" else name)
    pair["license"] = license if pair["license"] == "unknown" else pair["license"]
    pair["prompt_id"] = pair["prompt_id"] or content_id("prompt", prompt)
    pair["id"] = pair["id"] or content_id("pair", prompt, chosen, rejected)
    if row.get("tools") or not is_text_alone(prompt, chosen, rejected):
        pair["tools"] = _json_text(row.get("tools"))
    asked = [turn for turn in prompt if turn["role"] != "system"]  # which may be the same for all
    return normal_text(asked), pair


def _cell(value: Any, column: "pa.Field", where: str) -> Any:
    """What a cell says, as its column holds it. Raises RecipeError."""
    import pyarrow as pa

    if column.name in ("aspects", "lineage"):
        return _json_text(value)
    if is_missing(value):
        return None
    if pa.types.is_boolean(column.type):
        return as_truth(value, column.name, where)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return as_text(value, column.name, where)
    number = as_number(value, column.name, where)
    if number is None or pa.types.is_floating(column.type):
        return number
    if not number.is_integer() or abs(number) >= 2**63:
        raise RecipeError(f"{column.name} must be a whole number, found {describe(value)}", where)
    return int(number)


def _json_text(value: Any) -> str | None:
    """Data as JSON text; text as it is."""
    if is_missing(value):
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
