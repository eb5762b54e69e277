"""What a run comes to, for Python: where it is, what it made, and how it is shown in a notebook."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from prefgen.dataset.manifest import Manifest
from prefgen.dataset.read_run import is_run, read_manifest, read_pairs
from prefgen.engine.previous import kept_datasets
from prefgen.engine.run import RunOutcome
from prefgen.engine.yield_table import KEPT
from prefgen.errors import PrefgenError, RecipeError


@dataclass(frozen=True, repr=False)
class Result:
    """A finished or stopped run: where it is, its manifest, and what it made. It is a path wherever one is
    wanted.
    """

    outcome: RunOutcome

    @property
    def complete(self) -> bool:
        return self.outcome.complete

    @property
    def path(self) -> Path:
        return self.outcome.out

    @property
    def manifest(self) -> dict[str, Any]:
        return self.outcome.manifest.as_json()

    @property
    def pairs(self) -> list[dict[str, Any]]:
        """The rows of pairs/, as TRL reads them. They are this run's, whatever ran in its folder since.

        Raises RecipeError where the run is not complete, and PrefgenError where its rows are there no more.
        """
        folder = self._folder()
        rows = [dict(row) for row in read_pairs(folder)]
        if self._folder() != folder or len(rows) != self.outcome.manifest.yields.pairs:
            raise self._is_gone()  # another run's took their place meanwhile
        return rows

    def to_datasets(self) -> Any:
        """The pairs as a `datasets.Dataset`. Raises as `pairs` does."""
        from datasets import load_dataset

        return load_dataset("parquet", data_files=str(self._folder() / "pairs" / "*.parquet"), split="train")

    def _folder(self) -> Path:
        """Where this run's rows are: in its folder, or in what a later run there kept of it."""
        if not self.complete:
            raise RecipeError(f"the run in {str(self.path)!r} is not complete; run it again first")
        for folder in (self.path, *(kept.path for kept in kept_datasets(self.path))):
            if self._is_this_run(folder):
                return folder
        raise self._is_gone()

    def _is_this_run(self, folder: Path) -> bool:
        if not (folder / "manifest.json").is_file():
            return False
        manifest = read_manifest(folder)
        return manifest.complete and manifest.row_digest == self.outcome.manifest.row_digest

    def _is_gone(self) -> PrefgenError:
        digest = self.outcome.manifest.row_digest
        return PrefgenError(
            f"the rows of this run (row digest {digest}) are in {str(self.path)!r} no more: a later run there"
            " replaced them. The same recipe makes them again from the journal; give each run a folder of "
            "its own with out="
        )

    def __fspath__(self) -> str:
        """Where this run is, for whatever takes a path. Raises as `pairs` does where a later run replaced
        it, and RecipeError where an earlier one's dataset stands in its place.
        """
        if self.complete:
            return str(self._folder())
        if is_run(self.path) and read_manifest(self.path).complete:
            raise RecipeError(
                f"the run in {str(self.path)!r} is not complete, and the dataset that stands there is of an "
                "earlier one: name the folder, if that is meant"
            )
        return str(self.path)

    def __repr__(self) -> str:
        return f"Result({', '.join(f'{name}: {value}' for name, value in summary_of(self))})"

    def _repr_html_(self) -> str:
        return html_table(summary_of(self))


def summary_of(result: Result) -> Iterator[tuple[str, str]]:
    """A run in a few names and values."""
    manifest = result.outcome.manifest
    counts, cost = manifest.yields, manifest.cost
    lost = sum(n for outcome, n in counts.prompts_by_outcome.items() if outcome not in KEPT)
    yield "run", manifest.name
    yield "pairs", f"{counts.pairs:,} of {counts.prompts:,} prompts"
    yield "lost", f"{lost:,}"
    yield "cost", f"${cost.paid_usd:.4f} paid, ${cost.full_usd:.4f} if made anew"
    yield "folder", str(result.path)
    yield "state", _state(result.outcome, manifest)


def _state(outcome: RunOutcome, manifest: Manifest) -> str:
    state = "complete" if outcome.complete else outcome.incomplete_reason()
    return f"{state}, SIMULATED" if manifest.simulated else state


def html_table(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values as a small table. Whatever stands in them is text: none of it is markup."""
    left = "style='text-align:left'"
    lines = (
        f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(value)}</td></tr>" for name, value in rows
    )
    return f"<table><tbody>{''.join(lines)}</tbody></table>"
