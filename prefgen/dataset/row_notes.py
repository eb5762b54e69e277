"""What a check says of rows without calling them broken: ids that stand twice, sides that repeat the
prompt.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from prefgen.dataset.cells import is_missing
from prefgen.dataset.pair import Turns, text_of

LEAST_WORDS = 3
"""Words of a prompt from which on it is no chance that both sides begin with it."""


DOUBLED = "have the id of an earlier row"
REPEATED = "have sides that begin with the prompt, which a trainer would show twice"


class RowNotes:
    """Counts over all rows; of what was seen, hashes are kept."""

    def __init__(self) -> None:
        self._ids: set[bytes] = set()
        self._places: dict[str, tuple[int, str]] = {}
        """{what is the matter: (rows, where the first one stands)}."""

    def add(self, where: str, row: Mapping[str, Any], prompt: Turns, chosen: Turns, rejected: Turns) -> None:
        """Take a row; the turns are those that `pair_messages` read from it."""
        if not is_missing(row_id := row.get("id")):
            key = hashlib.blake2b(str(row_id).encode("utf-8", "replace"), digest_size=12).digest()
            if key in self._ids:
                self._count(DOUBLED, where)
            self._ids.add(key)
        asked = text_of(prompt[-1:]).strip()
        begin = [text_of(side[:1]).lstrip()[: len(asked)] for side in (chosen, rejected)]
        if len(asked.split()) >= LEAST_WORDS and begin == [asked, asked]:
            self._count(REPEATED, where)

    def _count(self, matter: str, where: str) -> None:
        rows, first = self._places.get(matter, (0, where))
        self._places[matter] = rows + 1, first

    def sentences(self) -> list[str]:
        """A note for each matter that was found."""
        return [f"{rows:,} rows {matter}, such as {first}" for matter, (rows, first) in self._places.items()]
