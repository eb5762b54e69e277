"""One dataset of several: so much of each, prompts de-duplicated, a fresh split, sources and licenses carried
along.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.pair import validated_pair
from prefgen.dataset.parquet import PAIRS
from prefgen.dataset.splits import splits_of
from prefgen.errors import RecipeError
from prefgen.stats.seeded_draws import uniform
from prefgen.storage.atomic_write import atomic_write, display_name
from prefgen.text.near_duplicates import find_near_duplicates
from prefgen.text.normalize import normalize
from prefgen.types import content_id

PART_PATTERN = re.compile(r"(?P<name>.+?)(?::(?P<amount>\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class Part:
    """A dataset, and how much of it: a share of its prompts (at most 1), or a number of pairs."""

    name: str
    share: float | None
    pairs: int | None


def parse_part(text: str) -> Part:
    """`owner/name@v1:0.5` or `runs/x:10000`; everything, where no amount is given. Raises RecipeError."""
    match = PART_PATTERN.fullmatch(text)
    if match is None:
        raise RecipeError(f"expected a dataset, found {text!r}")
    amount = match["amount"]
    if amount is None or "." in amount:
        share = 1.0 if amount is None else float(amount)
        if not 0 < share <= 1:
            raise RecipeError(f"{text!r}: a share lies above 0 and is at most 1.0, found {amount}")
        return Part(match["name"], share, None)
    if int(amount) < 1:
        raise RecipeError(f"{text!r}: a number of pairs is at least 1")
    return Part(match["name"], None, int(amount))


def mix(parts: Sequence[Part], out: Path, *, test: float, seed: int) -> dict[str, Any]:
    """Write `out`/data/preferences/SPLIT.parquet and mix.json, and return what it says. Raises RecipeError.

    A prompt, and what is nearly the same, is of the first part that has it; a pair stands once.
    """
    _check_output_folder(out)
    sampled_rows: list[tuple[int, str, dict[str, Any]]] = []
    sources: list[dict[str, Any]] = []
    for part_index, part in enumerate(parts):
        dataset = open_pairs(part.name)
        rows = [_pair_row(row, where, display_name(part.name)) for where, row in dataset.rows]
        part_rows = _sample_rows(rows, part, seed)
        sampled_rows += [(part_index, text, row) for text, row in part_rows]
        sources.append(
            {
                "name": display_name(part.name),
                "revision": dataset.revision,
                "pairs": len(rows),
                "taken": len(part_rows),
                "share": part.share,
            }
        )
    texts = list(dict.fromkeys(normalize(text) for _, text, _ in sampled_rows))
    first_part = {normalize(text): number for number, text, _ in reversed(sampled_rows)}
    duplicate_texts = {
        texts[i]
        for i, (j, _) in find_near_duplicates(texts).items()
        if first_part[texts[i]] != first_part[texts[j]]
    }
    unique_rows: dict[str, tuple[int, str, dict[str, Any]]] = {}
    for part_index, text, row in sampled_rows:
        if normalize(text) not in duplicate_texts and first_part[normalize(text)] == part_index:
            unique_rows.setdefault(
                content_id("pair", row["prompt"], row["chosen"], row["rejected"]), (part_index, text, row)
            )
    splits = splits_of([(row["prompt_id"], text) for _, text, row in unique_rows.values()], test, seed)
    split_rows = [
        (number, splits[row["prompt_id"]], row)
        for number, _, row in unique_rows.values()
        if splits[row["prompt_id"]] is not None
    ]
    if not any(split == "train" for _, split, _ in split_rows):
        raise RecipeError("no pair to train on is left of " + ", ".join(part.name for part in parts))
    # of an earlier mix, now that this one is known to come about
    shutil.rmtree(out / "data", ignore_errors=True)
    counts = _write_splits(out, [(split, row) for _, split, row in split_rows])
    manifest = {
        "mixed_of": [
            {**source, "left": sum(number == i for number, _, _ in split_rows)}
            for i, source in enumerate(sources)
        ],
        "between_splits": len(unique_rows) - len(split_rows),
        "counts": counts,
        "seed": seed,
        "test": test,
        "licenses": dict(sorted(Counter(row["license"] for _, _, row in split_rows).items())),
        "sources": dict(sorted(Counter(row["source"] for _, _, row in split_rows).items())),
    }
    with atomic_write(out / "mix.json") as part:
        part.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return manifest


def _check_output_folder(out: Path) -> None:
    """An earlier mix may be written anew; anything else stays as it is. Raises RecipeError."""
    if not (out / "mix.json").is_file() and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RecipeError(f"{str(out)!r} is there already, and is no mix; give another --out")


def _pair_row(row: Mapping[str, Any], where: str, name: str) -> tuple[str, dict[str, Any]]:
    """(the prompt's text, the row with all columns of a pair)."""
    prompt, chosen, rejected = validated_pair(row, where)
    pair = {column: row.get(column) for column in PAIRS.names}
    for column in ("source", "license", "chosen_model", "rejected_model"):
        pair[column] = pair[column] or ("unknown" if column != "source" else name)
    pair |= {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    pair["prompt_id"] = str(pair["prompt_id"] or content_id("prompt", prompt))
    pair["id"] = str(pair["id"] or content_id("pair", prompt, chosen, rejected))
    for column in ("aspects", "lineage"):
        if pair[column] is not None and not isinstance(pair[column], str):
            pair[column] = json.dumps(pair[column], ensure_ascii=False, sort_keys=True)
    return "\n".join(turn["content"] for turn in prompt), pair


def _sample_rows(
    rows: Sequence[tuple[str, dict[str, Any]]], part: Part, seed: int
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
    for split in ("train", "test"):
        split_rows = [row for row_split, row in rows if row_split == split]
        if split_rows:
            with atomic_write(folder / f"{split}-00000-of-00001.parquet") as part:
                pq.write_table(pa.Table.from_pylist(split_rows, PAIRS), part, compression="zstd")
            counts[split] = len(split_rows)
    return counts
