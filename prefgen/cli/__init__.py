"""The command line: one file a command. stdout is data, stderr is talk.

Exit codes: 0 complete, 1 error, 2 usage or invalid recipe, 3 incomplete but resumable, 4 a gate failed, 5
budget reached, 130 interrupted.
"""

import sys

import typer

from prefgen.cli import (
    calibrate,
    check,
    diff,
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
app.add_typer(journal.app, name="cache", hidden=True, callback=journal.called_by_its_old_name)


def main() -> None:
    """Run the command line; an error that prefgen can explain is one line, without a traceback."""
    from prefgen.errors import PrefgenError

    try:
        app()
    except PrefgenError as error:
        for one_error in getattr(error, "errors", (error,)):
            print(f"prefgen: {one_error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:  # the world outside: a full disk, a folder that is none, no right to write
        print(
            f"prefgen: {error.strerror or error}{f': {error.filename}' if error.filename else ''}",
            file=sys.stderr,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        print("prefgen: interrupted", file=sys.stderr)
        sys.exit(130)
