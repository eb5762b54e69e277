"""Drop prompts that a benchmark holds: word for word in a run of words, nearly as a whole, or by the cosine
of vectors.

`against` are files that the user has (a row a benchmark item; the text column is found as for prompts);
`benchmarks` names public ones, which are read from the Hub. A prompt goes when it shares a run of `ngram`
words with an item (13, as in GPT-3, arXiv 2005.14165, appendix C), when a shorter item stands in it as a
whole, when it shares so many runs of three words with one item that `overlap` of the shorter of the two is
covered, which finds items that were edited, or, if a `cosine` is given, when its vector is so near to that of
an item, which finds those that were put in other words (Yang et al., arXiv 2311.04850). A benchmark that is
not there is an error.
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
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError, did_you_mean
from prefgen.kit.prompt_vectors import (
    MODEL_DESCRIPTION,
    embed_prompt,
    missing_vector_notices,
    read_vectors,
    vector_column,
)
from prefgen.kit.templates import path_beside_recipe
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.tables import Dropped, Table
from prefgen.text.near_duplicates import words_of
from prefgen.text.vectors import ROUNDING_ERROR, ROWS_A_BLOCK, hashed_ngrams
from prefgen.types import Prompt

SHORT_RUN = 3
"""Words of the runs by which edited items are found."""
MIN_SHORT_RUNS = 8
"""Such runs that an item must have to be found by a part of them."""


@curator("decontaminate")
class Decontaminate(Plugin):
    """What was found stands as the neighbour: file (or benchmark) and row of the item."""

    file_fields = ("against",)
    cost = "1 embedding a prompt and an item, where a model is named"

    against: tuple[str, ...] = Field(
        default=(), description="Files or folders of benchmark items, relative to the recipe."
    )
    benchmarks: tuple[str, ...] = Field(
        default=(), description=f"Public ones, read from the Hub: {', '.join(BENCHMARKS)}."
    )
    column: str | None = Field(
        default=None, description="The column of the files with the item's text. Default: as for prompts."
    )
    ngram: int = Field(
        default=13, ge=5, description="Words in a row that no prompt may share with an item (GPT-3: 13)."
    )
    overlap: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Part of the shorter text's runs of three words from which the two are the same.",
    )
    cosine: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Cosine of vectors from which the two are the same. Default: not compared.",
    )
    model: str | None = Field(
        default=None, description=f"cosine: {MODEL_DESCRIPTION[0].lower()}{MODEL_DESCRIPTION[1:]}"
    )

    @field_validator("benchmarks")
    @classmethod
    def _check_benchmarks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in BENCHMARKS:
                raise ValueError(
                    f"there is no benchmark {name!r} in the list{did_you_mean(name, list(BENCHMARKS))}"
                )
        return names

    @model_validator(mode="after")
    def _check_against(self) -> "Decontaminate":
        if not self.against and not self.benchmarks:
            raise ValueError("give against, benchmarks, or both")
        if self.model is not None and self.cosine is None:
            raise ValueError("a model gives vectors: say from which `cosine` two are the same")
        return self

    def output_column(self) -> str:
        return vector_column(self.model)

    async def annotate(self, prompt: Prompt, ask: Ask) -> list[float]:
        return await embed_prompt(self.model, prompt, ask)

    def reference_rows(self) -> Iterator[tuple[str, Prompt]]:
        for where, text in self._items:
            if text.strip():
                yield where, Prompt.of(text)

    @cached_property
    def _items(self) -> list[tuple[str, str]]:
        """(place, text) of every item. Raises RecipeError where there is none."""
        items = list(self._read_items())
        if not items:
            raise RecipeError(
                f"against: no item was read from {', '.join((*self.against, *self.benchmarks))}"
            )
        return items

    def _read_items(self) -> Iterator[tuple[str, str]]:
        for path in self.against:
            for where, row in read_rows(path_beside_recipe(path), path):
                yield (
                    where,
                    _text_of(
                        row[prompt_column(list(row), {"messages": self.column} if self.column else {}, where)]
                    ),
                )
        for name in self.benchmarks:
            benchmark = BENCHMARKS[name]
            try:
                for number, row in enumerate(
                    hub_rows(benchmark.path, benchmark.config, benchmark.split, None), 1
                ):
                    yield f"{name}:{number}", _text_of(row[benchmark.column])
            except RecipeError as error:
                raise RecipeError(
                    f"benchmark {name!r}: {error} Without a network, name a file of its items under `against`"
                ) from error

    def curate(self, rows: Table) -> Table:
        index = _ItemIndex(self.ngram)
        for where, text in self._items:
            index.add(where, text)
        dropped = {}
        for row_id, text in zip(rows.ids(), rows.column("conversation"), strict=True):
            # without the role of the first turn
            match = index.find_match(words_of(text or "")[1:], self.overlap)
            if match:
                dropped[row_id] = match
        if self.cosine is None:
            return _with_notices(rows.dropping(dropped))
        positions, near_items = self._nearest_items(rows, self.cosine)
        ids = rows.ids()
        dropped = {ids[i]: drop for i, drop in near_items.items()} | dropped
        table = _with_notices(rows.dropping(dropped))
        return replace(
            table, notices=(*table.notices, *missing_vector_notices(rows, positions, "decontaminate"))
        )

    def _nearest_items(self, rows: Table, cosine: float) -> tuple[list[int], dict[int, Dropped]]:
        """(the rows that have a vector; those of them that are near to an item, with it)."""
        import numpy as np

        positions, matrix = read_vectors(rows, self.model)
        if self.model:
            assert rows.reference_rows is not None, "the engine annotates the reference rows"
            item_ids, item_vectors = (
                rows.reference_rows.column("id").to_pylist(),
                read_vectors(rows, self.model, reference=True),
            )
            names, item_matrix = [item_ids[i] for i in item_vectors[0]], item_vectors[1]
        else:
            names, item_matrix = (
                [where for where, _ in self._items],
                hashed_ngrams([text for _, text in self._items]),
            )
        dropped = {}
        for start in range(0, len(positions) if len(names) else 0, ROWS_A_BLOCK):
            cosines = matrix[start : start + ROWS_A_BLOCK] @ item_matrix.T
            best = cosines.argmax(axis=1)
            for i in np.flatnonzero(
                cosines[np.arange(len(cosines)), best] >= cosine - ROUNDING_ERROR
            ).tolist():
                dropped[positions[start + i]] = Dropped(
                    f"benchmark: alike (cosine {cosines[i, best[i]]:.2f})", names[int(best[i])]
                )
        return positions, dropped


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return " ".join(turn if isinstance(turn, str) else str(turn.get("content", "")) for turn in value or ())


def _with_notices(table: Table) -> Table:
    """The table, and for each benchmark how much of it was found."""
    counts: dict[str, Counter[str]] = {}
    for drop in table.dropped.values():
        if drop.reason.startswith("benchmark: ") and drop.neighbour:
            name = drop.neighbour.rpartition(":")[0] or drop.neighbour.partition(" row ")[0]
            counts.setdefault(name, Counter())[drop.neighbour] += 1
    notices = [
        f"decontaminate: {name}: {item_counts.total():,} prompts hold {len(item_counts):,} of its items"
        for name, item_counts in sorted(counts.items())
    ]
    return replace(table, notices=(*table.notices, *notices))


class _ItemIndex:
    """Benchmark items by their runs of words."""

    def __init__(self, ngram: int) -> None:
        self._ngram = ngram
        self.names: list[str] = []
        self._long_runs: dict[int, int] = {}
        self._short_items: dict[int, list[str]] = {}
        self._short_runs: dict[int, list[int]] = {}
        self._run_counts: list[int] = []

    def add(self, name: str, text: str) -> None:
        words = words_of(text)
        index = len(self.names)
        self.names.append(name)
        for run in _run_hashes(words, self._ngram):
            self._long_runs.setdefault(run, index)
        runs = set(_run_hashes(words, SHORT_RUN))
        self._run_counts.append(len(runs))
        if len(runs) < MIN_SHORT_RUNS:
            self._short_items[index] = words
        for run in runs:
            self._short_runs.setdefault(run, []).append(index)

    def find_match(self, words: list[str], overlap: float) -> Dropped | None:
        """Why a text is taken for one of the items, and which."""
        for run in _run_hashes(words, self._ngram):
            if run in self._long_runs:
                return Dropped(f"benchmark: {self._ngram} words in a row", self.names[self._long_runs[run]])
        runs = set(_run_hashes(words, SHORT_RUN))
        shared: Counter[int] = Counter()
        for run in runs:
            shared.update(self._short_runs.get(run, ()))
        overlaps = [(n / max(1, min(len(runs), self._run_counts[i])), -i) for i, n in shared.items()]
        for share, item in sorted(
            (candidate for candidate in overlaps if candidate[0] >= overlap), reverse=True
        ):
            item_words = self._short_items.get(-item)
            if _contains_words(item_words, words) if item_words is not None else len(runs) >= MIN_SHORT_RUNS:
                return Dropped(f"benchmark: alike (overlap {share:.2f})", self.names[-item])
        return None


def _contains_words(short_words: list[str], words: list[str]) -> bool:
    """Whether a short text stands in another as a whole: of few words, a part of them proves nothing."""
    return any(
        words[i : i + len(short_words)] == short_words for i in range(len(words) - len(short_words) + 1)
    )


def _run_hashes(words: list[str], size: int) -> list[int]:
    """Hashes of the runs of `size` words, in order. They live within one process, so that Python's own hash
    will do.
    """
    return [hash(tuple(words[i : i + size])) for i in range(len(words) - size + 1)]
