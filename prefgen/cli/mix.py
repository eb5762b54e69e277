"""prefgen mix"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.arguments import (
    AllowOption,
    AsJsonOption,
    ColumnsOption,
    OnBadRowsOption,
    allowed_rules,
    bad_rows_of,
)
from prefgen.dataset.bad_rows import BAD_ROWS


def command(
    parts: Annotated[
        list[str],
        typer.Argument(
            help="Datasets with how much of each: owner/name@v1:0.5 (a share) runs/x:10000 (pairs)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the new dataset.")],
    test: Annotated[
        float, typer.Option(help="Share of the prompts in the test split.", min=0, max=0.99)
    ] = 0.05,
    seed: int = 0,
    columns: ColumnsOption = [],
    allow: AllowOption = [],
    on_bad_rows: OnBadRowsOption = "fail",
    as_json: AsJsonOption = False,
) -> None:
    """Make one dataset of several: prompts de-duplicated across them, a fresh disjoint split, sources and
    licenses carried along.
    """
    from prefgen.dataset.pair_formats import parse_columns
    from prefgen.publish.mix import mix, parse_part

    bad_rows = bad_rows_of(on_bad_rows)
    manifest = mix(
        [parse_part(part) for part in parts], out, test=test, seed=seed,
        bad_rows=bad_rows, allow=allowed_rules(allow), columns=parse_columns(columns),
    )  # fmt: skip
    if bad_rows.rows:
        print(f"{bad_rows.sentence()}; all of them are in {out / BAD_ROWS}", file=sys.stderr)
    if as_json:
        print(json.dumps(manifest))
        return
    for source in manifest["mixed_of"]:
        print(
            f"{source['name']}: {source['taken']:,} of {source['pairs']:,} pairs, {source['left']:,} after "
            "de-duplication"
        )
    if manifest["between_splits"]:
        print(
            f"{manifest['between_splits']:,} pairs were left out: their prompts are near to prompts of both "
            "splits"
        )
    print(f"{out}: " + ", ".join(f"{split} {n:,}" for split, n in manifest["counts"].items()))
