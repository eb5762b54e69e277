"""When two texts are nearly the same: word shingles and MinHash."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from prefgen.text.normalize import normalize

if TYPE_CHECKING:
    import numpy as np
    from datasketch import MinHash

_WITHOUT_SPACES = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: one character counts as a word."""
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|[^\W{_WITHOUT_SPACES}]+")
NEAR_DUPLICATE_THRESHOLD = 0.8
"""Jaccard similarity of word shingles from which two texts are near-duplicates, unless told otherwise."""


class HasText(Protocol):
    @property
    def text(self) -> str: ...


Grouped = TypeVar("Grouped", bound=HasText)


def group_by_text(items: Iterable[Grouped]) -> list[list[Grouped]]:
    """Those with the same text together, in the order of their first: what is asked of a text is asked
    once.
    """
    groups: dict[str, list[Grouped]] = {}
    for item in items:
        groups.setdefault(item.text, []).append(item)
    return list(groups.values())


def words_of(text: str) -> list[str]:
    """The words of a text in normal form; single characters in scripts that write without spaces."""
    return _WORD.findall(normalize(text))


class WordAlphabet:
    """Spells words as single characters, so that texts are compared word by word as fast as letter by
    letter.
    """

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def encode(self, text: str) -> str:
        return "".join(self._letters.setdefault(word, _letter(len(self._letters))) for word in words_of(text))


def _letter(number: int) -> str:
    """The character of a number; surrogates are left out."""
    return chr(number + 1 if number < 0xD7FF else number + 0x801)


def shingles(text: str, words: int = 3) -> list[str]:
    """Runs of `words` words, sorted; of single characters where a text has too few words (or a script without
    spaces).
    """
    tokens = re.findall(r"\w+|[^\w\s]", normalize(text))
    if len(tokens) < words + 2:
        joined = " ".join(tokens)
        return sorted({joined[i : i + 5] for i in range(max(1, len(joined) - 4))})
    return sorted({" ".join(tokens[i : i + words]) for i in range(len(tokens) - words + 1)})


class MinHashIndex:
    """An index of texts by MinHash (datasketch, docs/decisions/003-libraries.md) that finds those that are
    alike.
    """

    def __init__(
        self,
        threshold: float = NEAR_DUPLICATE_THRESHOLD,
        *,
        words: int = 3,
        permutations: int = 128,
        seed: int = 1,
    ) -> None:
        from datasketch import MinHashLSH  # 0.3 s

        self._threshold, self._words, self._permutations, self._seed = threshold, words, permutations, seed
        self._index = MinHashLSH(threshold=threshold, num_perm=permutations)
        self._signatures_by_name: dict[str, Any] = {}

    def minhash(self, text: str) -> Any:
        """What `nearest` and `add` take of a text."""
        from datasketch import MinHash

        signature = MinHash(num_perm=self._permutations, seed=self._seed)
        signature.update_batch([s.encode() for s in shingles(text, self._words)])
        return signature

    def nearest(self, signature: Any) -> tuple[float, str] | None:
        """(similarity, name) of the most similar text that is there and alike, or None."""
        matches = [
            (float(signature.jaccard(self._signatures_by_name[name])), name)
            for name in map(str, self._index.query(signature))
        ]
        best = max(matches, default=(0.0, ""))
        return best if best[0] >= self._threshold else None

    def add(self, name: str, signature: Any) -> None:
        self._signatures_by_name[name] = signature
        self._index.insert(name, signature)


def find_near_duplicates(
    texts: Iterable[str],
    threshold: float = NEAR_DUPLICATE_THRESHOLD,
    *,
    words: int = 3,
    permutations: int = 128,
    seed: int = 1,
) -> dict[int, tuple[int, float]]:
    """{place: (place of the most similar earlier text that is no duplicate itself, similarity)} of the texts
    that have one as alike.

    What `MinHashIndex` finds, for a whole set: the bands of the index are arrays, half a kilobyte a text.
    """
    duplicates: dict[int, tuple[int, float]] = {}
    signatures = Signatures(words=words, permutations=permutations, seed=seed)
    for text in texts:
        signatures.add(text)
    for i, matches in signatures.earlier_matches(threshold=threshold, excluded=duplicates):
        if matches:
            duplicates[i] = max(matches, key=lambda match: match[1])
    return duplicates


