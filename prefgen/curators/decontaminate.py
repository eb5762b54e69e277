"""Drop prompts that a benchmark holds: word for word in a run of words, nearly as a whole, or by the cosine of vectors.

`against` are files that the user has (a row a benchmark item; the text column is found as for prompts); `benchmarks` names public ones, which are
read from the Hub. A prompt goes when it shares a run of `ngram` words with an item (13, as in GPT-3, arXiv 2005.14165, appendix C), when a shorter
item stands in it as a whole, when it shares so many runs of three words with one item that `overlap` of the shorter of the two is covered, which
finds items that were edited, or, if a `cosine` is given, when its vector is so near to that of an item, which finds those that were put in other
words (Yang et al., arXiv 2311.04850). A benchmark that is not there is an error.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from pydantic import Field, field_validator, model_validator

from prefgen.curators._benchmarks import BENCHMARKS
from prefgen.dataset.columns import prompt_column
from prefgen.dataset.hub import hub_rows
from prefgen.dataset.read_files import rows_of
from prefgen.errors import RecipeError
from prefgen.kit.prompt_vectors import MODEL, column, said, vector, vectors
from prefgen.kit.templates import beside_recipe
from prefgen.plugins.registry import Plugin, curator, did_you_mean
from prefgen.roles import Ask
from prefgen.tables import Dropped, Table
from prefgen.text.near_duplicates import words_of
from prefgen.text.vectors import hashed_ngrams
from prefgen.types import Prompt

SHORT = 3
"""Words of the runs by which edited items are found."""
FEW = 8
"""Such runs that an item must have to be found by a part of them."""
BLOCK = 1024
ROUNDING = 1e-6


@curator("decontaminate")
class Decontaminate(Plugin):
    """What was found stands as the neighbour: file (or benchmark) and row of the item."""

    file_fields = ("against",)
    cost = "1 embedding a prompt and an item, where a model is named"

    against: tuple[str, ...] = Field(
        (), description="Files or folders of benchmark items, relative to the recipe."
    )
    benchmarks: tuple[str, ...] = Field(
        (), description=f"Public ones, read from the Hub: {', '.join(BENCHMARKS)}."
    )
    column: str | None = Field(
        None, description="The column of the files with the item's text. Default: as for prompts."
    )
    ngram: int = Field(
        13, ge=5, description="Words in a row that no prompt may share with an item (GPT-3: 13)."
    )
    overlap: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Part of the shorter text's runs of three words from which the two are the same.",
    )
    cosine: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Cosine of vectors from which the two are the same. Default: not compared.",
    )
    model: str | None = Field(None, description=f"cosine: {MODEL[0].lower()}{MODEL[1:]}")

    @field_validator("benchmarks")
    @classmethod
    def _benchmarks_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in BENCHMARKS:
                raise ValueError(
                    f"there is no benchmark {name!r} in the list{did_you_mean(name, list(BENCHMARKS))}"
                )
        return names

    @model_validator(mode="after")
    def _says_against_what(self) -> "Decontaminate":
        if not self.against and not self.benchmarks:
            raise ValueError("give against, benchmarks, or both")
        if self.model is not None and self.cosine is None:
            raise ValueError("a model gives vectors: say from which `cosine` two are the same")
        return self

    def output_column(self) -> str:
        return column(self.model)

    async def annotate(self, prompt: Prompt, ask: Ask) -> list[float]:
        return await vector(self.model, prompt, ask)

    def reference_rows(self) -> Iterator[tuple[str, Prompt]]:
        for place, text in self._items:
            if text.strip():
                yield place, Prompt.of(text)

    @cached_property
    def _items(self) -> list[tuple[str, str]]:
        """(place, text) of every item. Raises RecipeError where there is none."""
        found = list(self._read())
        if not found:
            raise RecipeError(
                f"against: no item was read from {', '.join((*self.against, *self.benchmarks))}"
            )
        return found

    def _read(self) -> Iterator[tuple[str, str]]:
        for path in self.against:
            for place, row in rows_of(beside_recipe(path), path):
                yield (
                    place,
                    _text(
                        row[prompt_column(list(row), {"messages": self.column} if self.column else {}, place)]
                    ),
                )
        for name in self.benchmarks:
            found = BENCHMARKS[name]
            try:
                for number, row in enumerate(hub_rows(found.path, found.config, found.split, None), 1):
                    yield f"{name}:{number}", _text(row[found.column])
            except RecipeError as wrong:
                raise RecipeError(
                    f"benchmark {name!r}: {wrong} Without a network, name a file of its items under `against`"
                ) from wrong

    def curate(self, rows: Table) -> Table:
        index = _Items(self.ngram)
        for place, text in self._items:
            index.add(place, text)
        gone = {}
        for row_id, text in zip(rows.ids(), rows.column("conversation"), strict=True):
            found = index.held(words_of(text or "")[1:], self.overlap)  # without the role of the first turn
            if found:
                gone[row_id] = found
        if self.cosine is None:
            return _told(rows.dropping(gone))
        there, near = self._near(rows, self.cosine)
        ids = rows.ids()
        gone = {ids[i]: one for i, one in near.items()} | gone
        thinned = _told(rows.dropping(gone))
        return replace(thinned, said=(*thinned.notices, *said(rows, there, "decontaminate")))

    def _near(self, rows: Table, cosine: float) -> tuple[list[int], dict[int, Dropped]]:
        """(the rows that have a vector; those of them that are near to an item, with it)."""
        import numpy as np

        there, matrix = vectors(rows, self.model)
        if self.model:
            assert rows.reference_rows is not None, "the engine annotates the reference rows"
            places, items = (
                rows.reference_rows.column("id").to_pylist(),
                vectors(rows, self.model, reference=True),
            )
            names, against = [places[i] for i in items[0]], items[1]
        else:
            names, against = (
                [place for place, _ in self._items],
                hashed_ngrams([text for _, text in self._items]),
            )
        gone = {}
        for start in range(0, len(there) if len(names) else 0, BLOCK):
            found = matrix[start : start + BLOCK] @ against.T
            best = found.argmax(axis=1)
            for i in np.flatnonzero(found[np.arange(len(found)), best] >= cosine - ROUNDING).tolist():
                gone[there[start + i]] = Dropped(
                    f"benchmark: alike (cosine {found[i, best[i]]:.2f})", names[int(best[i])]
                )
        return there, gone


def _text(found: Any) -> str:
    if isinstance(found, str):
        return found
    return " ".join(turn if isinstance(turn, str) else str(turn.get("content", "")) for turn in found or ())


def _told(thinned: Table) -> Table:
    """The table, and for each benchmark how much of it was found."""
    held: dict[str, Counter[str]] = {}
    for gone in thinned.dropped.values():
        if gone.reason.startswith("benchmark: ") and gone.neighbour:
            name = gone.neighbour.rpartition(":")[0] or gone.neighbour.partition(" row ")[0]
            held.setdefault(name, Counter())[gone.neighbour] += 1
    lines = [
        f"decontaminate: {name}: {found.total():,} prompts hold {len(found):,} of its items"
        for name, found in sorted(held.items())
    ]
    return replace(thinned, said=(*thinned.notices, *lines))


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

    def held(self, words: list[str], overlap: float) -> Dropped | None:
        """Why a text is taken for one of the items, and which."""
        for run in _runs(words, self._ngram):
            if run in self._long:
                return Dropped(f"benchmark: {self._ngram} words in a row", self.names[self._long[run]])
        mine = set(_runs(words, SHORT))
        shared: Counter[int] = Counter()
        for run in mine:
            shared.update(self._short.get(run, ()))
        alike = [(n / max(1, min(len(mine), self._sizes[i])), -i) for i, n in shared.items()]
        for share, item in sorted((one for one in alike if one[0] >= overlap), reverse=True):
            few = self._whole.get(-item)
            if _stands_in(few, words) if few is not None else len(mine) >= FEW:
                return Dropped(f"benchmark: alike (overlap {share:.2f})", self.names[-item])
        return None


def _stands_in(few: list[str], words: list[str]) -> bool:
    """Whether a short text stands in another as a whole: of few words, a part of them proves nothing."""
    return any(words[i : i + len(few)] == few for i in range(len(words) - len(few) + 1))


def _runs(words: list[str], size: int) -> list[int]:
    """Hashes of the runs of `size` words, in order. They live within one process, so that Python's own hash will do."""
    return [hash(tuple(words[i : i + size])) for i in range(len(words) - size + 1)]
