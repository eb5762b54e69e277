"""Preference pairs from wherever they are: a run, a file or a folder of files, or a dataset on the Hub at a
revision; with the split of each.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import is_missing
from prefgen.dataset.file_splits import select_split
from prefgen.dataset.hub import hub_errors, hub_rows
from prefgen.dataset.manifest import Manifest
from prefgen.dataset.mix_manifest import MIX, manifest_of
from prefgen.dataset.pair_formats import mapped_rows, to_pair_row
from prefgen.dataset.pair_rules import ORIGIN_COLUMNS
from prefgen.dataset.partial import Partial, read_note
from prefgen.dataset.provenance import KeptColumns, with_kept_columns
from prefgen.dataset.read_files import SUFFIXES, read_rows
from prefgen.dataset.read_run import FinishedRun, holds_run, is_release, open_run
from prefgen.dataset.terms import Terms, terms_of_mix, terms_of_recipe, terms_of_release, terms_on_hub
from prefgen.dataset.unfinished_run import UnfinishedRun
from prefgen.errors import RecipeError


@dataclass(frozen=True)
class PairDataset:
    """A dataset of pairs. `rows` come with the words that say where each stands; a row has `split` where the
    dataset has splits.
    """

    name: str
    rows: Iterator[tuple[str, Mapping[str, Any]]]
    revision: str | None = None
    """The commit, of a dataset on the Hub."""
    manifest: Manifest | None = None
    recipe: str | None = None
    """The text of the recipe that made it, where that is known."""
    release: Mapping[str, Any] | None = None
    """What `prefgen publish` noted of the release: version and content hash."""
    terms: Terms = field(default_factory=Terms)
    """On which terms it is there."""
    partial: Partial | None = None
    """How much of it is there, of one that is not whole yet."""
    unfinished: UnfinishedRun | None = None
    """The run, where it is one that is not complete."""


def open_pairs(
    location: str,
    *,
    split: str | None = None,
    columns: Mapping[str, str] | None = None,
    bad_rows: BadRows | None = None,
    partial: bool = False,
    kept_columns: KeptColumns | None = None,
) -> PairDataset:
    """The pairs of `location`: a run's folder, a file, a folder of files, or `owner/name[@revision]`. Raises
    RecipeError, for a row that cannot be read at all unless `bad_rows` takes it, and for a dataset that is
    not whole unless `partial` is taken, too.

    `columns` are names of another kind, {"chosen": "winner"}; the forms of other trainers are known without.
    `kept_columns` are put into the rows' lineage.
    """
    bad_rows = bad_rows or BadRows()
    dataset = open_as_it_stands(location, split, bad_rows)
    if dataset.partial is not None and not partial:
        raise dataset.partial.refusal(location)
    return replace(dataset, rows=pair_rows(dataset.rows, columns or {}, bad_rows, kept_columns))


def foreign_columns(location: str, columns: Mapping[str, str]) -> Mapping[str, str]:
    """The names that were given for several datasets, where one is of another kind; what prefgen wrote has
    names that are known.
    """
    path = Path(location)
    return {} if is_release(path) or holds_run(path) else columns


def pair_rows(
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    columns: Mapping[str, str],
    bad_rows: BadRows,
    kept_columns: KeptColumns | None = None,
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a table as rows of pairs, under the names that `columns` gives them; what is none goes to
    `bad_rows`. `kept_columns` are put into their lineage.
    """

    def read(row: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        pair = with_unknown_origins(to_pair_row(row, columns, where))
        return with_kept_columns(pair, row, kept_columns, where) if kept_columns else pair

    return mapped_rows(rows, columns, bad_rows, read)


class Reopening:
    """Opens the pairs of `location` as often as it is called; a dataset on the Hub at the same commit, and a
    run that is at work as far as it was at first.
    """

    def __init__(
        self,
        location: str,
        *,
        split: str | None = None,
        columns: Mapping[str, str] | None = None,
        partial: bool = False,
    ) -> None:
        self._location, self._split, self._columns, self._partial = location, split, columns or {}, partial
        self.first: PairDataset | None = None
        """What was opened at first."""

    def __call__(self, bad_rows: BadRows) -> Iterator[tuple[str, Mapping[str, Any]]]:
        return self.open(bad_rows).rows

    def open(self, bad_rows: BadRows) -> PairDataset:
        first, name = self.first, self._location
        if first is not None and first.unfinished is not None:
            rows = pair_rows(rows_of_run(first.unfinished, name), self._columns, bad_rows)
            return replace(first, rows=rows)
        if first is not None and first.revision is not None:
            name = f"{name.partition('@')[0]}@{first.revision}"
        dataset = open_pairs(
            name, split=self._split, columns=self._columns, bad_rows=bad_rows, partial=self._partial
        )
        self.first = first or dataset
        return dataset


def with_unknown_origins(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row, whose source, license and models are unknown where their cells are empty; with None for NaN,
    which is what pandas makes of an empty cell.
    """
    nan = {name: None for name, value in row.items() if isinstance(value, float) and value != value}
    empty = {name: "unknown" for name in ORIGIN_COLUMNS if name in row and is_missing(row[name])}
    return {**row, **nan, **empty} if nan or empty else row


def open_as_it_stands(location: str, split: str | None, bad_rows: BadRows) -> PairDataset:
    """What `open_pairs` opens, with the rows of the table as they stand, whether they are pairs or not."""
    path = Path(location)
    if is_release(path):
        return _open_release(path, location, split)
    if holds_run(path):
        if split is not None:
            raise RecipeError(f"{location!r} is a run and has no splits: publishing draws them")
        run = open_run(path)
        unfinished = run if isinstance(run, UnfinishedRun) else None
        return PairDataset(
            location, rows_of_run(run, location), None, run.manifest, run.recipe,
            terms=terms_of_recipe(run.recipe), partial=run.partial, unfinished=unfinished,
        )  # fmt: skip
    if path.exists():
        rows = select_split(read_rows(path, location, bad_rows), split, location, strict=True)
        return PairDataset(location, rows, partial=read_note(path))
    name, _, revision = location.partition("@")
    if name.count("/") != 1 or name.startswith(".") or Path(name).suffix in SUFFIXES:
        raise RecipeError(
            f"{location!r} is no file, no run's folder and no name of a Hub dataset (owner/name, "
            "owner/name@revision)"
        )
    return _open_hub_dataset(name, revision or None, split)


def rows_of_run(run: FinishedRun | UnfinishedRun, location: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The pairs of a run, with where each stands."""
    return ((f"{location} row {number}", row) for number, row in enumerate(run.pairs(), 1))


def _open_release(path: Path, location: str, split: str | None) -> PairDataset:
    """A release or a mix in a folder."""
    mixed, note = _read_json(path / MIX), _read_json(path / "release.json")
    return PairDataset(
        location,
        _read_release(path / "data" / "preferences", split, location),
        None,
        manifest_of(mixed or _read_json(path / "manifest.json")),
        _read_text(path / "recipe.yaml"),
        note,
        terms_of_mix(mixed) if mixed else terms_of_release(note),
    )


def _read_text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _read_json(path: Path) -> Mapping[str, Any] | None:
    """A JSON object; None where there is none. Raises RecipeError for what is no JSON."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except ValueError as error:
        raise RecipeError(f"{path.name} cannot be read ({error})", str(path.parent)) from None
    return fields if isinstance(fields, dict) else None


def _read_release(folder: Path, split: str | None, location: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Shards are named by their split; the rows of files of lines say it themselves."""
    shards = [path for path in folder.iterdir() if path.suffix in (".parquet", ".jsonl")]
    rows = (
        (where, {**row, "split": path.name.partition("-")[0]} if path.suffix == ".parquet" else row)
        for path in sorted(shards, key=lambda path: (not path.name.startswith("train"), path.name))
        for where, row in read_rows(path, path.name)
    )
    return select_split(rows, split, location, strict=True)


def _open_hub_dataset(name: str, revision: str | None, split: str | None) -> PairDataset:
    import datasets  # 0.5 s
    import huggingface_hub

    place = f"as a Hub dataset at {revision!r}" if revision else "as a Hub dataset"
    with hub_errors(f"{name!r} is no file or folder here, and {place} it"):
        info = huggingface_hub.HfApi().dataset_info(name, revision=revision)
        commit = info.sha
        configs = datasets.get_dataset_config_names(name, revision=commit)
        config = "preferences" if "preferences" in configs else configs[0]
        splits = datasets.get_dataset_split_names(name, config, revision=commit)
    if split is not None and split not in splits:
        raise RecipeError(f"{name!r} has no split {split!r}; it has {', '.join(splits)}")

    def read_splits() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for split_name in [split] if split else splits:
            for number, row in enumerate(hub_rows(name, config, split_name, commit), 1):
                yield f"{name} {split_name} row {number}", {**row, "split": split_name}

    return PairDataset(
        name,
        read_splits(),
        commit,
        manifest_of(hub_json(name, commit, "manifest.json")),
        hub_text(name, commit, "recipe.yaml"),
        hub_json(name, commit, "release.json"),
        terms_on_hub(info),
    )


def hub_text(name: str, revision: str | None, path: str) -> str | None:
    """A file of a dataset on the Hub; None where there is none."""
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    try:
        with hub_errors(f"{path} of {name!r}", passthrough=(EntryNotFoundError,)):
            file = huggingface_hub.hf_hub_download(name, path, repo_type="dataset", revision=revision)
    except EntryNotFoundError:
        return None
    return Path(file).read_text(encoding="utf-8")


def hub_json(name: str, revision: str | None, path: str) -> Mapping[str, Any] | None:
    text = hub_text(name, revision, path)
    return json.loads(text) if text else None
