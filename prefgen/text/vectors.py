"""Vectors of texts: those that a model gave, and, without a model, hashed n-grams of words and of characters, which tell wording and topic apart
and nothing of meaning.

Feature hashing (Weinberger et al., arXiv 0902.2206): each n-gram adds or takes one at a place that its hash names.
"""

import base64
import itertools
import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefgen.text.near_duplicates import normalize

if TYPE_CHECKING:
    import numpy as np

DIMENSIONS = 512
TURNS = 20
"""Most rounds of `clusters`; it settles in fewer."""


def hashed_ngrams(texts: Sequence[str], dimensions: int = DIMENSIONS) -> "np.ndarray":
    """One row of length 1 a text (float32, texts x dimensions); zeros for a text without words. The same on every machine."""
    import numpy as np

    out = np.zeros((len(texts), dimensions), dtype=np.float32)
    for row, text in enumerate(texts):
        codes = np.fromiter((zlib.crc32(gram) for gram in _grams(text)), dtype=np.int64)
        if codes.size:
            np.add.at(
                out[row], codes % dimensions, np.where(codes & 0x40000000, 1.0, -1.0).astype(np.float32)
            )
    return _of_length_1(out)


def pack_vector(vector: Sequence[float]) -> str:
    """A vector as text, four bytes a number."""
    import numpy as np

    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def unpack_vectors(spelled: Sequence[str]) -> "np.ndarray":
    """The vectors that were `packed`, as rows of length 1 (float32). Raises ValueError where they are not all of one size."""
    import numpy as np

    rows = [np.frombuffer(base64.b64decode(one), dtype="<f4") for one in spelled]
    if len({row.size for row in rows}) > 1:
        raise ValueError(
            f"the vectors have {sorted({row.size for row in rows})} numbers: all must be of one model"
        )
    return _of_length_1(np.stack(rows)) if rows else np.zeros((0, 1), dtype=np.float32)


def clusters(matrix: "np.ndarray", count: int, seed: int = 0) -> "np.ndarray":
    """The cluster (0 to count - 1) of each row of length 1, by spherical k-means (Dhillon and Modha, 2001).

    It starts from rows that are drawn by their squared distance to those before (k-means++, Arthur and Vassilvitskii, 2007).
    """
    import numpy as np

    count = min(count, len(matrix))
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(matrix)))] if count else []
    distance = 1 - matrix @ matrix[chosen[0]] if count else np.zeros(0)
    while len(chosen) < count:
        odds = np.cumsum(np.maximum(distance, 0.0).astype(np.float64) ** 2)
        drawn = (
            int(np.searchsorted(odds, rng.random() * odds[-1], side="right")) if odds[-1] > 0 else len(chosen)
        )
        chosen.append(min(drawn, len(matrix) - 1))
        distance = np.minimum(distance, 1 - matrix @ matrix[chosen[-1]])
    centres = matrix[chosen]
    mine = np.full(len(matrix), -1)
    for _ in range(TURNS):
        nearest = (matrix @ centres.T).argmax(axis=1)
        if (nearest == mine).all():
            break
        mine = nearest
        sums = np.zeros_like(centres)
        np.add.at(sums, mine, matrix)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.where(norms == 0, 1, norms), centres)
    return mine


def farthest(matrix: "np.ndarray", count: int) -> tuple[list[int], "np.ndarray"]:
    """(`count` rows, each the one whose nearest earlier one is farthest away; for each row which of those is nearest, by its place).

    The greedy solution of the k-center problem (Gonzalez, 1985). It starts from the row that is nearest to the mean of all.
    """
    import numpy as np

    owner = np.zeros(len(matrix), dtype=np.int64)
    if not len(matrix):
        return [], owner
    chosen = [int((matrix @ matrix.mean(axis=0)).argmax())]
    nearest = matrix @ matrix[chosen[0]]
    while len(chosen) < min(count, len(matrix)):
        nearest[chosen] = np.inf
        following = int(nearest.argmin())
        cosines = matrix @ matrix[following]
        closer = cosines > nearest
        nearest[closer], owner[closer] = cosines[closer], len(chosen)
        chosen.append(following)
    owner[chosen] = np.arange(len(chosen))
    return chosen, owner


def _of_length_1(matrix: "np.ndarray") -> "np.ndarray":
    import numpy as np

    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(norms == 0, 1, norms)


def _grams(text: str) -> list[bytes]:
    """Words, pairs of words, and runs of four characters (which is what scripts without spaces have)."""
    words = re.findall(r"\w+", normalize(text))
    joined = " ".join(words)
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(words)]
    runs = [joined[i : i + 4] for i in range(max(0, len(joined) - 3))]
    return [gram.encode() for gram in (*words, *pairs, *runs)]
