"""prefgen status"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from prefgen.cli.arguments import AsJson


def command(
    run: Annotated[
        Path | None,
        typer.Argument(help="A run's folder. Default: every run under runs/.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How far runs are, from their files alone."""
    from prefgen.dataset.read_run import is_run, read_manifest
    from prefgen.engine import record_store
    from prefgen.engine.lock import is_held
    from prefgen.errors import RecipeError

    if run is not None and not run.is_dir():
        raise RecipeError(f"{str(run)!r} is no folder")
    folders = [run] if run is not None else sorted(p for p in Path("runs").glob("*") if p.is_dir())
    rows = []
    manifest: dict[str, Any]
    for folder in folders:
        try:
            manifest = read_manifest(folder) if is_run(folder) else {}
        except RecipeError as error:
            manifest = {"stopped": str(error)}
        table = manifest.get("yield", {})
        state = (
            "at work"
            if is_held(folder)
            else "complete"
            if manifest.get("complete")
            else "incomplete"
            if manifest
            else "never stopped cleanly"
        )
        progress = (
            None
            if manifest.get("complete") and state != "at work"
            else record_store.read_progress(folder / "spool.sqlite")
        )
        prompts, finished, pairs = progress or (
            table.get("prompts", 0),
            table.get("prompts", 0),
            table.get("pairs", 0),
        )
        rows.append(
            {
                "run": str(folder),
                "state": state,
                "prompts": prompts,
                "finished": finished,
                "pairs": pairs,
                "failures": sum(table.get("failures", {}).values()),
                "paid_usd": manifest["cost"]["paid_usd"]
                if "cost" in manifest and state != "at work"
                else None,
                "stopped": manifest.get("stopped"),
            }
        )
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        paid = "" if row["paid_usd"] is None else f", paid ${row['paid_usd']:.4f}"
        prompt_counts = (
            f"{row['finished']:,} of {row['prompts']:,} prompts"
            if row["finished"] < row["prompts"]
            else f"{row['prompts']:,} prompts"
        )
        print(
            f"{row['run']}: {row['state']}, {prompt_counts}, {row['pairs']:,} pairs, {row['failures']:,} failures{paid}"
            + (f" ({row['stopped']})" if row["stopped"] else "")
        )
    if not rows:
        print("no runs here (looked in runs/)")