def similar_earlier_texts(
    texts: Iterable[str], threshold: float = NEAR_DUPLICATE_THRESHOLD
) -> dict[int, list[int]]:
    """{place: the places of all earlier texts that are as alike} of the texts that have some."""
    signatures = Signatures()
    for text in texts:
        signatures.add(text)
    return {
        i: [j for j, _ in matches]
        for i, matches in signatures.earlier_matches(threshold=threshold)
        if matches
    }


def _earlier_matches(
    signatures: "np.ndarray",
    threshold: float,
    *,
    excluded: Container[int] = (),
    groups: Sequence[Any] | None = None,
) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """(place, the earlier texts that are as alike, with their similarity); those that `excluded` holds by
    then are not compared with, nor are those of the same group, where there are `groups` in their order.
    """
    import numpy as np
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=signatures.shape[1])
    bands = [
        _group_equal_rows(signatures[:, band * index.r : (band + 1) * index.r]) for band in range(index.b)
    ]
    band_tables: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in bands]
    waiting: list[tuple[list[int], int]] = []
    for i in (
        np.flatnonzero(np.any([band >= 0 for band in bands], axis=0)).tolist() if len(signatures) else ()
    ):
        if waiting and (groups is None or groups[waiting[-1][1]] != groups[i]):
            for places, j in waiting:
                places.append(j)
            waiting.clear()
        alike = [
            table[group]
            for table, band in zip(band_tables, bands, strict=True)
            if (group := int(band[i])) >= 0
        ]
        candidates = sorted({j for places in alike for j in places})
        similarities = (signatures[candidates] == signatures[i]).mean(axis=1).tolist() if candidates else []
        yield (
            i,
            [
                (j, similarity)
                for j, similarity in zip(candidates, similarities, strict=True)
                if similarity >= threshold
            ],
        )
        if i not in excluded:
            waiting += [(places, i) for places in alike]


class Signatures:
    """The MinHash of every text of a set, half a kilobyte each; the texts themselves are not kept."""

    def __init__(self, *, words: int = 3, permutations: int = 128, seed: int = 1) -> None:
        self._words, self._permutations, self._seed = words, permutations, seed
        self._empty: MinHash | None = None
        self._blocks: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []

    def add(self, text: str) -> None:
        import numpy as np
        from datasketch import MinHash  # 0.3 s, for nothing where no text comes

        self._empty = self._empty or MinHash(num_perm=self._permutations, seed=self._seed)
        signature = self._empty.copy()
        signature.update_batch([s.encode() for s in shingles(text, self._words)])
        self._rows.append(signature.hashvalues.astype(np.uint32))
        if len(self._rows) == 4096:
            self._blocks.append(np.stack(self._rows))
            self._rows.clear()

    def earlier_matches(
        self,
        order: Sequence[int] | None = None,
        *,
        groups: Sequence[Any] | None = None,
        threshold: float = NEAR_DUPLICATE_THRESHOLD,
        excluded: Container[int] = (),
    ) -> Iterator[tuple[int, list[tuple[int, float]]]]:
        """(place, [(place of an earlier text that is as alike, similarity)]). With an `order` of the texts
        that were added, places are those within it; with `groups` of these, one group after the other, texts
        of one group are not compared.
        """
        import numpy as np

        blocks = [*self._blocks, *([np.stack(self._rows)] if self._rows else [])]
        signatures = np.concatenate(blocks) if blocks else np.zeros((0, self._permutations), np.uint32)
        ordered = signatures if order is None else signatures[list(order)]
        return _earlier_matches(ordered, threshold, excluded=excluded, groups=groups)


def _group_equal_rows(band: "np.ndarray") -> "np.ndarray":
    """For each row the number of its group of equal rows, -1 where it stands alone."""
    import numpy as np

    row_hashes = np.zeros(len(band), dtype=np.uint64)
    for column in band.T:  # one number a row; that two groups meet in one costs a comparison and no more
        row_hashes = (row_hashes ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        row_hashes ^= row_hashes >> np.uint64(29)
    _, group, sizes = np.unique(row_hashes, return_inverse=True, return_counts=True)
    return np.where(sizes[group] > 1, group, -1).astype(np.int32)
