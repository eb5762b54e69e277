"""The pairs of a dataset as a trainer gets them: read, proven, split, measured; and the controls, which are the same pairs with other labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from prefgen.dataset.check import RULES, check_rows
from prefgen.dataset.preferences import Opened, opened
from prefgen.errors import GateFailed, RecipeError
from prefgen.publish.export import conversation
from prefgen.publish.splits import TEST, TRAIN, splits_of
from prefgen.types import content_id

Control = Literal["shuffled", "length"]
Row = dict[str, Any]
HELD_OUT = 0.1
"""Share of the prompts that are held out of a dataset without a test split."""


@dataclass(frozen=True)
class Data:
    """Rows with prompt, chosen, rejected (lists of messages), probability, weight and margin, by split; and what they come from."""

    train: Sequence[Row]
    test: Sequence[Row]
    sources: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def read(names: Sequence[str], *, canned: float, seed: int) -> Data:
    """The pairs of one dataset or several. A dataset without a test split has one drawn by prompts. Raises RecipeError, GateFailed."""
    rows: dict[str, list[Row]] = {TRAIN: [], TEST: []}
    sources: list[dict[str, Any]] = []
    for name in names:
        dataset = opened(name)
        found = list(dataset.rows)
        if not found:
            raise RecipeError(f"{name!r} is empty: it holds no pair")
        _proven(name, found, canned)
        made = [(_row(row, where), row.get("split")) for where, row in found]
        if all(split is None for _, split in made):
            made = _drawn(made, seed)
        for row, split in made:
            if split is not None:
                rows[TEST if split in (TEST, "validation", "test_prefs") else TRAIN].append(row)
        sources.append(_source(dataset, len(found)))
    if not rows[TRAIN]:
        raise RecipeError("there is no pair to train on: all of them are in a test split")
    return Data(rows[TRAIN], rows[TEST], sources)


def _proven(name: str, found: Sequence[tuple[str, Mapping[str, Any]]], canned: float) -> None:
    report = check_rows(iter(found), canned=canned)
    if report.findings:
        broken = "; ".join(f"{RULES[rule]}: {f.count:,} rows, such as {f.examples[0]}" for rule, f in report.findings.items())
        raise GateFailed(f"{name!r} breaks what a preference dataset must hold, and is not trained on: {broken}")


def _row(row: Mapping[str, Any], where: str) -> Row:
    prompt, chosen, rejected = conversation(row, where)
    probability, weight = row.get("chosen_probability"), row.get("weight")
    return {
        "prompt": prompt,
        "chosen": chosen,
        "rejected": rejected,
        "probability": 0.5 if row.get("tie") and probability is None else 1.0 if probability is None else float(probability),
        "weight": 1.0 if weight is None else float(weight),
        "margin": row.get("margin"),
        "score_chosen": row.get("score_chosen"),
    }


def _drawn(made: Sequence[tuple[Row, Any]], seed: int) -> list[tuple[Row, Any]]:
    prompts = [(content_id("prompt", row["prompt"]), "\n".join(turn["content"] for turn in row["prompt"])) for row, _ in made]
    splits = splits_of(prompts, HELD_OUT, seed)
    return [(row, splits[prompt_id]) for (row, _), (prompt_id, _) in zip(made, prompts, strict=True)]


def _source(dataset: Opened, pairs: int) -> dict[str, Any]:
    manifest = dataset.manifest or {}
    return {
        "name": dataset.name,
        "revision": dataset.revision,
        "pairs": pairs,
        "recipe": manifest.get("name"),
        "row_digest": manifest.get("row_digest"),
        "content_hash": dataset.release.get("content_hash") if dataset.release else None,
        "version": dataset.release.get("version") if dataset.release else None,
        "simulated": bool(manifest.get("simulated")),
    }


def controlled(rows: Sequence[Row], control: Control | None, seed: int) -> list[Row]:
    """The same pairs with labels that cannot be right: drawn at random, or the longer side chosen."""
    if control is None:
        return list(rows)
    rng, out = Random(f"control/{seed}"), []
    for row in rows:
        turned = rng.random() < 0.5 if control == "shuffled" else _words(row["chosen"]) < _words(row["rejected"])
        sides = {"chosen": row["rejected"], "rejected": row["chosen"]} if turned else {}
        out.append({**row, **sides, "probability": 1.0, "score_chosen": None})
    return out


def _words(turns: Sequence[Mapping[str, str]]) -> int:
    return sum(len(turn["content"]) for turn in turns)


@dataclass(frozen=True)
class Lengths:
    """Tokens of prompt and answer: the longest, what 99 % of the sides need, and the `max_length` that is proposed."""

    longest: int
    most: int
    proposed: int


def fitted(
    rows: Sequence[Row], tokens: Callable[[Row, str], list[int]], max_length: int | None, limit: int
) -> tuple[list[Row], Lengths, int]:
    """(the rows whose sides still differ within `max_length` tokens, how long they are, how many were refused).

    `tokens(row, side)` gives the tokens of prompt and side. Without a `max_length` it is what the longest pair needs, at most `limit`.
    """
    both = [(tokens(row, "chosen"), tokens(row, "rejected")) for row in rows]
    sizes = sorted(len(side) for pair in both for side in pair)
    proposed = min(sizes[-1], limit)
    lengths = Lengths(sizes[-1], sizes[int(0.99 * (len(sizes) - 1))], proposed)
    cut = max_length or proposed
    kept = [row for row, (first, second) in zip(rows, both, strict=True) if first[:cut] != second[:cut]]
    return kept, lengths, len(rows) - len(kept)
