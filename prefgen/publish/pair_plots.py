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
    has_scores = any(scores.values())
    picture = Plot(1 + has_scores + bool(margins))
    picture.histogram("length of the answers", "characters", lengths)
    if has_scores:
        picture.histogram("score", "the judges' scale", scores)
    if margins:
        picture.histogram("margin: chosen less rejected", "the judges' scale", {"margin": margins})
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    picture.save(folder / "plots" / "pairs.png")
    shown = ["length", *(["score"] if has_scores else []), *(["margin"] if margins else [])]
    listed = " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
    what = f"{listed.capitalize()} of the pairs" if shown[1:] else "Length of the answers"
    return [{"what": what, "path": "plots/pairs.png"}]
