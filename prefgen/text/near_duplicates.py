"""When two texts are nearly the same: word shingles and MinHash."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from hashlib import sha1
from typing import TYPE_CHECKING, Protocol, TypeVar

from prefgen.text.normalize import normalize

if TYPE_CHECKING:
    import numpy as np
    from datasketch import MinHash

_WITHOUT_SPACES = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: one character counts as a word."""
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|[^\W{_WITHOUT_SPACES}]+")
_LOWER_HALF = 0xFFFFFFFF
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


def shingle_hashes(text: str, words: int = 3) -> "np.ndarray":
    """The shingles of a text as numbers of 64 bits, each once, whose lower halves are what datasketch makes
    of them.
    """
    import numpy as np

    digests = b"".join(
        sha1(shingle.encode(), usedforsecurity=False).digest()[:8] for shingle in shingles(text, words)
    )
    return np.unique(np.frombuffer(digests, "<u8"))


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

    What datasketch's index of MinHashes finds (docs/decisions/003-libraries.md): its bands are arrays here,
    half a kilobyte a text.
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
    hashes: "Iterable[np.ndarray]", threshold: float = NEAR_DUPLICATE_THRESHOLD
) -> dict[int, list[int]]:
    """{place: the places of all earlier texts that are as alike by their MinHash} of the texts that have
    some; `hashes` are those of their shingles.
    """
    signatures = Signatures()
    for of_text in hashes:
        signatures.add_hashes(of_text)
    return {
        i: [j for j, _ in matches]
        for i, matches in signatures.earlier_matches(threshold=threshold)
        if matches
    }


def _earlier_matches(
    signatures: "np.ndarray", threshold: float, excluded: Container[int]
) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """(place, the earlier texts that are as alike, with their similarity); those that `excluded` holds by
    then are not compared with.
    """
    import numpy as np
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=signatures.shape[1])
    bands = [
        _group_equal_rows(signatures[:, band * index.r : (band + 1) * index.r]) for band in range(index.b)
    ]
    band_tables: list[defaultdict[int, list[int]]] = [defaultdict(list) for _ in bands]
    for i in (
        np.flatnonzero(np.any([band >= 0 for band in bands], axis=0)).tolist() if len(signatures) else ()
    ):
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
            for places in alike:
                places.append(i)


class Signatures:
    """The MinHash of every text of a set, half a kilobyte each; the texts themselves are not kept."""

    def __init__(self, *, words: int = 3, permutations: int = 128, seed: int = 1) -> None:
        self._words, self._permutations, self._seed = words, permutations, seed
        self._empty: MinHash | None = None
        self._blocks: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []

    def add(self, text: str) -> None:
        self.add_hashes(shingle_hashes(text, self._words))

    def add_hashes(self, hashes: "np.ndarray") -> None:
        """Take a text by what `shingle_hashes` made of it."""
        import numpy as np
        from datasketch import MinHash  # 0.3 s, for nothing where no text comes

        # made once: to draw the permutations takes longer than a text; what comes are hashes already
        self._empty = self._empty or MinHash(num_perm=self._permutations, seed=self._seed, hashfunc=int)
        signature = self._empty.copy()
        signature.update_batch((hashes & _LOWER_HALF).tolist())
        self._rows.append(signature.hashvalues.astype(np.uint32))
        if len(self._rows) == 4096:
            self._blocks.append(np.stack(self._rows))
            self._rows.clear()

    def earlier_matches(
        self, *, threshold: float = NEAR_DUPLICATE_THRESHOLD, excluded: Container[int] = ()
    ) -> Iterator[tuple[int, list[tuple[int, float]]]]:
        """(place, [(place of an earlier text that is as alike, similarity)])."""
        import numpy as np

        blocks = [*self._blocks, *([np.stack(self._rows)] if self._rows else [])]
        signatures = np.concatenate(blocks) if blocks else np.zeros((0, self._permutations), np.uint32)
        return _earlier_matches(signatures, threshold, excluded)


def _group_equal_rows(band: "np.ndarray") -> "np.ndarray":
    """For each row the number of its group of equal rows, -1 where it stands alone."""
    import numpy as np

    row_hashes = np.zeros(len(band), dtype=np.uint64)
    for column in band.T:  # one number a row; that two groups meet in one costs a comparison and no more
        row_hashes = (row_hashes ^ column.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        row_hashes ^= row_hashes >> np.uint64(29)
    _, group, sizes = np.unique(row_hashes, return_inverse=True, return_counts=True)
    return np.where(sizes[group] > 1, group, -1).astype(np.int32)
