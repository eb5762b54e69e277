"""How a command says that it failed: a line on stderr, and with --json also one object on stdout."""

import json
from typing import Any, NoReturn

import typer

from prefgen.cli.screen import say_note
from prefgen.errors import PrefgenError


def failure_as_json(message: str, exit_code: int, code: str, **more: Any) -> dict[str, Any]:
    """{error: what is wrong, code: its kind, exit_code, errors: its lines, place: where, or null}."""
    return {
        "error": message,
        "code": code,
        "exit_code": exit_code,
        "errors": [message],
        "place": None,
        **more,
    }


def error_as_json(error: PrefgenError) -> dict[str, Any]:
    """The object of an error that prefgen can explain. `place` is file:line:column of a recipe, or where a
    row stands; several errors have theirs in their lines.
    """
    lines = [str(one) for one in getattr(error, "errors", (error,))]
    place = getattr(error, "where", None)
    kind = type(error).__name__
    return failure_as_json(str(error), error.exit_code, kind, errors=lines, place=place)


def print_error(error: PrefgenError) -> None:
    """Print the error's lines on stderr; what they quote of a file or a server moves no cursor."""
    for one_error in getattr(error, "errors", (error,)):
        say_note(f"prefgen: {one_error}")


def end_with(error: PrefgenError, **more: Any) -> NoReturn:
    """End a command with --json by the error and whatever else there is to say, as one object."""
    print(json.dumps({**more, **error_as_json(error)}, ensure_ascii=False))
    print_error(error)
    raise typer.Exit(error.exit_code)
