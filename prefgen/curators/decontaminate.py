"""Drop prompts that a benchmark holds: word for word in a run of words, or nearly as a whole.

`against` are files that the user has (a row a benchmark item; the text column is found as for prompts). A prompt goes when it shares a run of
`ngram` words with an item (13, as in GPT-3, arXiv 2005.14165, appendix C), when a shorter item stands in it as a whole, or when it shares so many
runs of three words with one item that `overlap` of the shorter of the two is covered, which finds items that were edited. Nothing is fetched: a
benchmark that is not there is an error.
"""

from collections import Counter

from pydantic import Field

from prefgen.dataset.columns import prompt_column
from prefgen.dataset.rows import rows_of
from prefgen.errors import RecipeError
from prefgen.plugins import Plugin, curator
from prefgen.similarity import words_of
from prefgen.tables import Gone, Table
from prefgen.templates import beside_recipe

SHORT = 3
"""Words of the runs by which edited items are found."""
FEW = 8
"""Such runs that an item must have to be found by a part of them."""


@curator("decontaminate")
class Decontaminate(Plugin):
    """What was found stands as the neighbour: file and row of the item."""

    files = ("against",)

    against: tuple[str, ...] = Field(min_length=1, description="Files or folders of benchmark items, relative to the recipe.")
    column: str | None = Field(None, description="The column with the item's text. Default: as for prompts.")
    ngram: int = Field(13, ge=5, description="Words in a row that no prompt may share with an item (GPT-3: 13).")
    overlap: float = Field(0.5, gt=0, le=1, description="Part of the shorter text's runs of three words from which the two are the same.")

    def curate(self, rows: Table) -> Table:
        index = _Items(self.ngram)
        for path in self.against:
            for place, row in rows_of(beside_recipe(path), path):
                text = row[prompt_column(list(row), {"messages": self.column} if self.column else {}, place)]
                index.add(place, text if isinstance(text, str) else " ".join(str(turn.get("content", "")) for turn in text))
        if not index.names:
            raise RecipeError(f"against: no item was read from {', '.join(self.against)}")
        gone = {}
        for row_id, text in zip(rows.ids(), rows.column("conversation"), strict=True):
            found = index.held(words_of(text or "")[1:], self.overlap)  # without the role of the first turn
            if found:
                gone[row_id] = found
        return rows.dropping(gone)


class _Items:
    """Benchmark items by their runs of words."""

    def __init__(self, ngram: int) -> None:
        self._ngram = ngram
        self.names: list[str] = []
        self._long: dict[int, int] = {}
        self._whole: dict[int, list[str]] = {}
        self._short: dict[int, list[int]] = {}
        self._sizes: list[int] = []

    def add(self, name: str, text: str) -> None:
        words = words_of(text)
        number = len(self.names)
        self.names.append(name)
        for run in _runs(words, self._ngram):
            self._long.setdefault(run, number)
        runs = set(_runs(words, SHORT))
        self._sizes.append(len(runs))
        if len(runs) < FEW:
            self._whole[number] = words
        for run in runs:
            self._short.setdefault(run, []).append(number)

    def held(self, words: list[str], overlap: float) -> Gone | None:
        """Why a text is taken for one of the items, and which."""
        for run in _runs(words, self._ngram):
            if run in self._long:
                return Gone(f"benchmark: {self._ngram} words in a row", self.names[self._long[run]])
        mine = set(_runs(words, SHORT))
        shared: Counter[int] = Counter()
        for run in mine:
            shared.update(self._short.get(run, ()))
        alike = [(n / max(1, min(len(mine), self._sizes[i])), -i) for i, n in shared.items()]
        for share, item in sorted((one for one in alike if one[0] >= overlap), reverse=True):
            few = self._whole.get(-item)
            if _stands_in(few, words) if few is not None else len(mine) >= FEW:
                return Gone(f"benchmark: alike (overlap {share:.2f})", self.names[-item])
        return None


def _stands_in(few: list[str], words: list[str]) -> bool:
    """Whether a short text stands in another as a whole: of few words, a part of them proves nothing."""
    return any(words[i : i + len(few)] == few for i in range(len(words) - len(few) + 1))


def _runs(words: list[str], size: int) -> list[int]:
    """Hashes of the runs of `size` words, in order. They live within one process, so that Python's own hash will do."""
    return [hash(tuple(words[i : i + size])) for i in range(len(words) - size + 1)]
