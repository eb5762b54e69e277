"""Rows that cannot be taken: by policy the first one stops everything, or all of them are left out and
written down with their reasons.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, TypeVar

from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import atomic_write
from prefgen.tables import BadRow

Row = TypeVar("Row")
Read = TypeVar("Read")
OnBadRows = Literal["fail", "drop"]
BAD_ROWS = "bad_rows.jsonl"
"""The file beside what was written, where rows were left out."""

_NAMED = re.compile("on[-_]bad[-_]rows")
"""The remedy, in an error that names it already."""


class BadRows:
    """What becomes of bad rows while a table is read."""

    def __init__(self, policy: OnBadRows = "fail") -> None:
        self.policy: OnBadRows = policy
        self.rows: list[BadRow] = []
        self.places_by_rule: dict[str, list[str]] = {}
        """{rule of `check` that is broken: where its rows stand}; what cannot be read breaks the form."""
        self._remedy = ""

    def name_remedy(self, location: str, columns: Mapping[str, str]) -> None:
        """Say from here on, with the row that stops everything, what can be done about bad rows of the
        dataset at `location`, whose columns have these names.
        """
        words = ["prefgen", "check", location]
        for ours, theirs in columns.items():
            words += ["--columns", f"{ours}={theirs}"]
        check = shlex.join(words)
        self._remedy = (
            f"`{check}` lists all such rows, `--on-bad-rows drop` leaves them out here, and "
            f"`{check} --drop -o NEW` for good"
        )

    def refuse(self, error: RecipeError, where: str, place: str | None = None) -> None:
        """Raise the error, or note the row that it is about, under its `place` if that says more."""
        if self.policy == "fail":
            if self._remedy and not getattr(error, "is_of_mapping", False) and not _NAMED.search(str(error)):
                error.args = (f"{error}; {self._remedy}",)
            raise error
        self.rows.append(BadRow(place or where, str(error).removeprefix(f"{where}: ")))
        self.places_by_rule.setdefault(getattr(error, "rule", "form"), []).append(place or where)

    def each(
        self, rows: Iterable[tuple[str, Row]], read: Callable[[Row, str], Read]
    ) -> Iterator[tuple[str, Read]]:
        """What `read` makes of each row and of where it stands; a row of which it raises RecipeError is
        refused.
        """
        for where, row in rows:
            try:
                found = read(row, where)
            except RecipeError as error:
                self.refuse(error, where, place_of(where, row) if isinstance(row, Mapping) else None)
                continue
            yield where, found

    def sentence(self) -> str:
        """How many were left out, and the first of them; empty for none."""
        if not self.rows:
            return ""
        first, count = self.rows[0], len(self.rows)
        rows = "1 row was" if count == 1 else f"{count:,} rows were"
        return f"{rows} left out, such as {first.where}: {first.reason}"


def place_of(where: str, row: Mapping[str, Any]) -> str:
    """Where a row stands, and its own id if it has one."""
    row_id = row.get("id")
    names_id = isinstance(row_id, str | int) and str(row_id) not in where
    return f"{where} (id {str(row_id)[:40]})" if names_id else where


def write_bad_rows(rows: Sequence[BadRow], path: Path) -> None:
    """A line of JSON a row; without rows no file, and none that stood there."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
