"""The command line: one file a command. stdout is data, stderr is talk.

Exit codes: 0 complete, 1 error, 2 usage or invalid recipe, 3 incomplete but resumable, 4 a gate failed, 5
budget reached, 130 interrupted.
"""

import json
import sys
from typing import Any

import typer

from prefgen.cli import (
    batch,
    calibrate,
    check,
    diff,
    doctor,
    eval,
    export,
    gc,
    journal,
    mix,
    new,
    plan,
    preview,
    publish,
    restore,
    retry,
    run,
    schema,
    show,
    status,
    train,
)

app = typer.Typer(
    name="prefgen",
    help="Synthetic preference datasets for aligning language models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        from prefgen.version import __version__

        typer.echo(f"prefgen {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    pass


app.command("run")(run.command)
app.command("preview")(preview.command)
app.command("plan")(plan.command)
app.command("check")(check.command)
app.command("doctor")(doctor.command)
app.command("calibrate")(calibrate.command)
app.command("publish")(publish.command)
app.command("diff")(diff.command)
app.command("export")(export.command)
app.command("mix")(mix.command)
app.command("restore")(restore.command)
app.command("train")(train.command)
app.command("status")(status.command)
app.command("retry")(retry.command)
app.command("gc")(gc.command)
app.command("new")(new.command)
app.command("schema")(schema.command)
app.add_typer(eval.app, name="eval")
app.add_typer(show.app, name="show")
app.add_typer(journal.app, name="journal")
app.add_typer(batch.app, name="batch")
app.add_typer(journal.app, name="cache", hidden=True, callback=journal.called_by_its_old_name)


def main() -> None:
    """Run the command line; an error that prefgen can explain is one line, without a traceback, and with
    --json also one object on stdout.
    """
    from prefgen.cli.failures import error_as_json, failure_as_json, print_error
    from prefgen.cli.screen import say_note
    from prefgen.errors import PrefgenError

    as_json = "--json" in sys.argv[1:]
    try:
        # with --json what typer itself would print and exit with is an error like any other
        code = app(standalone_mode=not as_json)
        sys.exit(code if isinstance(code, int) else 0)
    except PrefgenError as error:
        print_error(error)
        failure = error_as_json(error)
    except typer.Abort:
        print("Aborted.", file=sys.stderr)
        failure = failure_as_json("aborted", 1, "Abort")
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:  # the world outside: a full disk, a folder that is none, no right to write
        message = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        say_note(f"prefgen: {message}")
        failure = failure_as_json(message, 1, type(error).__name__)
    except KeyboardInterrupt:
        print("prefgen: interrupted", file=sys.stderr)
        failure = failure_as_json("interrupted", 130, "KeyboardInterrupt")
    except Exception as error:  # only typer's own of wrong words, whose class it does not export, is taken
        if not (as_json and hasattr(error, "format_message")):
            raise
        failure = _usage_failure(error)
    if as_json:
        print(json.dumps(failure, ensure_ascii=False))
    sys.exit(failure["exit_code"])


def _usage_failure(error: Any) -> dict[str, Any]:
    """What typer says of words that a command does not take: printed as it prints it, and as an object."""
    from prefgen.cli.failures import failure_as_json

    error.show()
    return failure_as_json(error.format_message(), error.exit_code, "UsageError")
