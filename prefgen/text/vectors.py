"""Vectors of texts: those that a model gave, and, without a model, hashed n-grams of words and of characters,
which tell wording and topic apart and nothing of meaning.

Feature hashing (Weinberger et al., arXiv 0902.2206): each n-gram adds or takes one at a place that its hash
names.
"""

import base64
import itertools
import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefgen.text.normalize import normalize

if TYPE_CHECKING:
    import numpy as np

DIMENSIONS = 512
ROWS_A_BLOCK = 1024
"""Rows of a matrix that are compared with others at once."""
ROUNDING_ERROR = 1e-6
"""By how much a cosine or a similarity may miss a threshold that it meets."""
MAX_ROUNDS = 20
"""Most rounds of `clusters`; it settles in fewer."""


def hashed_ngrams(texts: Sequence[str], dimensions: int = DIMENSIONS) -> "np.ndarray":
    """One row of length 1 a text (float32, texts x dimensions); zeros for a text without words. The same on
    every machine.
    """
    import numpy as np

    matrix = np.zeros((len(texts), dimensions), dtype=np.float32)
    for index, text in enumerate(texts):
        codes = np.fromiter((zlib.crc32(gram) for gram in _ngrams(text)), dtype=np.int64)
        if codes.size:
            np.add.at(
                matrix[index], codes % dimensions, np.where(codes & 0x40000000, 1.0, -1.0).astype(np.float32)
            )
    return _normalize_rows(matrix)


def pack_vector(vector: Sequence[float]) -> str:
    """A vector as text, four bytes a number."""
    import numpy as np

    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def unpack_vectors(texts: Sequence[str]) -> "np.ndarray":
    """The vectors that `pack_vector` wrote, as rows of length 1 (float32). Raises ValueError where they are
    not all of one size.
    """
    import numpy as np

    rows = [np.frombuffer(base64.b64decode(text), dtype="<f4") for text in texts]
    if len({row.size for row in rows}) > 1:
        raise ValueError(
            f"the vectors have {sorted({row.size for row in rows})} numbers: all must be of one model"
        )
    return _normalize_rows(np.stack(rows)) if rows else np.zeros((0, 1), dtype=np.float32)


def cluster_rows(matrix: "np.ndarray", count: int, seed: int = 0) -> "np.ndarray":
    """The cluster (0 to count - 1) of each row of length 1, by spherical k-means (Dhillon and Modha, 2001).

    It starts from rows that are drawn by their squared distance to those before (k-means++, Arthur and
    Vassilvitskii, 2007).
    """
    import numpy as np

    count = min(count, len(matrix))
    rng = np.random.default_rng(seed)
    centre_rows = [int(rng.integers(len(matrix)))] if count else []
    distances = 1 - matrix @ matrix[centre_rows[0]] if count else np.zeros(0)
    while len(centre_rows) < count:
        cumulative_weights = np.cumsum(np.maximum(distances, 0.0).astype(np.float64) ** 2)
        next_row = (
            int(np.searchsorted(cumulative_weights, rng.random() * cumulative_weights[-1], side="right"))
            if cumulative_weights[-1] > 0
            else len(centre_rows)
        )
        centre_rows.append(min(next_row, len(matrix) - 1))
        distances = np.minimum(distances, 1 - matrix @ matrix[centre_rows[-1]])
    centres = matrix[centre_rows]
    assignment = np.full(len(matrix), -1)
    for _ in range(MAX_ROUNDS):
        nearest = (matrix @ centres.T).argmax(axis=1)
        if (nearest == assignment).all():
            break
        assignment = nearest
        sums = np.zeros_like(centres)
        np.add.at(sums, assignment, matrix)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(norms > 0, sums / np.where(norms == 0, 1, norms), centres)
    return assignment


def select_farthest_rows(matrix: "np.ndarray", count: int) -> tuple[list[int], "np.ndarray"]:
    """(`count` rows, each the one whose nearest earlier one is farthest away; for each row which of those is
    nearest, by its place).

    The greedy solution of the k-center problem (Gonzalez, 1985). It starts from the row that is nearest to
    the mean of all.
    """
    import numpy as np

    assignment = np.zeros(len(matrix), dtype=np.int64)
    if not len(matrix):
        return [], assignment
    centre_rows = [int((matrix @ matrix.mean(axis=0)).argmax())]
    nearest_cosines = matrix @ matrix[centre_rows[0]]
    while len(centre_rows) < min(count, len(matrix)):
        nearest_cosines[centre_rows] = np.inf
        next_row = int(nearest_cosines.argmin())
        cosines = matrix @ matrix[next_row]
        closer = cosines > nearest_cosines
        nearest_cosines[closer], assignment[closer] = cosines[closer], len(centre_rows)
        centre_rows.append(next_row)
    assignment[centre_rows] = np.arange(len(centre_rows))
    return centre_rows, assignment


def _normalize_rows(matrix: "np.ndarray") -> "np.ndarray":
    import numpy as np

    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(norms == 0, 1, norms)


def _ngrams(text: str) -> list[bytes]:
    """Words, pairs of words, and runs of four characters (which is what scripts without spaces have)."""
    words = re.findall(r"\w+", normalize(text))
    joined_words = " ".join(words)
    bigrams = [f"{a} {b}" for a, b in itertools.pairwise(words)]
    character_runs = [joined_words[i : i + 4] for i in range(max(0, len(joined_words) - 3))]
    return [gram.encode() for gram in (*words, *bigrams, *character_runs)]
