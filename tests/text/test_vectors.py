"""Vectors of texts: those that a model gave, and, without a model, hashed n-grams of words and of characters,
which tell wording and topic apart and nothing of meaning. (prefgen/text/vectors.py)
"""

import numpy as np
import pytest

from prefgen.text.vectors import (
    cluster_rows,
    hashed_ngrams,
    pack_vector,
    select_farthest_rows,
    unpack_vectors,
)


def test_hashed_vectors_have_length_one_and_tell_topics_apart():
    vectors = hashed_ngrams(
        ["How do tides work?", "How do the tides work?", "Bake rye bread.", "", "潮汐是如何运作的？"]
    )

    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > abs(vectors[0] @ vectors[2])
    assert hashed_ngrams(["How do tides work?"])[0, :8].tolist() == vectors[0, :8].tolist()


def test_clusters_are_the_groups_that_there_are():
    rng = np.random.default_rng(0)
    centres = np.eye(4, 32, dtype=np.float32)
    rows = np.repeat(centres, 25, axis=0) + 0.1 * rng.standard_normal((100, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)

    mine = cluster_rows(rows, 4)

    assert [len(set(mine[i * 25 : (i + 1) * 25])) for i in range(4)] == [1] * 4
    assert len(set(mine)) == 4
    assert len(cluster_rows(rows[:2], 5)) == 2


def test_farthest_takes_one_of_each_before_a_second():
    chosen, owner = select_farthest_rows(np.repeat(np.eye(3, 8, dtype=np.float32), 4, axis=0), 3)

    assert sorted(i // 4 for i in chosen) == [0, 1, 2]
    assert all(chosen[o] // 4 == i // 4 for i, o in enumerate(owner))


def test_a_vector_survives_as_text():
    assert unpack_vectors([pack_vector([3.0, 4.0])]).tolist() == [pytest.approx([0.6, 0.8])]
    with pytest.raises(ValueError, match="all must be of one model"):
        unpack_vectors([pack_vector([1.0]), pack_vector([1.0, 2.0])])
