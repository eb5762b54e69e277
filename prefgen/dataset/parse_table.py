"""A table of commas, semicolons or tabs, row by row."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.file_splits import Rows
from prefgen.errors import RecipeError

MAX_FIELD = 2**24
"""Characters of one cell of a table."""
_QUOTED = re.compile(r'"[^"]*"')


def parse_table(text: str, display_path: str, bad_rows: BadRows) -> Rows:
    """Rows of a table with a header, in commas, semicolons (where the header has no comma) or tabs; empty
    rows, and columns that have neither a name nor a cell, are left out. A row is named by the line that it
    begins with. Raises RecipeError.
    """
    delimiter = _delimiter(text, display_path)
    is_quoted = '"' not in text or _has_certain_quotes(text, delimiter)
    lines = _Lines(text)
    names: list[str] = []
    line = 1
    try:
        for cells in lines.rows(delimiter):
            where, line, written = f"{display_path}:{line}", lines.number + 1, lines.taken()
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = _names(cells, where)
            elif (problem := _problem(cells, names, written, delimiter, is_quoted)) is not None:
                bad_rows.refuse(RecipeError(problem, where), where)
            else:
                row = dict(zip(names, cells, strict=True))
                yield where, row if names.count("") < 2 else {n: cell for n, cell in row.items() if n}
    except csv.Error as error:
        raise RecipeError(f"not a valid table ({error})", f"{display_path}:{lines.number}") from None


class _Lines:
    """The lines of a text, and which of them the reader has taken since it was last asked: it does not tell
    which of its cells had quotes.
    """

    def __init__(self, text: str) -> None:
        self._file = io.StringIO(text, newline="")
        self._taken: list[str] = []
        self.number = 0

    def rows(self, delimiter: str) -> Iterable[list[str]]:
        csv.field_size_limit(MAX_FIELD)
        return csv.reader(self, delimiter=delimiter, strict=True)

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.number += 1
            self._taken.append(line)
            yield line

    def taken(self) -> list[str]:
        taken, self._taken = self._taken, []
        return taken


def _delimiter(text: str, display_path: str) -> str:
    header = text.lstrip().splitlines()[0] if text.strip() else ""
    if header.casefold().startswith("sep="):
        raise RecipeError(
            f"begins with {header!r}, a note for a spreadsheet: take the line away", display_path
        )
    marks = _QUOTED.sub("", header)
    delimiter = next((mark for mark in ("\t", ",", ";") if mark in marks), None)
    if delimiter is None and "|" in marks:
        raise RecipeError(
            f"its header {header[:60]!r} holds no comma, semicolon or tab, which are what a table is read by",
            display_path,
        )
    return delimiter or ","


def _names(cells: Sequence[str], where: str) -> list[str]:
    """The names of a header; of columns without one there may be several."""
    names = [name.strip() for name in cells]
    filled = [name for name in names if name]
    if len(set(filled)) != len(filled):
        raise RecipeError(f"two columns have one name: {', '.join(names)}", where)
    return names


def _has_certain_quotes(text: str, delimiter: str) -> bool:
    """Whether quotes quote in this table: its header has some, a row has its columns only with them, or a
    cell has doubled ones. Where none of this is so, they may be text of a table that never quotes.
    """
    lines = _Lines(text)
    width = 0
    try:
        for cells in lines.rows(delimiter):
            written = lines.taken()
            if not width:
                width = len(cells) if any(cell.strip() for cell in cells) else 0
                if any('"' in line for line in written):
                    return True
            elif len(cells) == width and any('"' in line for line in written):
                is_plain = _are_whole_rows(written, width, delimiter)
                if not is_plain or any('"' in cell for cell in cells if _as_quoted(cell) in written[0]):
                    return True
    except csv.Error:
        return False
    return False


def _are_whole_rows(lines: Sequence[str], width: int, delimiter: str) -> bool:
    """Whether each line is a row of its own, with quotes as text; a comma before a blank is a sentence's."""
    is_prose = delimiter != "\t" and any(f"{delimiter} " in line for line in lines)
    return not is_prose and all(line.count(delimiter) == width - 1 for line in lines)


def _as_quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def _problem(
    cells: Sequence[str], names: Sequence[str], written: Sequence[str], delimiter: str, is_quoted: bool
) -> str | None:
    """What speaks against a row: another number of columns, a cell under no name where several columns have
    none, a quote behind a blank, which quotes nothing and would stay in the cell, and quotes of which it is
    not known whether they are text.
    """
    if len(cells) != len(names):
        return f"the row has another number of columns than the header ({len(cells)} of {len(names)})"
    if names.count("") > 1 and any(not n and cell.strip() for n, cell in zip(names, cells, strict=True)):
        return "a cell stands under no name, and several columns have none"
    for name, cell in zip(names, cells, strict=True):
        plain = cell.strip()
        is_marked = len(plain) > 1 and plain[0] == plain[-1] == '"'
        if cell[:1] == " " and is_marked and _as_quoted(cell) not in "".join(written):
            return f"{name}: a quote stands behind a blank ({cell[:40]!r}): take the blank away"
    is_tabs = delimiter == "\t"
    if len(written) > 1 and (is_tabs or not is_quoted) and _are_whole_rows(written, len(names), delimiter):
        return f"a quote joins {len(written)} lines of which each is a whole row{_DOUBT}"
    if is_tabs and not is_quoted:
        quoted = [cell for cell in written[0].rstrip("\r\n").split(delimiter) if cell[:1] == '"' != cell]
        if any(cell != '""' for cell in quoted):
            return f"nothing in {quoted[0][:40]!r} needs its quotes{_DOUBT}"
    return None


_DOUBT = (
    ": are they text, or do they quote? Save the table as JSON lines, or with quotes about every name of its "
    "header"
)
