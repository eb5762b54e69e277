"""A table of prompts or pairs as a curator sees it: columns of the rows that are there, and why the others
went.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:  # pyarrow takes 0.3 s to import, and most users of this module only name the type
    import pyarrow as pa


@dataclass(frozen=True)
class BadRow:
    """A row of somebody's table that was left out: where it stands, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Dropped:
    """Why a row went, and the row that it resembled most, if that was the reason."""

    reason: str
    neighbour: str | None = None


@dataclass(frozen=True)
class Table:
    """`rows` are prompts or pairs, `dropped` says why each other row went.

    Prompts have the columns id, text, conversation, source, category and language. Pairs have id, prompt_id,
    rule, source, category, chosen_id, rejected_id, chosen_model, rejected_model, chosen_words, rejected_words
    (numbers of words), chosen_text (equal where the chosen texts are, after normalising), margin and
    chosen_probability (None where the pair has none; a curator may set it).
    """

    rows: "pa.Table"
    dropped: Mapping[str, Dropped] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    """What a curator has to tell whoever runs it, a line each."""
    reference_rows: "pa.Table | None" = None
    """Rows with the same columns that the curator named (`reference_rows`): to compare with, and not of the
    set.
    """

    def ids(self) -> list[str]:
        return self.rows.column("id").to_pylist()

    def column(self, name: str) -> list[Any]:
        return self.rows.column(name).to_pylist()

    def dropping(self, dropped: Mapping[str, Dropped]) -> Self:
        """The table without the rows of these ids; the reasons are kept."""
        import pyarrow as pa

        mask = pa.array([row_id not in dropped for row_id in self.ids()], pa.bool_())
        return replace(self, rows=self.rows.filter(mask), dropped={**self.dropped, **dropped})
