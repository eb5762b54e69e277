"""One dataset of several: so much of each, prompts de-duplicated, a fresh split, sources and licences carried along."""

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
from prefgen.text.near_duplicates import find_near_duplicates, normalize
from prefgen.types import content_id

PART = re.compile(r"(?P<name>.+?)(?::(?P<amount>\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class Part:
    """A dataset, and how much of it: a share of its prompts (at most 1), or a number of pairs."""

    name: str
    share: float | None
    pairs: int | None


def part_of(words: str) -> Part:
    """`owner/name@v1:0.5` or `runs/x:10000`; everything, where no amount is given. Raises RecipeError."""
    found = PART.fullmatch(words)
    if found is None:
        raise RecipeError(f"expected a dataset, found {words!r}")
    amount = found["amount"]
    if amount is None or "." in amount:
        share = 1.0 if amount is None else float(amount)
        if not 0 < share <= 1:
            raise RecipeError(f"{words!r}: a share lies above 0 and is at most 1.0, found {amount}")
        return Part(found["name"], share, None)
    if int(amount) < 1:
        raise RecipeError(f"{words!r}: a number of pairs is at least 1")
    return Part(found["name"], None, int(amount))


def mix(parts: Sequence[Part], out: Path, *, test: float, seed: int) -> dict[str, Any]:
    """Write `out`/data/preferences/SPLIT.parquet and mix.json, and return what it says. Raises RecipeError.

    A prompt, and what is nearly the same, is of the first part that has it; a pair stands once.
    """
    _may_write(out)
    taken: list[tuple[int, str, dict[str, Any]]] = []
    sources: list[dict[str, Any]] = []
    for number, part in enumerate(parts):
        dataset = open_pairs(part.name)
        rows = [_row(row, where, display_name(part.name)) for where, row in dataset.rows]
        kept = _drawn(rows, part, seed)
        taken += [(number, text, row) for text, row in kept]
        sources.append(
            {
                "name": display_name(part.name),
                "revision": dataset.revision,
                "pairs": len(rows),
                "taken": len(kept),
                "share": part.share,
            }
        )
    texts = list(dict.fromkeys(normalize(text) for _, text, _ in taken))
    first_of = {normalize(text): number for number, text, _ in reversed(taken)}
    again = {
        texts[i]
        for i, (j, _) in find_near_duplicates(texts).items()
        if first_of[texts[i]] != first_of[texts[j]]
    }
    once: dict[str, tuple[int, str, dict[str, Any]]] = {}
    for number, text, row in taken:
        if normalize(text) not in again and first_of[normalize(text)] == number:
            once.setdefault(
                content_id("pair", row["prompt"], row["chosen"], row["rejected"]), (number, text, row)
            )
    splits = splits_of([(row["prompt_id"], text) for _, text, row in once.values()], test, seed)
    left = [
        (number, splits[row["prompt_id"]], row)
        for number, _, row in once.values()
        if splits[row["prompt_id"]] is not None
    ]
    if not any(split == "train" for _, split, _ in left):
        raise RecipeError("no pair to train on is left of " + ", ".join(part.name for part in parts))
    shutil.rmtree(
        out / "data", ignore_errors=True
    )  # of an earlier mix, now that this one is known to come about
    counts = _write(out, [(split, row) for _, split, row in left])
    manifest = {
        "mixed_of": [
            {**source, "left": sum(number == i for number, _, _ in left)} for i, source in enumerate(sources)
        ],
        "between_splits": len(once) - len(left),
        "counts": counts,
        "seed": seed,
        "test": test,
        "licences": dict(sorted(Counter(row["licence"] for _, _, row in left).items())),
        "sources": dict(sorted(Counter(row["source"] for _, _, row in left).items())),
    }
    with atomic_write(out / "mix.json") as part:
        part.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return manifest


def _may_write(out: Path) -> None:
    """An earlier mix may be written anew; anything else stays as it is. Raises RecipeError."""
    if not (out / "mix.json").is_file() and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RecipeError(f"{str(out)!r} is there already, and is no mix; give another --out")


def _row(row: Mapping[str, Any], where: str, name: str) -> tuple[str, dict[str, Any]]:
    """(the prompt's text, the row with all columns of a pair)."""
    prompt, chosen, rejected = validated_pair(row, where)
    known = {column: row.get(column) for column in PAIRS.names}
    for column in ("source", "licence", "chosen_model", "rejected_model"):
        known[column] = known[column] or ("unknown" if column != "source" else name)
    known |= {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    known["prompt_id"] = str(known["prompt_id"] or content_id("prompt", prompt))
    known["id"] = str(known["id"] or content_id("pair", prompt, chosen, rejected))
    for column in ("aspects", "lineage"):
        if known[column] is not None and not isinstance(known[column], str):
            known[column] = json.dumps(known[column], ensure_ascii=False, sort_keys=True)
    return "\n".join(turn["content"] for turn in prompt), known


def _drawn(
    rows: Sequence[tuple[str, dict[str, Any]]], part: Part, seed: int
) -> list[tuple[str, dict[str, Any]]]:
    """As much as is wanted: whole prompts, drawn by their ids, so that the same ones come when there are more of them."""
    ids = sorted({row["prompt_id"] for _, row in rows}, key=lambda prompt_id: uniform("mix", seed, prompt_id))
    if part.share is not None:
        wanted = (
            {prompt_id for prompt_id in ids if uniform("mix", seed, prompt_id) < part.share}
            if part.share < 1
            else set(ids)
        )
        return [one for one in rows if one[1]["prompt_id"] in wanted]
    assert part.pairs is not None
    if part.pairs > len(rows):
        raise RecipeError(f"{part.name!r} has {len(rows):,} pairs, and {part.pairs:,} are wanted of it")
    place = {prompt_id: i for i, prompt_id in enumerate(ids)}
    first = sorted(range(len(rows)), key=lambda i: (place[rows[i][1]["prompt_id"]], i))[: part.pairs]
    return [rows[i] for i in sorted(first)]


def _write(out: Path, rows: Sequence[tuple[str | None, dict[str, Any]]]) -> dict[str, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = out / "data" / "preferences"
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    for split in ("train", "test"):
        its = [row for where, row in rows if where == split]
        if its:
            with atomic_write(folder / f"{split}-00000-of-00001.parquet") as part:
                pq.write_table(pa.Table.from_pylist(its, PAIRS), part, compression="zstd")
            counts[split] = len(its)
    return counts
