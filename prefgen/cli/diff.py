"""prefgen diff"""

import json
from typing import Annotated

import typer

from prefgen.cli.arguments import AsJson, Columns


def command(
    before: Annotated[
        str, typer.Argument(help="A run's folder, a file of pairs, or owner/name[@revision] on the Hub.")
    ],
    after: Annotated[str, typer.Argument(help="What it is compared with.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="For a changelog.")] = False,
    columns: Columns = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """What changed between two datasets: prompts and pairs added, removed, flipped; scores by judge; the recipe line by line."""
    from prefgen.dataset.open_pairs import open_pairs
    from prefgen.dataset.pair_formats import parse_columns
    from prefgen.publish.diff import compare_sides, side_of

    first, second = (open_pairs(what, columns=parse_columns(columns)) for what in (before, after))
    found = compare_sides(side_of(first), side_of(second))
    if as_json:
        print(json.dumps(found.as_json()))
    elif markdown:
        print(found.markdown())
    else:
        print(
            f"{before} -> {after}: a {found.bump} change"
            if found.bump != "none"
            else f"{before} -> {after}: no change"
        )
        print(found.markdown())
        for kind, examples in found.examples.items():
            print(f"{kind}, for example:")
            for example in examples:
                print(f"  {example}")
