"""prefgen mix"""

import json
from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.arguments import (
    AllowOption,
    AsJsonOption,
    ColumnsOption,
    NoPluginsOption,
    OnBadRowsOption,
    known_policy,
)
from prefgen.cli.completion import datasets
from prefgen.cli.screen import say_note
from prefgen.text.said_lines import as_text, line

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
KeepColumnsOption = Annotated[
    list[str],
    typer.Option(
        "--keep-columns",
        metavar="NAME",
        help="A column of your own that is carried along, into the lineage of pairs. May be repeated.",
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
    keep_columns: KeepColumnsOption = [],
    allow: AllowOption = [],
    on_bad_rows: OnBadRowsOption = "fail",
    no_plugins: NoPluginsOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Make one dataset of several, or of one: prompts de-duplicated across them, curated if wanted, a fresh
    disjoint split, sources and licenses carried along. `prefgen publish` takes what comes of it.
    """
    from prefgen.api.mix import mix

    mixed = mix(
        parts, out=out, test=test, seed=seed, curate=curate, license=license, columns=columns,
        keep_columns=keep_columns, allow=allow, on_bad_rows=known_policy(on_bad_rows), plugins=not no_plugins,
        say=say_note,
    )  # fmt: skip
    if as_json:
        print(json.dumps(mixed.manifest.as_json()))
    else:
        print(as_text([*mixed.content_lines(), line(mixed.verdict())]))
