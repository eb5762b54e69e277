"""What commands say: on a terminal in colour, folded between words and by pages; in a pipe plain
lines.

Everything passes `plain_text.clean`: what a model wrote never reaches a terminal as a command, nor rich as
markup.
"""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager, redirect_stdout
from typing import Annotated, Any, TextIO

import typer

from prefgen.text.plain_text import clean
from prefgen.text.said_lines import RULE_WIDTH, Line, Styled

NoPagerOption = Annotated[
    bool,
    typer.Option(
        "--no-pager",
        help="On a terminal: print it all, however long. Otherwise PREFGEN_PAGER, PAGER or less shows it.",
    ),
]


def on_terminal(stream: TextIO) -> bool:
    """Whether somebody looks at what is written there."""
    return stream.isatty()


def can_redraw(stream: TextIO) -> bool:
    """Whether that is a terminal which can take back what it shows."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def screen_width() -> int:
    return shutil.get_terminal_size().columns


def console_on(stream: TextIO) -> Any:
    """A rich console: without any escape code where NO_COLOR is set or the terminal is dumb."""
    from rich.console import Console

    plain = os.environ.get("NO_COLOR") or not can_redraw(stream)
    return Console(
        file=stream,
        width=screen_width(),
        force_terminal=stream.isatty(),
        color_system=None if plain else "auto",
        force_jupyter=False,
        highlight=False,
        markup=False,
        emoji=False,
    )


def say(*parts: Styled, indent: str = "", hanging: str = "", err: bool = False) -> None:
    """Print one text, with `err` on stderr. Its lines begin with `indent`; on a terminal they are folded
    between words, and all but the first begin with `hanging` too.
    """
    stream = sys.stderr if err else sys.stdout
    if not on_terminal(stream):
        print(Line(parts, indent), file=stream)
        return
    from rich.text import Text

    console = console_on(stream)
    whole = Text.assemble(
        *(clean(part) if isinstance(part, str) else (clean(part[0]), part[1]) for part in parts)
    )
    whole.expand_tabs(4)
    room = max(len(hanging) + 10, min(screen_width(), RULE_WIDTH) - len(indent))
    first, *others = whole.wrap(console, room) or [Text()]
    if others:
        rest = whole[len(first.plain.rstrip()) :]
        others = rest[_line_end(rest.plain) :].wrap(console, room - len(hanging))
    for beginning, line in (("", first), *((hanging, line) for line in others)):
        line.rstrip()
        console.print(Text(indent + beginning) + line, soft_wrap=True)


def say_note(text: str) -> None:
    """Say on stderr what is no data: an error, what goes before a question, what became of it all."""
    say(text, hanging="  ", err=True)


def say_lines(lines: Iterable[Line]) -> None:
    """Print what there is to say, as `say` does."""
    for line in lines:
        say(*line.parts, indent=line.indent, hanging=line.hanging)


def _line_end(text: str) -> int:
    """Where the spaces end at which a line was folded, or the newline that ended it."""
    match = re.match(r" *\n?", text)
    assert match
    return match.end()


def rule() -> None:
    """A line across the screen."""
    say(("─" * min(screen_width(), RULE_WIDTH), "dim"))


@contextmanager
def paged(*, off: bool = False) -> Generator[None]:
    """What is said within goes through the user's pager where it is longer than the terminal, as with git."""
    pager = None if off or not can_redraw(sys.stdout) else pager_command()
    if pager is None:
        yield
        return
    screen, page = sys.stdout, _Page()
    try:
        with redirect_stdout(page):
            yield
    except BaseException:
        screen.write(page.getvalue())
        raise
    text = page.getvalue()
    if not _is_longer_than_screen(text) or not _show_in(pager, text):
        screen.write(text)


class _Page(io.StringIO):
    """What will be seen on the terminal."""

    def isatty(self) -> bool:
        return True


def pager_command() -> str | None:
    """PREFGEN_PAGER, PAGER, or less; None for none (an empty one, `cat`)."""
    for name in ("PREFGEN_PAGER", "PAGER"):
        if name in os.environ:
            command = os.environ[name].strip()
            return None if command in ("", "cat") else command
    return "less -R -F -X" if shutil.which("less") else None


def _is_longer_than_screen(text: str) -> bool:
    from rich.cells import cell_len

    size = shutil.get_terminal_size()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).split("\n")
    return sum(max(1, -(-cell_len(line) // size.columns)) for line in lines) >= size.lines


def _show_in(pager: str, text: str) -> bool:
    """Whether the pager was there to show it. What it reads it may leave off reading."""
    environment = {"LESS": "RFX", **os.environ}  # a less without options would show colours as ESC[1m
    process = subprocess.Popen(["/bin/sh", "-c", pager], stdin=subprocess.PIPE, env=environment)  # noqa: S603
    while True:
        try:  # Ctrl-C is the pager's
            process.communicate(text.encode(errors="replace"))
            return process.returncode not in (126, 127)
        except KeyboardInterrupt:
            continue
