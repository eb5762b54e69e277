"""Tables that fit: numbers are never cut, names are folded, and where even that is too wide each row is a
block of lines.
"""

import sys
from collections.abc import Sequence
from typing import Any

from prefgen.cli.screen import console_on, on_terminal, say, screen_width
from prefgen.text.plain_table import GAP, Column, Row, cleaned_rows, plain_table

RULES = "    \n    \n ── \n    \n    \n ── \n    \n    \n"
"""A rule under the header, and one above the sum (the form is rich.box.Box's)."""
LEAST_NAME = 10
"""Characters from which on a name is folded."""


def print_table(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """On a terminal with rules and folded to its width; in a pipe one line a row, however long."""
    if not on_terminal(sys.stdout):
        print("\n".join(plain_table(columns, rows)))
        return
    cleaned = cleaned_rows(rows)
    table = fitted_table(columns, cleaned, screen_width())
    if table is None:
        _print_blocks(columns, cleaned)
    else:
        console_on(sys.stdout).print(table)


def _print_blocks(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """The first cell of each row as its heading, the others under it with their names."""
    longest = max(len(column.name) for column in columns[1:])
    for row in rows:
        say((row[0], "bold"))
        for column, cell in zip(columns[1:], row[1:], strict=True):
            if cell:
                say(
                    (f"{column.name:{longest}}", "dim"), f"  {cell}", indent="  ", hanging=" " * (longest + 2)
                )


def fitted_table(
    columns: Sequence[Column], rows: Sequence[Row], width: int, total: Row | None = None
) -> Any | None:
    """A rich table of at most `width` characters, `total` being its last row; None where there is no room for
    one.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    lines = [*rows, *([total] if total else [])]
    shown = list(range(len(columns)))
    while True:
        widths = _widths([columns[i] for i in shown], [[line[i] for line in lines] for i in shown], width)
        if widths is not None:
            break
        optional = [i for i in shown if columns[i].optional]
        if not optional:
            return None
        shown.remove(optional[-1])
    table = Table(
        box=box.Box(RULES), show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0), border_style="dim",
        header_style="bold", show_footer=total is not None, footer_style="bold",
    )  # fmt: skip
    for i, column_width in zip(shown, widths, strict=True):
        column = columns[i]
        table.add_column(
            Text(column.name), Text(total[i]) if total else "", width=column_width, overflow="fold",
            justify="right" if column.is_number else "left",
        )  # fmt: skip
    for row in rows:
        table.add_row(*(Text(row[i]) for i in shown))
    return table


def _widths(columns: Sequence[Column], cells: Sequence[Row], width: int) -> list[int] | None:
    """How wide each column is, of which these are the cells: all that it holds, or of names less; None where
    the least is too much.
    """
    from rich.cells import cell_len

    natural: list[int] = []
    uncut: list[int] = []  # what holds each word
    least: list[int] = []
    for column, texts in zip(columns, cells, strict=True):
        header = max(map(cell_len, column.name.split()), default=0)
        longest = max(map(cell_len, texts), default=0)
        word = max((cell_len(word) for text in texts for word in text.split()), default=0)
        uncut.append(max(header, word))
        natural.append(max(header, longest))
        least.append(natural[-1] if column.is_number else max(header, min(longest, LEAST_NAME)))
    room = width - GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    for floors in (list(map(max, uncut, least)), least):  # between words first, then within them
        while sum(natural) > room:
            wide = [
                i
                for i, (width_now, floor) in enumerate(zip(natural, floors, strict=True))
                if width_now > floor
            ]
            if not wide:
                break
            natural[max(wide, key=lambda i: natural[i])] -= 1
    # a heading stays on one line where there is room for it
    for i, column in enumerate(columns):
        missing = cell_len(column.name) - natural[i]
        if 0 < missing <= room - sum(natural):
            natural[i] += missing
    return natural
