"""prefgen export"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.arguments import (
    AllowOption,
    ColumnsOption,
    OnBadRowsOption,
    allowed_rules,
    bad_rows_of,
)


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
    allow: AllowOption = [],
    on_bad_rows: OnBadRowsOption = "fail",
) -> None:
    """Write pairs in the form that a trainer reads, and none that `prefgen check` calls broken."""
    from prefgen.dataset.bad_rows import BAD_ROWS, write_bad_rows
    from prefgen.dataset.open_pairs import reopening
    from prefgen.dataset.pair_formats import parse_columns
    from prefgen.dataset.proven_set import proven_set
    from prefgen.publish.export import export

    bad_rows = bad_rows_of(on_bad_rows)
    open_rows = reopening(what, split=split, columns=parse_columns(columns))
    rows = proven_set(open_rows, bad_rows, allow=allowed_rules(allow))
    count = export(rows, to, out, say=lambda left_out: print(left_out, file=sys.stderr), bad_rows=bad_rows)
    print(f"{out}: {count:,} rows")
    listed = out.with_name(f"{out.name}.{BAD_ROWS}")
    write_bad_rows(bad_rows.rows, listed)
    if bad_rows.rows:
        print(f"{bad_rows.sentence()}; all of them are in {listed}", file=sys.stderr)
