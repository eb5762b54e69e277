"""prefgen export"""

from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.arguments import ColumnsOption


def command(
    what: Annotated[
        str, typer.Argument(help="A run's folder, a file of pairs, or owner/name[@revision] on the Hub.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help=(
                "trl, trl-implicit, ultrafeedback-binarized, rewardbench, kto, sft, llama-factory, "
                "axolotl, nemo-rl, openrlhf."
            ),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .jsonl, .parquet or .csv file.")],
    split: Annotated[
        str | None, typer.Option(help="One split. Default: all of them.", show_default=False)
    ] = None,
    columns: ColumnsOption = [],
) -> None:
    """Write pairs in the form that a trainer reads."""
    from prefgen.dataset.open_pairs import open_pairs
    from prefgen.dataset.pair_formats import parse_columns
    from prefgen.publish.export import export

    print(
        f"{out}: {export(open_pairs(what, split=split, columns=parse_columns(columns)).rows, to, out):,} rows"
    )
