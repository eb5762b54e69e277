"""prefgen mix"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import (
    AllowOption,
    AsJsonOption,
    ColumnsOption,
    NoPluginsOption,
    OnBadRowsOption,
    allowed_rules,
    bad_rows_of,
)
from prefgen.cli.completion import datasets
from prefgen.dataset.bad_rows import BAD_ROWS

if TYPE_CHECKING:
    from prefgen.dataset.mix_manifest import MixedPart


CurateOption = Annotated[
    Path | None,
    typer.Option(
        "--curate",
        metavar="FILE",
        help="A YAML file with `curate: [...]`, as in a recipe: curators of pairs or prompts, which take out "
        "what is in no split then. `prefgen show dropped` lists it.",
        show_default=False,
    ),
]
LicenseOption = Annotated[
    str | None,
    typer.Option(
        "--license", help="The license of rows that say none, in parts that say none.", show_default=False
    ),
]


def command(
    parts: Annotated[
        list[str],
        typer.Argument(
            help="Datasets with how much of each: owner/name@v1:0.5 (a share) runs/x:10000 (pairs).",
            autocompletion=datasets,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the new dataset.")],
    test: Annotated[
        float, typer.Option(help="Share of the prompts in the test split.", min=0, max=0.99)
    ] = 0.05,
    seed: int = 0,
    curate: CurateOption = None,
    license: LicenseOption = None,
    columns: ColumnsOption = [],
    allow: AllowOption = [],
    on_bad_rows: OnBadRowsOption = "fail",
    no_plugins: NoPluginsOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Make one dataset of several, or of one: prompts de-duplicated across them, curated if wanted, a fresh
    disjoint split, sources and licenses carried along. `prefgen publish` takes what comes of it.
    """
    from prefgen.dataset.pair_formats import parse_columns
    from prefgen.publish.mix import mix
    from prefgen.publish.mix_draw import parse_part
    from prefgen.recipe.curators import load_curators

    bad_rows = bad_rows_of(on_bad_rows)
    manifest = mix(
        [parse_part(part) for part in parts], out, test=test, seed=seed,
        bad_rows=bad_rows, allow=allowed_rules(allow), columns=parse_columns(columns), license=license,
        curators=load_curators(curate, seed=seed, plugins=not no_plugins) if curate else None,
        notify=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    if bad_rows.rows:
        print(f"{bad_rows.sentence()}; all of them are in {out / BAD_ROWS}", file=sys.stderr)
    for part in manifest.mixed_of:
        # what curators took out was wanted
        if part.got < part.wanted and (part.elsewhere or part.taken > part.left + part.curated):
            print(f"warning: {_shortfall(part)}", file=sys.stderr)
    if as_json:
        print(json.dumps(manifest.as_json()))
        return
    for part in manifest.mixed_of:
        print(f"{part.name}: {_wanted(part)}; {part.left:,} pairs of {part.prompts_left:,} prompts are in it")
    for reason, count in manifest.yields.dropped_by_curators.items():
        kind, _, why = reason.partition(": ")
        print(f"{count:,} {kind} went: {why}")
    if manifest.between_splits:
        print(
            f"{manifest.between_splits:,} pairs were left out: their prompts are near to prompts of both "
            "splits"
        )
    print(f"{out}: " + ", ".join(f"{split} {n:,}" for split, n in manifest.counts.items()))


def _wanted(part: "MixedPart") -> str:
    """What was asked of a part."""
    if part.share is None:
        return f"{part.wanted:,} of its {part.pairs:,} pairs wanted"
    if part.share == 1:
        return f"all of its {part.prompts:,} prompts wanted"
    return f"{part.wanted:,} of its {part.prompts:,} prompts wanted (a share of {part.share:g})"


def _shortfall(part: "MixedPart") -> str:
    """What a part gave less than was asked of it, and why."""
    unit = "pairs" if part.share is None else "prompts"
    reasons = [
        (part.elsewhere, "are of prompts that parts before it gave, or of nearly the same ones"),
        (part.curated, "were taken out by curators"),
        (part.taken - part.curated - part.left, "are of prompts near to both splits"),
    ]
    why = "; ".join(f"{n:,} of its {part.pairs:,} pairs {reason}" for n, reason in reasons if n)
    return f"{part.name} gives {part.got:,} of the {part.wanted:,} {unit} that are wanted of it: {why}"
