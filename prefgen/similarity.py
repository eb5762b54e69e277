"""When two texts are as good as the same: the normal form that equality is judged by, and word shingles for near-duplicates."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

_WITHOUT_SPACES = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: one character counts as a word."""
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|[^\W{_WITHOUT_SPACES}]+")
ALIKE = 0.8
"""Jaccard similarity of word shingles from which two texts are near-duplicates, unless told otherwise."""


class HasText(Protocol):
    @property
    def text(self) -> str: ...


T = TypeVar("T", bound=HasText)


def by_text(items: Iterable[T]) -> list[list[T]]:
    """Those with the same text together, in the order of their first: what is asked of a text is asked once."""
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(item.text, []).append(item)
    return list(groups.values())


def normal(text: str) -> str:
    """Text with compatible characters made one, lower case and single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def words_of(text: str) -> list[str]:
    """The words of a text in normal form; single characters in scripts that write without spaces."""
    return _WORD.findall(normal(text))


def shingles(text: str, words: int = 3) -> list[str]:
    """Runs of `words` words, sorted; of single characters where a text has too few words (or a script without spaces)."""
    tokens = re.findall(r"\w+|[^\w\s]", normal(text))
    if len(tokens) < words + 2:
        joined = " ".join(tokens)
        return sorted({joined[i : i + 5] for i in range(max(1, len(joined) - 4))})
    return sorted({" ".join(tokens[i : i + words]) for i in range(len(tokens) - words + 1)})


class Neighbours:
    """An index of texts by MinHash (datasketch, docs/decisions/003-libraries.md) that finds those that are alike."""

    def __init__(self, threshold: float = ALIKE, *, words: int = 3, permutations: int = 128, seed: int = 1) -> None:
        from datasketch import MinHashLSH  # 0.3 s

        self._threshold, self._words, self._permutations, self._seed = threshold, words, permutations, seed
        self._index = MinHashLSH(threshold=threshold, num_perm=permutations)
        self._kept: dict[str, Any] = {}

    def hashed(self, text: str) -> Any:
        """What `nearest` and `add` take of a text."""
        from datasketch import MinHash

        made = MinHash(num_perm=self._permutations, seed=self._seed)
        made.update_batch([s.encode() for s in shingles(text, self._words)])
        return made

    def nearest(self, hashed: Any) -> tuple[float, str] | None:
        """(similarity, name) of the most similar text that is there and alike, or None."""
        found = [(float(hashed.jaccard(self._kept[name])), name) for name in map(str, self._index.query(hashed))]
        best = max(found, default=(0.0, ""))
        return best if best[0] >= self._threshold else None

    def add(self, name: str, hashed: Any) -> None:
        self._kept[name] = hashed
        self._index.insert(name, hashed)
