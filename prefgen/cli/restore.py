"""prefgen restore"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, ColumnsOption
from prefgen.cli.screen import say_note


def command(
    what: Annotated[
        str,
        typer.Argument(help="A release, a file of pairs, or owner/name[@revision] on the Hub."),
    ],
    sources: Annotated[
        list[str],
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="Who has the texts: a run's folder, a journal, a dataset, a text file. May be repeated.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the new dataset.")],
    columns: ColumnsOption = [],
    partial: Annotated[
        bool, typer.Option("--partial", help="Also where a text is missing: its rows stay without it.")
    ] = False,
    as_json: AsJsonOption = False,
) -> None:
    """Put harmful texts that were taken out of a release back, by their digests (exit 4 when one is
    missing).
    """
    from prefgen.dataset.pair_formats import parse_columns
    from prefgen.publish.restore import restore

    result = restore(
        what, sources, out, columns=parse_columns(columns), partial=partial,
        say=say_note,
    )  # fmt: skip
    if as_json:
        print(json.dumps(asdict(result)))
    else:
        counts = ", ".join(f"{name} {count:,}" for name, count in result.counts.items())
        print(f"{out}: {counts}; {result.restored:,} rows have their texts again")
    if left := result.left():
        say_note(f"{left}; `--on-bad-rows drop` leaves them out of what is made of this")
