"""prefgen export"""

import json
from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.arguments import (
    AllowOption,
    AsJsonOption,
    ColumnsOption,
    OnBadRowsOption,
    known_policy,
)
from prefgen.cli.completion import EXPORT_FORM_NAMES, datasets, one_of
from prefgen.cli.screen import say_note


def command(
    what: Annotated[
        str,
        typer.Argument(
            help="A run's folder, a file of pairs, or owner/name[@revision] on the Hub.",
            autocompletion=datasets,
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help=(
                "trl, trl-implicit, ultrafeedback-binarized, rewardbench, kto, sft, llama-factory, "
                "axolotl, nemo-rl, openrlhf."
            ),
            autocompletion=one_of(EXPORT_FORM_NAMES),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .jsonl, .parquet or .csv file.")],
    split: Annotated[
        str | None, typer.Option(help="One split. Default: all of them.", show_default=False)
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule", help="Pairs of one rule (`rule` in the rows). Default: of all.", show_default=False
        ),
    ] = None,
    columns: ColumnsOption = [],
    allow: AllowOption = [],
    on_bad_rows: OnBadRowsOption = "fail",
    as_json: AsJsonOption = False,
) -> None:
    """Write pairs in the form that a trainer reads, and none that `prefgen check` calls broken."""
    from prefgen.api.export import export

    written = export(
        what, to=to, out=out, split=split, rule=rule, columns=columns, allow=allow,
        on_bad_rows=known_policy(on_bad_rows), say=say_note,
    )  # fmt: skip
    print(json.dumps(written.as_json()) if as_json else written)
