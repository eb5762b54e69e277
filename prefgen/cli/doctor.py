"""prefgen doctor"""

import json
from typing import Annotated

import typer

from prefgen.cli.arguments import AsJsonOption, JournalFileOption, SetsOption
from prefgen.cli.completion import recipes
from prefgen.cli.screen import say_lines


def command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="URL|RECIPE",
            help="A server's address up to and with /v1, or a recipe, whose servers are looked at.",
            autocompletion=recipes,
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", help="The model at the address. Default: the first that it lists.")
    ] = "",
    key_env: Annotated[
        str, typer.Option("--key-env", metavar="NAME", help="The environment variable that holds its key.")
    ] = "",
    seconds: Annotated[
        float, typer.Option("--timeout", help="Seconds for each request.", min=0.1, max=3600)
    ] = 30.0,
    sets: SetsOption = [],
    journal: JournalFileOption = None,
    as_json: AsJsonOption = False,
) -> None:
    """Say what servers can do of what prefgen asks for, by some short requests to each, and which settings
    help. Nothing is journalled.

    Exit code 1 where nothing answers, or where a recipe needs what does not work.
    """
    from prefgen.api.doctor import wait_for_diagnosis

    diagnosis = wait_for_diagnosis(
        target, sets=sets, model=model, key_env=key_env, seconds=seconds, journal=journal
    )
    if as_json:
        print(json.dumps(diagnosis.as_json(), ensure_ascii=False))
    else:
        say_lines(diagnosis.said_lines())
    if not diagnosis.passed:
        raise typer.Exit(1)
