"""One dataset of several: so much of each, prompts de-duplicated, a fresh split, sources and licenses carried
along.
"""

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefgen.dataset.bad_rows import BAD_ROWS, BadRows, write_bad_rows
from prefgen.dataset.cells import as_number, as_text, as_truth, describe, is_missing
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.pair import is_text_alone, validated_pair
from prefgen.dataset.parquet import FULL_PAIRS, PAIRS
from prefgen.dataset.proven_set import proven_set
from prefgen.dataset.same_turns import normal_text, turns_key
from prefgen.dataset.serialize import turn_row
from prefgen.dataset.splits import splits_of
from prefgen.errors import RecipeError
from prefgen.stats.seeded_draws import uniform
from prefgen.storage.atomic_write import atomic_write, display_name
from prefgen.text.near_duplicates import find_near_duplicates
from prefgen.types import content_id

if TYPE_CHECKING:
    import pyarrow as pa

PART_PATTERN = re.compile(r"(?P<name>.+?)(?::(?P<amount>\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class MixPart:
    """A dataset, and how much of it: a share of its prompts (at most 1), or a number of pairs."""

    name: str
    share: float | None
    pairs: int | None


@dataclass(frozen=True)
class _PartRow:
    """A pair of the part of this number, and the text of its prompt in normal form, without a system turn."""

    part: int
    prompt: str
    pair: dict[str, Any]


def parse_part(text: str) -> MixPart:
    """`owner/name@v1:0.5` or `runs/x:10000`; everything, where no amount is given. Raises RecipeError."""
    match = PART_PATTERN.fullmatch(text)
    if match is None:
        raise RecipeError(f"expected a dataset, found {text!r}")
    amount = match["amount"]
    if amount is None or "." in amount:
        share = 1.0 if amount is None else float(amount)
        if not 0 < share <= 1:
            raise RecipeError(f"{text!r}: a share lies above 0 and is at most 1.0, found {amount}")
        return MixPart(match["name"], share, None)
    if int(amount) < 1:
        raise RecipeError(f"{text!r}: a number of pairs is at least 1")
    return MixPart(match["name"], None, int(amount))


def mix(
    parts: Sequence[MixPart],
    out: Path,
    *,
    test: float,
    seed: int,
    bad_rows: BadRows | None = None,
    allow: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write `out`/data/preferences/SPLIT.parquet and mix.json, and return what it says. Raises RecipeError;
    rows that break a rule of `check` go to `bad_rows`. `columns` are names of another kind, in every part.

    A prompt, and what is nearly the same, is of the first part that has it; a pair stands once.
    """
    _check_output_folder(out)
    bad_rows = bad_rows or BadRows()
    sampled_rows: list[_PartRow] = []
    sources: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        dataset = open_pairs(part.name, columns=columns, bad_rows=bad_rows)
        name = display_name(part.name)
        rows = _read_part(list(dataset.rows), name, bad_rows, allow)
        part_rows = _sample_rows(rows, part, seed)
        sampled_rows += [_PartRow(number, text, row) for text, row in part_rows]
        taken = {"pairs": len(rows), "taken": len(part_rows), "share": part.share}
        sources.append({"name": name, "revision": dataset.revision, **taken})
    unique_rows = _unique_rows(sampled_rows)
    splits = splits_of([(row.pair["prompt_id"], row.prompt) for row in unique_rows], test, seed)
    kept_rows = [row for row in unique_rows if splits[row.pair["prompt_id"]] is not None]
    if "train" not in {splits[row.pair["prompt_id"]] for row in kept_rows}:
        raise RecipeError("no pair to train on is left of " + ", ".join(part.name for part in parts))
    # of an earlier mix, now that this one is known to come about
    shutil.rmtree(out / "data", ignore_errors=True)
    counts = _write_splits(out, [(splits[row.pair["prompt_id"]], row.pair) for row in kept_rows])
    left = Counter(row.part for row in kept_rows)
    manifest = {
        "mixed_of": [{**source, "left": left[number]} for number, source in enumerate(sources)],
        "between_splits": len(unique_rows) - len(kept_rows),
        "bad_rows": len(bad_rows.rows),
        "counts": counts,
        "seed": seed,
        "test": test,
        "licenses": dict(sorted(Counter(row.pair["license"] for row in kept_rows).items())),
        "sources": dict(sorted(Counter(row.pair["source"] for row in kept_rows).items())),
    }
    write_bad_rows(bad_rows.rows, out / BAD_ROWS)
    with atomic_write(out / "mix.json") as part:
        part.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return manifest


def _unique_rows(rows: Sequence[_PartRow]) -> list[_PartRow]:
    """Each pair once, and each prompt, with what is nearly the same, of the first part that has it alone."""
    first_part: dict[str, int] = {}
    for row in rows:
        first_part.setdefault(row.prompt, row.part)
    texts = list(first_part)
    of_an_earlier_part = {
        texts[i]
        for i, (j, _) in find_near_duplicates(texts).items()
        if first_part[texts[i]] != first_part[texts[j]]
    }
    unique: dict[tuple[bytes, ...], _PartRow] = {}
    for row in rows:
        if row.prompt not in of_an_earlier_part and first_part[row.prompt] == row.part:
            key = tuple(turns_key(row.pair[side]) for side in ("prompt", "chosen", "rejected"))
            unique.setdefault(key, row)
    return _with_own_ids(list(unique.values()))


def _with_own_ids(rows: Sequence[_PartRow]) -> list[_PartRow]:
    """The rows, of which none has a prompt_id that stands for another prompt too: such an id is replaced."""
    prompts: dict[str, set[bytes]] = defaultdict(set)
    for row in rows:
        prompts[row.pair["prompt_id"]].add(turns_key(row.pair["prompt"]))
    for row in rows:
        if len(prompts[row.pair["prompt_id"]]) > 1:
            row.pair["prompt_id"] = content_id("prompt", turns_key(row.pair["prompt"]).hex())
    return list(rows)


def _check_output_folder(out: Path) -> None:
    """An earlier mix may be written anew; anything else stays as it is. Raises RecipeError."""
    if not (out / "mix.json").is_file() and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RecipeError(f"{str(out)!r} is there already, and is no mix; give another --out")


def _read_part(
    given: Sequence[tuple[str, Mapping[str, Any]]], name: str, bad_rows: BadRows, allow: Collection[str]
) -> list[tuple[str, dict[str, Any]]]:
    """[(the prompt's text, the row with all columns of a pair)] of the rows that contradict no other; of a
    pair that stands twice one is taken later on, and splits are drawn anew.
    """
    proven = proven_set(lambda _: given, bad_rows, allow=allow, relations=("contradiction",))
    read = bad_rows.each(proven, lambda row, where: _pair_row(row, where, name))
    return [entry for _, entry in read]


def _pair_row(row: Mapping[str, Any], where: str, name: str) -> tuple[str, dict[str, Any]]:
    """(the prompt's text in normal form, the row with all columns of a pair). Raises RecipeError for a cell
    that its column cannot hold.
    """
    prompt, chosen, rejected = validated_pair(row, where)
    sides = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    pair: dict[str, Any] = {side: [turn_row(turn) for turn in turns] for side, turns in sides.items()}
    for column in PAIRS:
        if column.name not in pair:
            pair[column.name] = _cell(row.get(column.name), column, where)
    for column in ("source", "license", "chosen_model", "rejected_model"):
        pair[column] = pair[column] or ("unknown" if column != "source" else name)
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


def _sample_rows(
    rows: Sequence[tuple[str, dict[str, Any]]], part: MixPart, seed: int
) -> list[tuple[str, dict[str, Any]]]:
    """As much as is wanted: whole prompts, drawn by their ids, so that the same ones come when there are more
    of them.
    """
    prompt_ids = sorted(
        {row["prompt_id"] for _, row in rows}, key=lambda prompt_id: uniform("mix", seed, prompt_id)
    )
    if part.share is not None:
        sampled_ids = (
            {prompt_id for prompt_id in prompt_ids if uniform("mix", seed, prompt_id) < part.share}
            if part.share < 1
            else set(prompt_ids)
        )
        return [entry for entry in rows if entry[1]["prompt_id"] in sampled_ids]
    assert part.pairs is not None
    if part.pairs > len(rows):
        raise RecipeError(f"{part.name!r} has {len(rows):,} pairs, and {part.pairs:,} are wanted of it")
    ranks = {prompt_id: i for i, prompt_id in enumerate(prompt_ids)}
    indices = sorted(range(len(rows)), key=lambda i: (ranks[rows[i][1]["prompt_id"]], i))[: part.pairs]
    return [rows[i] for i in sorted(indices)]


def _write_splits(out: Path, rows: Sequence[tuple[str | None, dict[str, Any]]]) -> dict[str, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = out / "data" / "preferences"
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    schema = FULL_PAIRS if any("tools" in row for _, row in rows) else PAIRS
    for split in ("train", "test"):
        split_rows = [row for row_split, row in rows if row_split == split]
        if split_rows:
            with atomic_write(folder / f"{split}-00000-of-00001.parquet") as part:
                pq.write_table(pa.Table.from_pylist(split_rows, schema), part, compression="zstd")
            counts[split] = len(split_rows)
    return counts
