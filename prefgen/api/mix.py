"""`prefgen.mix(...)`: one dataset of several, or of one."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.api.options import allowed_rules, bad_rows_of
from prefgen.dataset.bad_rows import BAD_ROWS, OnBadRows
from prefgen.dataset.mix_manifest import MixedPart, MixManifest
from prefgen.dataset.pair_formats import ColumnNames, parse_columns
from prefgen.publish.mix import mix as write_mix
from prefgen.publish.mix_draw import MixPart, parse_part, part_of
from prefgen.recipe.curators import CuratorList, curators_of_data, load_curators
from prefgen.text.said_lines import Line, Said, line

Part = str | os.PathLike[str] | tuple[str | os.PathLike[str], float]
"""`runs/x:0.5` as the command line writes it, a run's Result, or (either, how much of it)."""


@dataclass(frozen=True, repr=False)
class Mix(Said):
    """A mix: where it is, and what its mix.json says. It is a path wherever one is wanted."""

    path: Path
    manifest: MixManifest

    def __fspath__(self) -> str:
        return str(self.path)

    def verdict(self) -> str:
        """How many pairs are in which split."""
        return f"{self.path}: " + ", ".join(f"{split} {n:,}" for split, n in self.manifest.counts.items())

    def content_lines(self) -> Iterator[Line]:
        """What was wanted and taken of each part, and what went."""
        for part in self.manifest.mixed_of:
            left = f"{part.left:,} pairs of {part.prompts_left:,} prompts are in it"
            yield line(f"{part.name}: {_wanted(part)}; {left}")
        for reason, count in self.manifest.yields.dropped_by_curators.items():
            kind, _, why = reason.partition(": ")
            yield line(f"{count:,} {kind} went: {why}")
        if between := self.manifest.between_splits:
            yield line(f"{between:,} pairs were left out: their prompts are near to prompts of both splits")

    def said_lines(self) -> Iterator[Line]:
        """All of it, the verdict first."""
        yield line((self.verdict(), "bold"))
        yield from self.content_lines()


def mix(
    parts: str | os.PathLike[str] | Sequence[Part],
    *,
    out: str | os.PathLike[str],
    test: float = 0.05,
    seed: int = 0,
    curate: str | os.PathLike[str] | Sequence[Mapping[str, Any]] | None = None,
    license: str | None = None,
    columns: ColumnNames = (),
    keep_columns: str | Sequence[str] = (),
    allow: Sequence[str] = (),
    on_bad_rows: OnBadRows = "fail",
    plugins: bool = True,
    say: Callable[[str], object] = print,
) -> Mix:
    """Make one dataset of several, or of one, in the folder `out`, as `prefgen mix` does: `prefgen.publish`
    takes what comes of it. `say` is told what curators say, and what is not in it. Raises RecipeError, and
    leaves `out` as it was.

    A part is `runs/x:0.5` (a share of its prompts), `runs/x:10000` (so many pairs), a Result, or
    `(result, 0.5)`. `curate` is a file with `curate: [...]`, or that list; `plugins=False` refuses Python
    files in it. `license` is that of rows and parts that say none. `columns` are names of another kind,
    {"chosen": "winner"}; `keep_columns` are columns of your own, carried along in `lineage.columns`; `allow`
    are rules of `check` that may be broken, and `on_bad_rows="drop"` leaves out and lists what is
    broken.
    """
    folder, bad_rows = Path(out), bad_rows_of(on_bad_rows)
    given = [parts] if isinstance(parts, str | os.PathLike) else parts
    manifest = write_mix(
        [_mix_part(part) for part in given], folder, test=test, seed=seed,
        bad_rows=bad_rows, allow=allowed_rules(allow), columns=parse_columns(columns), license=license,
        keep_columns=[keep_columns] if isinstance(keep_columns, str) else keep_columns,
        curators=_curators(curate, seed, plugins), notify=say,
    )  # fmt: skip
    if bad_rows.rows:
        say(f"{bad_rows.sentence()}; all of them are in {folder / BAD_ROWS}")
    for part in manifest.mixed_of:
        # what curators took out was wanted
        if part.got < part.wanted and (part.elsewhere or part.taken > part.left + part.curated):
            say(f"warning: {_shortfall(part)}")
    return Mix(folder, manifest)


def _mix_part(part: Part) -> MixPart:
    if isinstance(part, str):
        return parse_part(part)
    if isinstance(part, tuple):
        name, amount = part
        return part_of(os.fspath(name), amount, repr(part))
    return part_of(os.fspath(part), 1.0, repr(part))


def _curators(
    curate: str | os.PathLike[str] | Sequence[Mapping[str, Any]] | None, seed: int, plugins: bool
) -> CuratorList | None:
    if curate is None:
        return None
    if isinstance(curate, str | os.PathLike):
        return load_curators(Path(curate), seed=seed, plugins=plugins)
    return curators_of_data(curate, seed=seed, plugins=plugins)


def _wanted(part: MixedPart) -> str:
    """What was asked of a part."""
    if part.share is None:
        return f"{part.wanted:,} of its {part.pairs:,} pairs wanted"
    if part.share == 1:
        return f"all of its {part.prompts:,} prompts wanted"
    return f"{part.wanted:,} of its {part.prompts:,} prompts wanted (a share of {part.share:g})"


def _shortfall(part: MixedPart) -> str:
    """What a part gave less than was asked of it, and why."""
    unit = "pairs" if part.share is None else "prompts"
    reasons = [
        (part.elsewhere, "are of prompts that parts before it gave, or of nearly the same ones"),
        (part.curated, "were taken out by curators"),
        (part.taken - part.curated - part.left, "are of prompts near to both splits"),
    ]
    why = "; ".join(f"{n:,} of its {part.pairs:,} pairs {reason}" for n, reason in reasons if n)
    return f"{part.name} gives {part.got:,} of the {part.wanted:,} {unit} that are wanted of it: {why}"
