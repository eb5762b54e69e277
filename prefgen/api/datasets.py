"""`prefgen.diff(...)` and `prefgen.publish(...)`: datasets compared, and released on the Hub."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from prefgen.dataset.open_pairs import PairDataset, foreign_columns, open_pairs
from prefgen.dataset.pair_formats import ColumnNames, parse_columns
from prefgen.publish.diff import Diff, compare_sides, read_side
from prefgen.publish.draft import Release
from prefgen.publish.release import publish as publish_run
from prefgen.publish.settings import read_publish_settings


def diff(before: str | os.PathLike[str], after: str | os.PathLike[str], *, columns: ColumnNames = ()) -> Diff:
    """What changed between two datasets: runs or their Results, files, or names on the Hub. `columns` are
    names of another kind, {"chosen": "winner"}, in what is none of prefgen's. Raises RecipeError; rows that
    are broken are a warning.
    """
    opened = open_to_compare((os.fspath(before), os.fspath(after)), columns)
    for dataset in opened:
        if dataset.partial is not None:
            warnings.warn(f"{dataset.name}: {dataset.partial.sentence()}", stacklevel=2)
    first, second = map(read_side, opened)
    for side in (first, second):
        if said := side.broken_rows():
            warnings.warn(f"{said}; prefgen.check says more", stacklevel=2)
    return compare_sides(first, second)


def open_to_compare(names: Sequence[str], columns: ColumnNames) -> list[PairDataset]:
    """The datasets under these names, also those that are not whole yet; `columns` are for
    what is none of prefgen's.
    """
    given = parse_columns(columns)
    return [
        replace(open_pairs(name, columns=foreign_columns(name, given), partial=True), name=name)
        for name in names
    ]


def publish(
    run: str | os.PathLike[str],
    *,
    repo: str | None = None,
    version: str | None = None,
    bump: Literal["auto", "major", "minor", "patch"] | None = None,
    private: bool | None = None,
    test: float | None = None,
    harmful: Literal["redact", "drop", "keep"] | None = None,
    dry_run: bool = False,
    pr: bool = False,
    say: Callable[[str], object] = print,
) -> Release:
    """Publish a run (or its Result) or a mix on the Hub as a version. Raises RecipeError, GateFailed and
    PublishError; then nothing was published.
    """
    options = {
        "repo": repo, "version": version, "bump": bump, "private": private, "test": test, "harmful": harmful,
    }  # fmt: skip
    folder = Path(run)
    given = {name: value for name, value in options.items() if value is not None}
    return publish_run(folder, read_publish_settings(folder, given), dry_run=dry_run, pr=pr, say=say)
