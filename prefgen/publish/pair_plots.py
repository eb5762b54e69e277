"""Pictures for the card: scores, margins and lengths of the pairs that are published."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prefgen.report.plots import Plot, can_draw


def draw_pairs(rows: Iterable[Mapping[str, Any]], folder: Path) -> list[dict[str, str]]:
    """Write the pictures; returns what each shows, and its path in the repository. Nothing where matplotlib
    is not installed.
    """
    if not can_draw():
        return []
    scores: dict[str, list[float]] = {"chosen": [], "rejected": []}
    lengths: dict[str, list[float]] = {"chosen": [], "rejected": []}
    margins: list[float] = []
    for row in rows:
        for side in ("chosen", "rejected"):
            lengths[side].append(sum(len(turn["content"]) for turn in row[side]))
            if row[f"score_{side}"] is not None:
                scores[side].append(row[f"score_{side}"])
        if row["margin"] is not None:
            margins.append(row["margin"])
    picture = Plot(1 + 2 * bool(margins))
    picture.histogram("length of the answers", "characters", lengths)
    if margins:
        picture.histogram("score", "the judges' scale", scores)
        picture.histogram("margin: chosen less rejected", "the judges' scale", {"margin": margins})
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    picture.save(folder / "plots" / "pairs.png")
    return [
        {
            "what": "Length, score and margin of the pairs" if margins else "Length of the answers",
            "path": "plots/pairs.png",
        }
    ]
