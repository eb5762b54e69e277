"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

RecipeArgument = Annotated[Path, typer.Argument(help="The recipe (YAML or JSON).", show_default=False)]
SetsOption = Annotated[
    list[str],
    typer.Option("--set", help="Override a value: --set a.b=1. May be repeated.", metavar="A.B=VALUE"),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="The run's folder. Default: runs/<name>.", show_default=False)
]
JournalFileOption = Annotated[
    Path | None,
    typer.Option("--journal", help="The call journal. Default: runs/calls.sqlite.", show_default=False),
]
AsJsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
ColumnsOption = Annotated[
    list[str],
    typer.Option(
        "--columns", metavar="OURS=THEIRS", help="A column by another name: chosen=winner. May be repeated."
    ),
]
NoPluginsOption = Annotated[bool, typer.Option("--no-plugins", help="Refuse recipes that name Python files.")]
