"""What `prefgen check` says of a recipe or a constitution."""

import json
from pathlib import Path

import typer


def check_constitution(path: Path, *, as_json: bool) -> None:
    """Say what is the matter with a constitution, and exit: 4 where anything is."""
    from prefgen.kit.constitutions import constitution_findings, read_constitution

    constitution = read_constitution(path)
    problems = constitution_findings(constitution)
    if as_json:
        print(
            json.dumps(
                {"passed": not problems, "principles": len(constitution.principles), "findings": problems},
                ensure_ascii=False,
            )
        )
    else:
        print(
            f"{path}: {constitution.name}, {len(constitution.principles)} principles"
            + ("" if problems else ", ok")
        )
        for problem in problems:
            print(f"  {problem}")
    raise typer.Exit(4 if problems else 0)


def check_recipe(path: Path, *, plugins: bool, as_json: bool) -> None:
    """Build what a recipe says and read its first prompts, without running it. Raises RecipeError, or
    RecipeErrors where several things are wrong.
    """
    from prefgen.api.check import parse_sections
    from prefgen.recipe.build import build
    from prefgen.recipe.load import load_recipe

    loaded = load_recipe(path)
    pipeline = build(loaded, plugins=plugins, reads_sources=True)
    parse_sections(loaded)
    if as_json:
        print(
            json.dumps(
                {
                    "passed": True,
                    "identities": [list(i) for i in pipeline.identities],
                    "warnings": list(pipeline.warnings),
                }
            )
        )
        return
    print(f"{path}: ok, {len(pipeline.identities)} stages, {len(pipeline.models)} models")
    for warning in pipeline.warnings:
        print(f"  warning: {warning}")
