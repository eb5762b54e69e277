"""A table of commas, semicolons or tabs, row by row."""

import csv
import io
from collections.abc import Sequence

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.file_splits import Rows
from prefgen.errors import RecipeError

MAX_FIELD = 2**24
"""Characters of one cell of a table."""


def parse_table(text: str, display_path: str, bad_rows: BadRows) -> Rows:
    """Rows of a table with a header, in commas, semicolons (where the header has no comma) or tabs; empty
    rows are left out. A row is named by the line that it begins with. Raises RecipeError.
    """
    header = text.lstrip().splitlines()[0] if text.strip() else ""
    if header.casefold().startswith("sep="):
        raise RecipeError(
            f"begins with {header!r}, a note for a spreadsheet: take the line away", display_path
        )
    delimiter = next((mark for mark in ("\t", ",", ";") if mark in header), ",")
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    line = 1
    try:
        for cells in reader:
            where, line = f"{display_path}:{line}", reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = [name.strip() for name in cells]
                if len(set(names)) != len(names):
                    raise RecipeError(f"two columns have one name: {', '.join(names)}", where)
            elif (problem := _problem(cells, names)) is not None:
                bad_rows.refuse(RecipeError(problem, where), where)
            else:
                yield where, dict(zip(names, cells, strict=True))
    except csv.Error as error:
        raise RecipeError(f"not a valid table ({error})", f"{display_path}:{reader.line_num}") from None


def _problem(cells: Sequence[str], names: Sequence[str]) -> str | None:
    """What speaks against a row; a quote behind a blank quotes nothing, and would stay in the cell."""
    if len(cells) != len(names):
        return f"the row has another number of columns than the header ({len(cells)} of {len(names)})"
    for name, cell in zip(names, cells, strict=True):
        if (
            cell[:1] == " "
            and cell.lstrip()[:1] == '"'
            and len(cell.strip()) > 1
            and cell.rstrip()[-1] == '"'
        ):
            return f"{name}: a quote stands behind a blank ({cell[:40]!r}): take the blank away"
    return None
