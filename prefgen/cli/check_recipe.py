"""What `prefgen check` says of a recipe, a constitution or curators."""

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from prefgen.cli.screen import say, say_lines


def check_constitution(path: Path, *, as_json: bool) -> None:
    """Say what is the matter with a constitution, and exit: 4 where anything is."""
    from prefgen.api import check

    found = check.check_constitution(path)
    if as_json:
        said = {"passed": found.passed, "principles": found.principles, "findings": list(found.findings)}
        print(json.dumps(said, ensure_ascii=False))
    else:
        say_lines(found.said_lines())
    raise typer.Exit(0 if found.passed else 4)


def check_recipe(path: Path, *, sets: Sequence[str], plugins: bool, connect: bool, as_json: bool) -> None:
    """Build what a recipe says and read its first prompts, without running it. Raises RecipeError, or
    RecipeErrors where several things are wrong; with `as_json` they are printed, too.
    """
    from prefgen.api import check
    from prefgen.recipe.load import load_recipe

    with _saying_what_is_wrong(path, as_json=as_json):
        loaded = load_recipe(path, sets)
        found = check.check_recipe(loaded, name=str(path), plugins=plugins, connect=connect)
    if as_json:
        identities, warnings = map(list, found.identities), list(found.warnings)
        print(json.dumps({"passed": True, "identities": list(identities), "warnings": warnings}))
        return
    say_lines(found.said_lines())


def check_curators(path: Path, *, plugins: bool, as_json: bool) -> None:
    """Read curators as `prefgen mix --curate` does. Raises as `check_recipe`."""
    from prefgen.api import check

    with _saying_what_is_wrong(path, as_json=as_json):
        found = check.check_curators(path, plugins=plugins)
    if as_json:
        print(json.dumps({"passed": True, "curators": list(found.curators)}, ensure_ascii=False))
        return
    say_lines(found.said_lines())


@contextmanager
def _saying_what_is_wrong(path: Path, *, as_json: bool) -> Generator[None]:
    """Say first that the file is broken, and what is wrong with it behind that."""
    from prefgen.cli.failures import end_with
    from prefgen.errors import RecipeError, RecipeErrors

    try:
        yield
    except RecipeError as error:
        if as_json:
            end_with(error, passed=False)
        errors = error.errors if isinstance(error, RecipeErrors) else (error,)
        things = "one thing is" if len(errors) == 1 else f"{len(errors)} things are"
        say(f"{path}: ", ("BROKEN", "bold red"), f": {things} wrong")
        sys.stdout.flush()
        raise
