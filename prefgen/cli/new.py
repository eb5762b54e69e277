"""prefgen new"""

import json
from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.screen import say_note


def command(
    path: Annotated[Path, typer.Argument(help="The recipe to write.")] = Path("pipeline.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    as_json: AsJsonOption = False,
) -> None:
    """Write a commented starter recipe that runs as it is."""
    from prefgen.errors import RecipeError
    from prefgen.kit.templates import shipped

    if path.exists() and not force:
        raise RecipeError(f"{str(path)!r} is there already; give another name, or --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (
        (shipped("pipelines") / "starter.yaml")
        .read_text(encoding="utf-8")
        .replace("name: starter", f"name: {path.stem}", 1)
    )
    path.write_text(text, encoding="utf-8")
    if as_json:
        print(json.dumps({"path": str(path)}))
        return
    say_note(f"wrote {path}. Next: prefgen preview {path}    prefgen run {path}")
