"""Vectors of texts without a model: hashed n-grams of words and of characters. They tell wording and topic apart, and nothing of meaning.

Feature hashing (Weinberger et al., arXiv 0902.2206): each n-gram adds or takes one at a place that its hash names.
"""

import itertools
import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefgen.similarity import normal

if TYPE_CHECKING:
    import numpy as np

DIMENSIONS = 512


def hashed(texts: Sequence[str], dimensions: int = DIMENSIONS) -> "np.ndarray":
    """One row of length 1 a text (float32, texts x dimensions); zeros for a text without words. The same on every machine."""
    import numpy as np

    out = np.zeros((len(texts), dimensions), dtype=np.float32)
    for row, text in enumerate(texts):
        codes = np.fromiter((zlib.crc32(gram) for gram in _grams(text)), dtype=np.int64)
        if codes.size:
            np.add.at(out[row], codes % dimensions, np.where(codes & 0x40000000, 1.0, -1.0).astype(np.float32))
    norms = np.linalg.norm(out, axis=1, keepdims=True)
    return out / np.where(norms == 0, 1, norms)


def _grams(text: str) -> list[bytes]:
    """Words, pairs of words, and runs of four characters (which is what scripts without spaces have)."""
    words = re.findall(r"\w+", normal(text))
    joined = " ".join(words)
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(words)]
    runs = [joined[i : i + 4] for i in range(max(0, len(joined) - 3))]
    return [gram.encode() for gram in (*words, *pairs, *runs)]
