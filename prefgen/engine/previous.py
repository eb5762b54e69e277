"""previous/ in a run's folder: the finished datasets that made room for another, each under its digest, until
`prefgen gc`.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.dataset.manifest import Manifest
from prefgen.dataset.read_run import is_run, read_manifest
from prefgen.engine.run_folder import OUTPUT
from prefgen.errors import RecipeError

PREVIOUS = "previous"


@dataclass(frozen=True)
class KeptDataset:
    """A finished dataset in previous/. `manifest` is None where it cannot be read."""

    path: Path
    manifest: Manifest | None
    size: int

    def as_json(self) -> Mapping[str, Any]:
        """As `prefgen gc --json` prints it."""
        return {
            "path": str(self.path),
            "row_digest": self.manifest.row_digest if self.manifest else None,
            "finished_at": self.manifest.finished_at if self.manifest else None,
            "prompts": self.manifest.yields.prompts if self.manifest else None,
            "pairs": self.manifest.yields.pairs if self.manifest else None,
            "bytes": self.size,
        }


def move_to_previous(out: Path) -> Path:
    """Make room for another dataset: the one in `out` is kept under its digest. Returns where.

    Whoever is killed on the way goes on from there: what was moved already stays moved.
    """
    previous = out / PREVIOUS
    if (previous / "manifest.json").is_file():  # earlier versions kept one, without a folder of its own
        _move_output(previous, previous / _name_of(previous))
    kept = previous / _name_of(out)
    _move_output(out, kept)
    return kept


def _move_output(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name in OUTPUT:
        if (source / name).exists():
            _remove(target / name)
            (source / name).rename(target / name)


def _name_of(folder: Path) -> str:
    """The digest of a finished dataset's rows; of its manifest where that names none."""
    manifest = folder / "manifest.json"
    digest = read_manifest(folder).row_digest
    return digest or hashlib.blake2b(manifest.read_bytes(), digest_size=16).hexdigest()


def kept_datasets(out: Path) -> Sequence[KeptDataset]:
    """What previous/ of a run's folder holds, in the order in which it was finished."""
    previous = out / PREVIOUS
    if not previous.is_dir():
        return []
    folders = [previous, *sorted(previous.iterdir())]
    kept = [_kept(path) for path in folders if (path / "manifest.json").is_file()]
    return sorted(kept, key=lambda one: (one.manifest.finished_at or "") if one.manifest else "")


def needed_dataset(out: Path, kept: Sequence[KeptDataset]) -> KeptDataset | None:
    """Of what previous/ holds the newest whole dataset, where the present one is not whole: it is the only
    one that there is.
    """
    try:
        if is_run(out) and read_manifest(out).complete:
            return None
    except RecipeError:  # what cannot be read is no dataset either
        pass
    whole = [dataset for dataset in kept if dataset.manifest and dataset.manifest.complete]
    return whole[-1] if whole else None


def _kept(path: Path) -> KeptDataset:
    try:
        manifest = read_manifest(path)
    except RecipeError:
        manifest = None
    files = (file for name in OUTPUT for file in (path / name, *(path / name).glob("*")) if file.is_file())
    return KeptDataset(path, manifest, sum(file.stat().st_size for file in files))


def remove_kept(kept: KeptDataset) -> None:
    """Remove a dataset for good, and previous/ with the last of them."""
    for name in OUTPUT:  # the manifest last: a removal that is broken off is seen and made again
        _remove(kept.path / name)
    previous = kept.path if kept.path.name == PREVIOUS else kept.path.parent
    for folder in (kept.path, previous):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
