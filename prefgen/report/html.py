"""report.html: what a run made and lost, what it cost, and some of its pairs, in one file that needs nothing
else.

Made of the manifest and of columns of pairs/. Everything that a model wrote is escaped, and the page loads
and runs nothing.
"""

import heapq
import itertools
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.dataset.manifest import RunYield
from prefgen.dataset.provenance import earlier_lineage
from prefgen.dataset.read_parquet import read_table
from prefgen.dataset.read_run import open_run
from prefgen.dataset.unfinished_run import UnfinishedRun
from prefgen.kit.harm import harm_marks
from prefgen.storage.atomic_write import atomic_write

BARS = 16
PAIRS_SHOWN = 12
MAX_TEXT_LENGTH = 2000
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram or a list: what it stands for, its count, and its length from 0 to 1."""

    label: str
    count: int
    share: float


@dataclass(frozen=True)
class Writer:
    """A model whose answers were sampled: how many there are, and how often one was chosen or rejected."""

    name: str
    responses: int
    chosen: int
    rejected: int


def write_report(run: Path, path: Path | None = None) -> Path:
    """Write report.html of a run, or `path`, and return where it is. Of a run that is not complete it shows
    what is finished, and says so. Raises RecipeError when the run cannot be read.
    """
    from jinja2 import Environment, StrictUndefined

    opened = open_run(run)
    manifest = opened.manifest
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["whole"] = lambda number: f"{number:,}"
    template = environment.from_string((Path(__file__).parent / "report.html.j2").read_text(encoding="utf-8"))
    table = manifest.yields
    is_whole = not isinstance(opened, UnfinishedRun)
    of_pairs = _summarize_pairs(run, table) if is_whole else _summarize_unfinished(opened)
    html = template.render(
        manifest=manifest,
        partial=opened.partial.sentence() if opened.partial else None,
        table=table,
        outcomes=outcome_bars(table),
        longest=MAX_TEXT_LENGTH,
        **of_pairs,
    )
    path = path or run / "report.html"
    with atomic_write(path) as part:
        part.write_text(html, encoding="utf-8")
    return path


def outcome_bars(table: RunYield) -> list[Bar]:
    """What became of the prompts, the most frequent first."""
    counts = sorted(table.prompts_by_outcome.items(), key=lambda item: (-item[1], item[0]))
    return [Bar(name, n, n / max(1, table.prompts)) for name, n in counts]


def _summarize_pairs(run: Path, table: RunYield) -> dict[str, Any]:
    """What is counted and shown of pairs/. Memory: a number a pair, and one shard's four columns."""
    chosen_counts: Counter[str] = Counter()
    rejected_counts: Counter[str] = Counter()
    margins = array("d")
    places: list[tuple[str, Path, int]] = []  # ids are hashes: the first of them are a sample of all
    for path in sorted((run / "pairs").glob("*.parquet")):
        rows = read_table(path, ("id", "chosen_model", "rejected_model", "margin"))
        chosen_counts.update(rows["chosen_model"].to_pylist())
        rejected_counts.update(rows["rejected_model"].to_pylist())
        margins.extend(value for value in rows["margin"].to_pylist() if value is not None)
        shard_places = ((row_id, path, i) for i, row_id in enumerate(rows["id"].to_pylist()))
        places = heapq.nsmallest(PAIRS_SHOWN, itertools.chain(places, shard_places))
    return {
        "margins": histogram(margins),
        "writers": _writers(table, chosen_counts, rejected_counts),
        "pairs": [_redact_pair(row) for row in _read_rows(places)],
    }


def _summarize_unfinished(run: UnfinishedRun) -> dict[str, Any]:
    """The same of the pairs that are finished so far. Memory: a number a pair, and the rows that are
    shown.
    """
    chosen_counts: Counter[str] = Counter()
    rejected_counts: Counter[str] = Counter()
    margins = array("d")
    shown: list[Mapping[str, Any]] = []
    for row in run.pairs():
        chosen_counts[row["chosen_model"]] += 1
        rejected_counts[row["rejected_model"]] += 1
        if row["margin"] is not None:
            margins.append(row["margin"])
        shown = heapq.nsmallest(PAIRS_SHOWN, [*shown, row], key=lambda pair: pair["id"])
    return {
        "margins": histogram(margins),
        "writers": _writers(run.manifest.yields, chosen_counts, rejected_counts),
        "pairs": [_redact_pair(row) for row in shown],
    }


def _writers(table: RunYield, chosen: Counter[str], rejected: Counter[str]) -> list[Writer]:
    if not chosen:
        return []
    responses = table.groups.get("model", {})
    return [
        Writer(name, responses.get(name, {}).get("all", 0), chosen[name], rejected[name])
        for name in sorted({*responses, *chosen, *rejected})
    ]


def _read_rows(places: Sequence[tuple[str, Path, int]]) -> list[dict[str, Any]]:
    """The rows that stand at (id, file, number) each, in that order; each file is read once."""
    rows: dict[str, dict[str, Any]] = {}
    for path in {path for _, path, _ in places}:
        table = read_table(path)
        for row_id, row_path, position in places:
            if row_path == path:  # a slice each: to take them all imports pandas, a tenth of a second
                [rows[row_id]] = table.slice(position, 1).to_pylist()
    return [rows[row_id] for row_id, _, _ in places]


def _redact_pair(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pair as the page shows it: without a text that is known to be harmful."""
    if not harm_marks(earlier_lineage(row)):
        return row
    return {**row, "rejected": [{"role": "assistant", "content": "(a harmful text: not shown here)"}]}


def histogram(values: Sequence[float], bins: int = BARS) -> list[Bar]:
    """`values` in `bins` equal ranges from the least to the greatest; one bar where all are equal."""
    if not values:
        return []
    low, high = min(values), max(values)
    if low == high:
        return [Bar(f"{low:g}", len(values), 1.0)]
    width = (high - low) / bins
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / width))] += 1
    max_count = max(counts)
    return [
        Bar(f"{low + i * width:.3g} to {low + (i + 1) * width:.3g}", n, n / max_count)
        for i, n in enumerate(counts)
    ]
