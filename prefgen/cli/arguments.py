"""Arguments that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.completion import ALLOWABLE_RULES, complete_runs, one_of, recipes
from prefgen.errors import RecipeError

if TYPE_CHECKING:
    from prefgen.dataset.bad_rows import OnBadRows

RecipeArgument = Annotated[
    Path,
    typer.Argument(help="The recipe (YAML or JSON).", show_default=False, autocompletion=recipes),
]
SetsOption = Annotated[
    list[str],
    typer.Option("--set", help="Override a value: --set a.b=1. May be repeated.", metavar="A.B=VALUE"),
]
RunOrAllArgument = Annotated[
    Path | None,
    typer.Argument(
        help="A run's folder, or one that runs lie in. Default: runs.",
        show_default=False,
        autocompletion=complete_runs,
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="The run's folder. Default: runs/<name>.", show_default=False)
]
IdArgument = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="Only what has this id, or one that begins so.", show_default=False),
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
AllowOption = Annotated[
    list[str],
    typer.Option(
        "--allow",
        metavar="RULE",
        help="A rule that may be broken: truncated, leak, format. May be repeated.",
        autocompletion=one_of(ALLOWABLE_RULES),
    ),
]
OnBadRowsOption = Annotated[
    str,
    typer.Option(
        "--on-bad-rows",
        metavar="fail|drop",
        autocompletion=one_of(("fail", "drop")),
        help="Rows that cannot be read, or that `check` calls broken: stop, or leave them out and list them.",
    ),
]


def known_policy(policy: str) -> "OnBadRows":
    """The policy for bad rows. Raises RecipeError for one that there is not."""
    from prefgen.api.options import bad_rows_of

    return bad_rows_of(policy).policy


def run_folders(run: Path | None) -> list[Path]:
    """The folders that a RunOrAllArgument means: a run, or all runs of the folder that they lie in. Raises
    RecipeError for one that is neither.
    """
    from prefgen.dataset.read_run import holds_run

    folder = run or Path("runs")
    if run is not None and not run.is_dir():
        raise RecipeError(f"{str(run)!r} is no folder")
    if holds_run(folder):
        return [folder]
    runs = sorted(filter(holds_run, folder.glob("*")))
    if run is not None and not runs:
        raise RecipeError(
            f"{str(run)!r} is no run: it holds no manifest.json, and none of its folders is one"
        )
    return runs
