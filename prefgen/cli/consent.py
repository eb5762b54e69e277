"""Consent: before a changed recipe, or other prompts in its files, pay for anything it is said what that is,
and asked whether it is meant.

On a terminal there is a question; elsewhere what would cost money is refused until `--yes` is said. `--quiet`
is about words, and never an answer.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.screen import say

if TYPE_CHECKING:
    from prefgen.engine.run import RunOptions
    from prefgen.recipe.build import Pipeline

YesOption = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        help="Pay for a changed recipe or other prompts unasked: needed where there is no terminal.",
    ),
]


def can_ask() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agree(question: str, refusal: str) -> None:
    """Ask; a no ends the command. Raises RecipeError with `refusal` where nobody can be asked."""
    from prefgen.errors import RecipeError

    if not can_ask():
        raise RecipeError(refusal)
    typer.confirm(question, abort=True, err=True)


def agree_to_changes(
    pipeline: "Pipeline",
    options: "RunOptions",
    *,
    quiet: bool,
    of: Path | None = None,
    remedy: str = "Say --yes to go on",
) -> None:
    """Before a changed recipe, or other prompts, pay for anything: say what changed, what that costs and what
    becomes of the dataset that is there, and ask. Raises RecipeError where nobody can be asked and it costs
    money. `of` is the folder of the run that it changes, where that is another than the one that is written.
    """
    import asyncio

    from prefgen.api.consent import change_of

    change = asyncio.run(change_of(pipeline, options, is_asked=can_ask(), of=of))
    if change is None:
        return
    if can_ask() or not (quiet or change.may_cost):
        say(f"{change.what[0].upper()}{change.what[1:]} changed since this folder's last run:", err=True)
        for difference in change.differences:
            say(difference, indent="  ", hanging="  ", err=True)
        for line in filter(None, (change.estimate, change.moved)):
            say(f"{line[0].upper()}{line[1:]}.", err=True)
    if can_ask() or change.may_cost:
        agree("Go on?", str(change.refusal(remedy)))
