"""What `prefgen check` says of a recipe or a constitution."""

import json
import sys
from collections.abc import Sequence
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
        say_lines(found.lines())
    raise typer.Exit(0 if found.passed else 4)


def check_recipe(path: Path, *, sets: Sequence[str], plugins: bool, connect: bool, as_json: bool) -> None:
    """Build what a recipe says and read its first prompts, without running it. Raises RecipeError, or
    RecipeErrors where several things are wrong; with `as_json` they are printed, too.
    """
    from prefgen.api import check
    from prefgen.cli.failures import end_with
    from prefgen.errors import RecipeError, RecipeErrors
    from prefgen.recipe.load import load_recipe

    try:
        loaded = load_recipe(path, sets)
        found = check.check_recipe(loaded, name=str(path), plugins=plugins, connect=connect)
    except RecipeError as error:
        if as_json:
            end_with(error, passed=False)
        errors = error.errors if isinstance(error, RecipeErrors) else (error,)
        things = "one thing is" if len(errors) == 1 else f"{len(errors)} things are"
        say(f"{path}: ", ("BROKEN", "bold red"), f": {things} wrong")
        sys.stdout.flush()
        raise
    if as_json:
        identities, warnings = map(list, found.identities), list(found.warnings)
        print(json.dumps({"passed": True, "identities": list(identities), "warnings": warnings}))
        return
    say_lines(found.lines())
