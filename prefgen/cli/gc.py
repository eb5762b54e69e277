"""prefgen gc"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, RunOrAllArgument, run_folders
from prefgen.cli.screen import say_note

if TYPE_CHECKING:
    from prefgen.engine.previous import KeptDataset


def command(
    run: RunOrAllArgument = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove them without asking.")] = False,
    as_json: AsJsonOption = False,
) -> None:
    """Remove the earlier datasets that runs keep in previous/.

    Their replies stay in the journal: the recipe of each makes it again. Where a run is not complete, the
    newest finished one stays.
    """
    from prefgen.cli.consent import agree
    from prefgen.engine.previous import kept_datasets, needed_dataset, remove_kept

    by_folder = {folder: kept_datasets(folder) for folder in run_folders(run)}
    needed = [found for folder, kept in by_folder.items() if (found := needed_dataset(folder, kept))]
    by_folder = {folder: [one for one in kept if one not in needed] for folder, kept in by_folder.items()}
    datasets = [dataset for kept in by_folder.values() for dataset in kept]
    size = sum(dataset.size for dataset in datasets)
    if not as_json or not yes:
        _print_datasets(datasets, needed)
    if datasets and not yes:
        agree(
            f"Remove {_count(datasets)}, {_megabytes(size)}, for good?",
            f"gc would remove {_count(datasets)}: say --yes",
        )
    for folder, kept in by_folder.items():
        if kept:
            _refuse_if_held(folder)
        for dataset in kept:
            remove_kept(dataset)
    if as_json:
        removed, stay = ([one.as_json() for one in some] for some in (datasets, needed))
        print(json.dumps({"removed": removed, "kept": stay, "bytes": size}))
    elif datasets:
        say_note(f"removed {_count(datasets)}, {_megabytes(size)}")


def _print_datasets(datasets: Sequence["KeptDataset"], needed: Sequence["KeptDataset"]) -> None:
    """What would go, and what stays, a line each."""
    for dataset in datasets:
        say_note(_described(dataset))
    for dataset in needed:
        why = "it stays, since the run is not complete and this is its newest finished dataset"
        say_note(f"{_described(dataset)}; {why}")
    if not datasets:
        say_note(f"no {'other ' if needed else ''}earlier datasets are kept here")


def _described(dataset: "KeptDataset") -> str:
    described = "its manifest cannot be read"
    if dataset.manifest is not None:
        table = dataset.manifest.yields
        described = (
            f"{table.prompts:,} prompts, {table.pairs:,} pairs, finished {dataset.manifest.finished_at}"
        )
    return f"{dataset.path}: {described}, {_megabytes(dataset.size)}"


def _refuse_if_held(folder: Path) -> None:
    from prefgen.errors import PrefgenError
    from prefgen.storage.folder_lock import is_held

    if is_held(folder):
        raise PrefgenError(f"{folder} is in use by a run that is alive; wait for it")


def _count(datasets: Sequence["KeptDataset"]) -> str:
    return f"{len(datasets):,} earlier dataset{'s' if len(datasets) > 1 else ''}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
