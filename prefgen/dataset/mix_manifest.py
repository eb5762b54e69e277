"""What a mix says of itself in mix.json: of which parts it is made, how much of each, and on which terms. It
is a manifest, so that whoever reads a run's reads it too.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prefgen.dataset.manifest import Manifest, ManifestPart
from prefgen.errors import RecipeError, first_problem

MIX = "mix.json"


class MixedPart(ManifestPart):
    """A part of a mix: what it is, what was wanted of it and what came of that.

    `prompts` and `pairs` are its own, each counted once. `wanted` is a number of prompts where a `share` was
    asked for, and of pairs otherwise. `elsewhere` are pairs that it could not give, since parts before it had
    given their prompts, or nearly the same ones; `taken` were drawn, of which curators took out `curated`,
    and `left` are in a split. `digest` is one of its rows. `of_run` says that a run of prefgen made it.
    """

    name: str
    revision: str | None = None
    version: str | None = None
    content_hash: str | None = None
    digest: str | None = None
    license: str | None = None
    """The license of the whole, where the part says one."""
    private: bool = False
    harmful: bool = False
    simulated: bool = False
    of_run: bool = False
    prompts: int = 0
    pairs: int = 0
    share: float | None = None
    wanted: int = 0
    elsewhere: int = 0
    taken: int = 0
    curated: int = 0
    left: int = 0
    prompts_left: int = 0
    path: str | None = None
    """As the part was given, where that is a path below the folder of whoever mixed, and more than `name`."""
    earlier: Mapping[str, Mapping[str, int]] = {}
    """{of which dataset: {why: how many}} of what curators took out before it became this part; of a mix, its
    parts' too.
    """

    @property
    def got(self) -> int:
        """What of `wanted` is there."""
        return self.left if self.share is None else self.prompts_left


class MixManifest(Manifest):
    """`licenses` and `sources` count pairs; `harmful` are those that were made from harmful texts. A mix is
    `private` where a part of it is.
    """

    mixed_of: tuple[MixedPart, ...]
    between_splits: int
    bad_rows: int
    allow: tuple[str, ...] = ()
    """The rules that rows were allowed to break."""
    columns: Mapping[str, str] = {}
    """The names that the columns had in the parts."""
    curators: tuple[Mapping[str, Any], ...] = ()
    """What took pairs out before they were split, as `--curate` reads it."""
    license: str | None = None
    """The license that was given for what says none."""
    keep_columns: tuple[str, ...] = ()
    """Columns of the parts that are carried along, in the lineage of pairs."""
    counts: Mapping[str, int]
    test: float
    licenses: Mapping[str, int]
    sources: Mapping[str, int]
    harmful: int
    private: bool

    def as_json(self) -> dict[str, Any]:
        """As mix.json holds it: without what only a run has."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def taken_earlier(name: str, manifest: Manifest | None) -> dict[str, Mapping[str, int]]:
    """What curators took out of a dataset of this name, and out of the parts of a mix, before."""
    own = dict(manifest.yields.dropped_by_curators) if manifest else {}
    parts = manifest.mixed_of if isinstance(manifest, MixManifest) else ()
    inner = {f"{name} / {of}": counts for part in parts for of, counts in part.earlier.items()}
    return {**({name: own} if own else {}), **inner}


def manifest_of(fields: Any) -> Manifest | None:
    """The manifest of a run, or of a mix, that a JSON object is; None for another program's."""
    is_of_mix = isinstance(fields, Mapping) and "mixed_of" in fields
    return (MixManifest.read_if_ours(fields) if is_of_mix else None) or Manifest.read_if_ours(fields)


def is_mix(path: Path) -> bool:
    """Whether `path` is the folder of a mix."""
    return (path / MIX).is_file()


def read_mix_manifest(folder: Path) -> MixManifest:
    """The manifest of a mix. Raises RecipeError for one that cannot be read, or of an earlier version, which
    noted less.
    """
    try:
        return MixManifest.model_validate(json.loads((folder / MIX).read_text(encoding="utf-8")))
    except ValidationError as error:
        place, problem = first_problem(error)
        raise RecipeError(
            f"{MIX} does not say what a mix of this version says ({place or MIX}: {problem}); mix the parts "
            "again",
            str(folder),
        ) from None
    except ValueError as error:
        raise RecipeError(f"{MIX} cannot be read ({error}); mix the parts again", str(folder)) from None
