"""prefgen journal"""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.screen import say_note

if TYPE_CHECKING:
    from prefgen.calls.journal import Journal

app = typer.Typer(
    help="Look after the call journal: list, erase, verify, repair, export and import replies.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
FileOption = Annotated[Path, typer.Option("--journal", help="The journal.")]
DEFAULT_JOURNAL = Path("runs/calls.sqlite")


def _opened(path: Path) -> "closing[Journal]":
    """The journal of a command that looks after one, to be used in a `with`. Raises RecipeError where there
    is none.
    """
    from prefgen.calls.journal import Journal
    from prefgen.errors import RecipeError

    if not path.is_file():
        raise RecipeError(f"there is no journal at {str(path)!r}; name it with --journal")
    return closing(Journal(path))


def called_by_its_old_name() -> None:
    """Look after the call journal (the earlier name of `prefgen journal`)."""
    say_note("prefgen: `prefgen cache` is now called `prefgen journal`")


@app.command("ls")
def ls(journal: FileOption = DEFAULT_JOURNAL, as_json: AsJsonOption = False) -> None:
    """Replies, tokens and money by model, server and run."""
    from prefgen.calls.maintenance import overview

    with _opened(journal) as call_journal:
        rows = overview(call_journal)
    if as_json:
        print(json.dumps(rows))
        return
    print(f"{'replies':>9}  {'tokens in':>12}  {'tokens out':>12}  {'cost':>10}  model (served by, run)")
    for row in rows:
        refused_note = ", refused" if row["status"] else ""
        print(
            f"{row['replies']:>9,}  {row['prompt_tokens']:>12,}  {row['completion_tokens']:>12,}  "
            f"{row['cost']:>10}  "
            f"{row['model']} ({row['backend']} {row['host']}, run {row['run'][:8]}{refused_note})"
        )


@app.command("gc")
def gc(journal: FileOption = DEFAULT_JOURNAL, as_json: AsJsonOption = False) -> None:
    """Give unused space back."""
    from prefgen.calls.maintenance import compact

    with _opened(journal) as call_journal:
        size_before, size_after = compact(call_journal)
    if as_json:
        print(json.dumps({"bytes_before": size_before, "bytes": size_after}))
        return
    say_note(f"{journal}: {size_before:,} bytes before, {size_after:,} after")


@app.command("rm")
def rm(
    journal: FileOption = DEFAULT_JOURNAL,
    record: Annotated[
        str | None, typer.Option(help="A record's id, or how it begins.", show_default=False)
    ] = None,
    run: Annotated[str | None, typer.Option(help="A run's id, or how it begins.", show_default=False)] = None,
    before: Annotated[
        str | None, typer.Option(help="Replies from before this ISO date.", show_default=False)
    ] = None,
    as_json: AsJsonOption = False,
) -> None:
    """Erase replies for good. A dataset that needs them will have to pay for them again."""
    from prefgen.calls.maintenance import remove

    with _opened(journal) as call_journal:
        count = remove(call_journal, record=record, run=run, before=before)
    if as_json:
        print(json.dumps({"erased": count}))
        return
    say_note(f"erased {count:,} replies")


@app.command("verify")
def verify_journal(
    journal: FileOption = DEFAULT_JOURNAL,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Save what can be read into a new journal; the damaged file is kept."),
    ] = False,
    as_json: AsJsonOption = False,
) -> None:
    """Read every reply; exit 1 when one cannot be read."""
    from prefgen.calls import maintenance
    from prefgen.cli.failures import end_with
    from prefgen.errors import JournalError

    if repair:
        saved_count, damaged_path = maintenance.repair(journal)
        if as_json:
            print(json.dumps({"saved": saved_count, "damaged": str(damaged_path)}))
            return
        say_note(f"saved {saved_count:,} replies; the damaged file is {damaged_path}")
        return
    with _opened(journal) as call_journal:
        verification = maintenance.verify(call_journal)
        digest = maintenance.digest(call_journal)
    problem = JournalError(
        f"{journal}: {next(iter(verification.problems), '')}. `prefgen journal verify --repair` saves what "
        "can be read"
    )
    if as_json:
        facts = {"rows": verification.rows, "unreadable": verification.unreadable}
        facts |= {"problems": verification.problems, "digest": digest}
        if verification.problems:
            end_with(problem, **facts)
        print(json.dumps(facts))
        return
    print(
        f"{journal}: {verification.rows:,} replies, {verification.unreadable:,} unreadable, digest {digest}"
    )
    if verification.problems:
        raise problem


@app.command("export")
def export_replies(out: Path, journal: FileOption = DEFAULT_JOURNAL, as_json: AsJsonOption = False) -> None:
    """Write every reply as JSON lines of the OpenAI batch output format, by custom_id."""
    from prefgen.calls.batch_files import export_batch

    with _opened(journal) as call_journal:
        count = export_batch(call_journal, out)
    if as_json:
        print(json.dumps({"path": str(out), "replies": count}))
        return
    say_note(f"wrote {count:,} replies to {out}")


@app.command("import")
def import_(path: Path, journal: FileOption = DEFAULT_JOURNAL, as_json: AsJsonOption = False) -> None:
    """Keep the replies of a batch output file (of exported requests, or of another journal)."""
    import asyncio

    from prefgen.calls.batch_files import import_batch
    from prefgen.calls.journal import Journal
    from prefgen.errors import RecipeError

    if not path.is_file():
        raise RecipeError(f"file {str(path)!r} does not exist")
    with closing(Journal(journal)) as call_journal:
        counts = asyncio.run(import_batch(call_journal, path))
    if as_json:
        names = ("kept", "refused", "known", "failed", "unknown")
        print(json.dumps({name: getattr(counts, name) for name in names}))
        return
    say_note(
        f"kept {counts.kept:,} replies and {counts.refused:,} refusals; {counts.known:,} were known, "
        f"{counts.failed:,} are no answer and will be "
        f"asked again, {counts.unknown:,} answer nothing that was exported from here"
    )
