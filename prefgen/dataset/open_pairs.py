"""Preference pairs from wherever they are: a run, a file or a folder of files, or a dataset on the Hub at a revision; with the split of each."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefgen.dataset.hub import hub_errors, hub_rows
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.dataset.read_files import SUFFIXES, rows_of
from prefgen.dataset.read_run import complete_manifest, is_run, rows_in
from prefgen.errors import RecipeError


@dataclass(frozen=True)
class PairDataset:
    """A dataset of pairs. `rows` come with the words that say where each stands; a row has `split` where the dataset has splits."""

    name: str
    rows: Iterator[tuple[str, Mapping[str, Any]]]
    revision: str | None = None
    """The commit, of a dataset on the Hub."""
    manifest: Mapping[str, Any] | None = None
    recipe: str | None = None
    """The text of the recipe that made it, where that is known."""
    release: Mapping[str, Any] | None = None
    """What `prefgen publish` noted of the release: version and content hash."""


def open_pairs(
    what: str, *, split: str | None = None, columns: Mapping[str, str] | None = None
) -> PairDataset:
    """The pairs of `what`: a run's folder, a file, a folder of files, or `owner/name[@revision]`. Raises RecipeError.

    `columns` are names of another kind, {"chosen": "winner"}; the forms of other trainers are known without.
    """
    found = _opened(what, split)
    rows = ((where, to_pair_row(row, columns or {}, where)) for where, row in found.rows)
    return replace(found, rows=rows)


def _opened(what: str, split: str | None) -> PairDataset:
    path, recipe = Path(what), Path(what) / "recipe.yaml"
    if (path / "data" / "preferences").is_dir():  # a release, or a mix
        rows = _released(path / "data" / "preferences", split, what)
        return PairDataset(
            what, rows, None, _noted(path / "manifest.json"), _text(recipe), _noted(path / "release.json")
        )
    if is_run(path):
        if split is not None:
            raise RecipeError(f"{what!r} is a run and has no splits: publishing draws them")
        manifest = complete_manifest(path)
        rows = ((f"{what} row {i}", row) for i, row in enumerate(rows_in(path / "pairs"), 1))
        return PairDataset(what, rows, None, manifest, _text(recipe))
    if (path / ".run_id").exists():
        raise RecipeError(f"{what!r} is a run that wrote no manifest; run it again first")
    if path.exists():
        return PairDataset(what, _of_split(rows_of(path, what), split, what))
    name, _, revision = what.partition("@")
    if name.count("/") != 1 or name.startswith(".") or Path(name).suffix in SUFFIXES:
        raise RecipeError(
            f"{what!r} is no file, no run's folder and no name of a Hub dataset (owner/name, owner/name@revision)"
        )
    return _from_hub(name, revision or None, split)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _of_split(
    rows: Iterator[tuple[str, Mapping[str, Any]]], split: str | None, what: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of one split. Raises RecipeError, at the end, where there was none."""
    there: set[str] = set()
    for where, row in rows:
        there.add(str(row.get("split")))
        if split in (None, row.get("split")):
            yield where, row
    if split is not None and split not in there:
        its = ", ".join(sorted(there - {"None"})) or "none"
        raise RecipeError(f"{what!r} has no split {split!r}; its splits: {its}")


def _noted(path: Path) -> Mapping[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _released(folder: Path, split: str | None, what: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    shards = sorted(
        folder.glob("*.parquet"), key=lambda path: (path.name.partition("-")[0] != "train", path.name)
    )
    rows = (
        (where, {**row, "split": path.name.partition("-")[0]})
        for path in shards
        for where, row in rows_of(path, path.name)
    )
    return _of_split(rows, split, what)


def _from_hub(name: str, revision: str | None, split: str | None) -> PairDataset:
    import datasets  # 0.5 s
    import huggingface_hub

    with hub_errors(f"Hub dataset {name!r}" + (f" at {revision!r}" if revision else "")):
        commit = huggingface_hub.HfApi().dataset_info(name, revision=revision).sha
        configs = datasets.get_dataset_config_names(name, revision=commit)
        config = "preferences" if "preferences" in configs else configs[0]
        splits = datasets.get_dataset_split_names(name, config, revision=commit)
    if split is not None and split not in splits:
        raise RecipeError(f"{name!r} has no split {split!r}; it has {', '.join(splits)}")

    def rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
        for its in [split] if split else splits:
            for number, row in enumerate(hub_rows(name, config, its, commit), 1):
                yield f"{name} {its} row {number}", {**row, "split": its}

    return PairDataset(
        name,
        rows(),
        commit,
        hub_json(name, commit, "manifest.json"),
        hub_text(name, commit, "recipe.yaml"),
        hub_json(name, commit, "release.json"),
    )


def hub_text(name: str, revision: str | None, path: str) -> str | None:
    """A file of a dataset on the Hub; None where there is none."""
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    try:
        with hub_errors(f"{path} of {name!r}", but=(EntryNotFoundError,)):
            file = huggingface_hub.hf_hub_download(name, path, repo_type="dataset", revision=revision)
    except EntryNotFoundError:
        return None
    return Path(file).read_text(encoding="utf-8")


def hub_json(name: str, revision: str | None, path: str) -> Mapping[str, Any] | None:
    text = hub_text(name, revision, path)
    return json.loads(text) if text else None
