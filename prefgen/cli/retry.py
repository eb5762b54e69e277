"""prefgen retry"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.completion import complete_runs
from prefgen.cli.screen import say_note


def command(
    run: Annotated[Path, typer.Argument(help="A run's folder.", autocompletion=complete_runs)],
    failed: Annotated[
        bool, typer.Option("--failed", help="Ask again for every reply that could not be used.")
    ] = False,
    code: Annotated[
        str | None, typer.Option(help="Only failures with this code, such as length.", show_default=False)
    ] = None,
    as_json: AsJsonOption = False,
) -> None:
    """Mark failed replies to be asked again by the next `prefgen run`. The manifest then says how often each
    was asked.
    """
    from prefgen.engine.run_folder import RETRIES, read_retries
    from prefgen.errors import RecipeError
    from prefgen.storage.atomic_write import write_json

    if not failed and code is None:
        raise RecipeError("say what to ask again: --failed, or --code CODE")
    rows = _read_failures(run)
    retries = read_retries(run)
    attempts, record_ids = dict(retries.keys), set(retries.records)
    marked_count = 0
    for row in rows:
        if code is None or row["code"] == code:
            record_ids.add(row["record_id"])
            for key in row["keys"]:
                attempts[key] = attempts.get(key, 0) + 1
                marked_count += 1
    write_json(run / RETRIES, {"keys": attempts, "records": sorted(record_ids)})
    if not as_json:
        say_note(
            f"{marked_count:,} asks of {len(record_ids):,} records will be made again by the next `prefgen "
            "run` of this recipe"
        )
    print(json.dumps({"marked": marked_count}))


def _read_failures(run: Path) -> Iterable[dict[str, Any]]:
    """The failures of a run that is complete and not at work."""
    from prefgen.dataset.read_run import complete_manifest, is_run, read_failures
    from prefgen.errors import PrefgenError
    from prefgen.storage.folder_lock import is_held

    if is_held(run):
        raise PrefgenError(f"{run} is in use by a run that is alive")
    if not is_run(run):
        complete_manifest(run)  # says what the folder is
    return read_failures(run)
