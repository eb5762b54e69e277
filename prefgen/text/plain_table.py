"""Tables as lines of plain text: numbers to the right, names to the left, however long."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prefgen.text.plain_text import clean

GAP = 2


@dataclass(frozen=True)
class Column:
    """A column; one that is `optional` is left out on a terminal before anything else is done for want of
    room.
    """

    name: str
    is_number: bool = False
    optional: bool = False


Row = Sequence[str]


def cleaned_rows(rows: Sequence[Row]) -> list[list[str]]:
    """The rows, each cell on one line."""
    return [[" ".join(clean(cell).split()) for cell in row] for row in rows]


def plain_table(columns: Sequence[Column], rows: Sequence[Row]) -> Iterator[str]:
    """The heading and a line a row."""
    from rich.cells import cell_len

    lines = [[column.name for column in columns], *cleaned_rows(rows)]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        cells = []
        for column, cell, width in zip(columns, line, widths, strict=True):
            padding = " " * (width - cell_len(cell))
            cells.append(padding + cell if column.is_number else cell + padding)
        yield (" " * GAP).join(cells).rstrip()
