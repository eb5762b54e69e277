"""prefgen cache"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from prefgen.cli.arguments import AsJson

app = typer.Typer(
    help="Look after the call journal: list, erase, verify, repair, export and import replies.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
File = Annotated[Path, typer.Option("--journal", help="The journal.")]
DEFAULT = Path("runs/calls.sqlite")


def _open(path: Path) -> Any:
    from prefgen.calls.journal import Journal
    from prefgen.errors import RecipeError

    if not path.is_file():
        raise RecipeError(f"there is no journal at {str(path)!r}; name it with --journal")
    return Journal(path)


@app.command("ls")
def ls(journal: File = DEFAULT, as_json: AsJson = False) -> None:
    """Replies, tokens and money by model, server and run."""
    from prefgen.calls.maintenance import overview

    opened = _open(journal)
    rows = overview(opened)
    opened.close()
    if as_json:
        print(json.dumps(rows))
        return
    print(f"{'replies':>9}  {'tokens in':>12}  {'tokens out':>12}  {'cost':>10}  model (served by, run)")
    for r in rows:
        refused = ", refused" if r["status"] else ""
        print(
            f"{r['replies']:>9,}  {r['prompt_tokens']:>12,}  {r['completion_tokens']:>12,}  {r['cost']:>10}  "
            f"{r['model']} ({r['backend']} {r['host']}, run {r['run'][:8]}{refused})"
        )


@app.command("gc")
def gc(journal: File = DEFAULT) -> None:
    """Give unused space back."""
    from prefgen.calls.maintenance import compact

    opened = _open(journal)
    before, after = compact(opened)
    opened.close()
    typer.echo(f"{journal}: {before:,} bytes before, {after:,} after", err=True)


@app.command("rm")
def rm(
    journal: File = DEFAULT,
    record: Annotated[
        str | None, typer.Option(help="A record's id, or how it begins.", show_default=False)
    ] = None,
    run: Annotated[str | None, typer.Option(help="A run's id, or how it begins.", show_default=False)] = None,
    before: Annotated[
        str | None, typer.Option(help="Replies from before this ISO date.", show_default=False)
    ] = None,
) -> None:
    """Erase replies for good. A dataset that needs them will have to pay for them again."""
    from prefgen.calls.maintenance import remove

    opened = _open(journal)
    try:
        count = remove(opened, record=record, run=run, before=before)
    finally:
        opened.close()
    typer.echo(f"erased {count:,} replies", err=True)


@app.command("verify")
def verify(
    journal: File = DEFAULT,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Save what can be read into a new journal; the damaged file is kept."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every reply; exit 1 when one cannot be read."""
    from prefgen.calls import maintenance
    from prefgen.errors import JournalError

    if repair:
        saved, damaged = maintenance.repair(journal)
        typer.echo(f"saved {saved:,} replies; the damaged file is {damaged}", err=True)
        return
    opened = _open(journal)
    try:
        found = maintenance.verify(opened)
        digest = maintenance.digest(opened)
    finally:
        opened.close()
    if as_json:
        print(
            json.dumps(
                {
                    "rows": found.rows,
                    "unreadable": found.unreadable,
                    "problems": found.problems,
                    "digest": digest,
                }
            )
        )
    else:
        print(f"{journal}: {found.rows:,} replies, {found.unreadable:,} unreadable, digest {digest}")
    if found.problems:
        raise JournalError(
            f"{journal}: {found.problems[0]}. `prefgen cache verify --repair` saves what can be read"
        )


@app.command("export")
def export(out: Path, journal: File = DEFAULT) -> None:
    """Write every reply as JSON lines of the OpenAI batch output format, by custom_id."""
    from prefgen.calls.maintenance import export_batch

    opened = _open(journal)
    count = export_batch(opened, out)
    opened.close()
    typer.echo(f"wrote {count:,} replies to {out}", err=True)


@app.command("import")
def import_(path: Path, journal: File = DEFAULT) -> None:
    """Keep the replies of a batch output file (of exported requests, or of another journal)."""
    import asyncio

    from prefgen.calls.journal import Journal
    from prefgen.calls.maintenance import import_batch
    from prefgen.errors import RecipeError

    if not path.is_file():
        raise RecipeError(f"file {str(path)!r} does not exist")
    opened = Journal(journal)
    try:
        done = asyncio.run(import_batch(opened, path))
    finally:
        opened.close()
    typer.echo(
        f"kept {done.kept:,} replies and {done.refused:,} refusals; {done.known:,} were known, {done.failed:,} are no answer and will be "
        f"asked again, {done.strange:,} answer nothing that was exported from here",
        err=True,
    )
