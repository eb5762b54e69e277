"""prefgen schema"""

import json
from pathlib import Path
from typing import Annotated

import typer

from prefgen.cli.screen import say_note


def command(
    path: Annotated[
        Path | None, typer.Argument(help="Where to write it; stdout without.", show_default=False)
    ] = None,
) -> None:
    """Write the JSON schema of recipes, for completion and checks in editors."""
    from prefgen.publish.settings import PublishSettings
    from prefgen.recipe.jsonschema import recipe_schema
    from prefgen.trainers.settings import TrainSettings

    text = json.dumps(
        recipe_schema({"publish": PublishSettings, "train": TrainSettings}), indent=1, ensure_ascii=False
    )
    if path is None:
        print(text)
    else:
        path.write_text(text + "\n", encoding="utf-8")
        say_note(f"wrote {path}")
