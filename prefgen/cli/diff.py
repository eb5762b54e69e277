"""prefgen diff"""

import json
from typing import Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, ColumnsOption
from prefgen.cli.completion import datasets
from prefgen.cli.screen import NoPagerOption, paged, say_lines, say_note


def command(
    before: Annotated[
        str,
        typer.Argument(
            help="A run's folder, a file of pairs, or owner/name[@revision] on the Hub.",
            autocompletion=datasets,
        ),
    ],
    after: Annotated[str, typer.Argument(help="What it is compared with.", autocompletion=datasets)],
    markdown: Annotated[bool, typer.Option("--markdown", help="For a changelog.")] = False,
    columns: ColumnsOption = [],
    no_pager: NoPagerOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """What changed between two datasets: prompts and pairs added, removed, flipped; scores by judge; the
    recipe line by line.
    """
    from prefgen.api.datasets import open_to_compare
    from prefgen.publish.diff import compare_sides, read_side
    from prefgen.publish.diff_words import diff_lines

    first_dataset, second_dataset = open_to_compare((before, after), columns)
    for dataset in (first_dataset, second_dataset):
        if dataset.partial is not None:
            say_note(f"{dataset.name}: {dataset.partial.sentence()}")
    sides = read_side(first_dataset), read_side(second_dataset)
    for side in sides:
        if said := side.broken_rows():
            say_note(f"warning: {said}; `prefgen check` says more")
    diff = compare_sides(*sides)
    if as_json:
        print(json.dumps(diff.as_json()))
    elif markdown:
        print(diff.markdown())
    else:
        with paged(off=no_pager):
            say_lines(diff_lines(diff))
