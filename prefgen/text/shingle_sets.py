"""Which texts of a set are nearly the same, exactly: by the Jaccard similarity of their word shingles.

Two sets whose similarity is at least t share one of the rarest items of either: of n items, in one order for
all, one of the first n - ceil(t n) + 1 (prefix filtering: Chaudhuri et al., ICDE 2006; Bayardo et al., WWW
2007). So only texts that share one of those are compared, and none that is as alike is missed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefgen.text.near_duplicates import NEAR_DUPLICATE_THRESHOLD, shingle_hashes

if TYPE_CHECKING:
    import numpy as np

Matches = list[tuple[int, float]]
"""(place of an earlier text, similarity)."""
BLOCK = 4096
"""Texts whose shingles are compared at a time."""


class ShingleSets:
    """The shingles of every text of a set, eight bytes each; the texts themselves are not kept."""

    def __init__(self) -> None:
        self._sets: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._sets)

    def add(self, text: str) -> None:
        self.add_hashes(shingle_hashes(text))

    def add_hashes(self, hashes: "np.ndarray") -> None:
        """Take a text by what `shingle_hashes` made of it."""
        self._sets.append(hashes)

    def earlier_matches(
        self,
        order: Sequence[int] | None = None,
        *,
        groups: Sequence[Any] | None = None,
        threshold: float = NEAR_DUPLICATE_THRESHOLD,
    ) -> Iterator[tuple[int, Matches]]:
        """(place, the earlier texts that are as alike) of the texts that have some. With an `order` of the
        texts that were added, places are those within it; with `groups` of these, one group after the other,
        texts of one group are not compared.
        """
        ordered = self._sets if order is None else [self._sets[number] for number in order]
        if len(ordered) < 2 or (groups is not None and groups[0] == groups[-1]):
            return
        index = _index_of(ordered, threshold)
        first = 0
        for place in range(len(ordered)):
            if groups is None or (place and groups[place] != groups[place - 1]):
                first = place
            candidates = index.candidates(place, first)
            blocks = (candidates[start : start + BLOCK] for start in range(0, len(candidates), BLOCK))
            if matches := [match for block in blocks for match in index.compare(place, block)]:
                yield place, matches


@dataclass(frozen=True)
class _Index:
    """Items are numbers, the rarest first. Text i has those from `starts[i]` on, in their order, of which the
    first `prefixes[i]` stand in `postings`, the texts of each item; `slots` says where, beside each item.
    """

    threshold: float
    items: "np.ndarray"
    starts: "np.ndarray"
    sizes: "np.ndarray"
    prefixes: "np.ndarray"
    postings: "np.ndarray"
    slots: "np.ndarray"
    first_slots: "np.ndarray"
    is_shown: "np.ndarray"
    """Of every item, whether the text that is compared has it."""

    def candidates(self, place: int, end: int) -> "np.ndarray":
        """The texts before `end` that can be as alike as the text at `place`."""
        import numpy as np

        start, size = self.starts[place], self.sizes[place]
        entries = slice(start, start + self.prefixes[place])
        runs = [
            run[: np.searchsorted(run, end)]
            for first, slot in zip(
                self.first_slots[entries].tolist(), self.slots[entries].tolist(), strict=True
            )
            if slot > first and len(run := self.postings[first:slot])
        ]
        if not runs:
            return np.zeros(0, np.int64)
        found = np.unique(np.concatenate(runs))
        smaller, larger = np.minimum(self.sizes[found], size), np.maximum(self.sizes[found], size)
        return found[smaller / larger >= self.threshold]

    def compare(self, place: int, candidates: "np.ndarray") -> Matches:
        """Those of the candidates that are as alike, with their similarity."""
        import numpy as np

        own = self.items[self.starts[place] : self.starts[place] + self.sizes[place]]
        sizes = self.sizes[candidates]
        ends = np.cumsum(sizes)
        entries = np.arange(ends[-1]) + np.repeat(self.starts[candidates] - (ends - sizes), sizes)
        self.is_shown[own] = True
        shared = np.add.reduceat(self.is_shown[self.items[entries]], ends - sizes, dtype=np.int64)
        self.is_shown[own] = False
        similarities = shared / (len(own) + sizes - shared)
        alike = np.flatnonzero(similarities >= self.threshold)
        return [(int(candidates[k]), float(similarities[k])) for k in alike]


def _index_of(sets: "Sequence[np.ndarray]", threshold: float) -> _Index:
    import numpy as np

    sizes = np.array([len(each) for each in sets], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    texts = np.repeat(np.arange(len(sets)), sizes)
    _, items, counts = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    ranks = np.empty(len(counts), np.int64)
    ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    items = np.sort(texts * len(counts) + ranks[items]) - texts * len(counts)  # within each text
    # what is a hair below a whole number was meant to be one
    prefixes = sizes - np.ceil(sizes * threshold - 1e-9).astype(np.int64) + 1
    is_prefix = np.arange(len(items)) - starts[texts] < prefixes[texts]
    entries = np.flatnonzero(is_prefix)
    by_item = entries[np.argsort(items[entries], kind="stable")]  # and by text within an item
    slots = np.zeros(len(items), np.int64)
    slots[by_item] = np.arange(len(by_item))
    first_slots = np.zeros(len(items), np.int64)
    first_slots[by_item] = np.searchsorted(items[by_item], items[by_item])
    return _Index(
        threshold,
        items,
        starts,
        sizes,
        prefixes,
        texts[by_item],
        slots,
        first_slots,
        np.zeros(len(counts), bool),
    )
