"""Drop prompts that stand there already: exactly, or nearly (MinHash, ROUGE-L, or the angle between vectors).
(prefgen/curators/dedupe.py)
"""

import numpy as np
import pytest
from pydantic import ValidationError

from prefgen.curators.dedupe import Dedupe, cosines_of, near_duplicates
from prefgen.dataset.read_run import read_records
from prefgen.engine.progress import Progress
from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.text.near_duplicates import words_of
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.sources import a_table
from tests.support.tables import LONG, curated, prompts
from tests.support.vectors import embedder, left, thinned


@pytest.mark.parametrize(
    ("method", "again"),
    [
        ("rouge_l", "Explain how the tide clock works, and why it needs to be set every few weeks by hand"),
        (
            "semantic",
            "explain how a tide clock works & why it needs to be set again every few weeks by hand!",
        ),
        (
            "minhash",
            "explain how a tide clock works and why it needs to be set again every few weeks by hand.",
        ),
        (
            "exact",
            "  EXPLAIN how a tide clock works and why it needs to be set again  every few weeks by hand",
        ),
    ],
)
def test_what_is_nearly_the_same_goes_and_the_first_stays(method, again):
    left = curated(
        "dedupe",
        prompts(LONG, "Name three knots for a boat.", again, "Bake a loaf of rye bread at home."),
        method=method,
    )

    assert left.ids() == ["p0", "p1", "p3"]
    assert left.dropped["p2"].neighbour == "p0"


def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence():
    ten = "a b c d e f g h i j"

    assert curated("dedupe", prompts(ten, "a b c d e f g x y z"), method="rouge_l", threshold=0.7).ids() == [
        "p0"
    ]
    assert curated("dedupe", prompts(ten, "a b c d e f x y z w"), method="rouge_l", threshold=0.7).ids() == [
        "p0",
        "p1",
    ]
    assert curated("dedupe", prompts(ten, "j i h g f e d c b a"), method="rouge_l", threshold=0.7).ids() == [
        "p0",
        "p1",
    ]


def test_rouge_l_misses_none_that_is_as_alike(tmp_path):
    """Against comparing all with all."""
    from random import Random

    from rapidfuzz.distance import LCSseq

    rng = Random(3)
    texts = [" ".join(rng.choice("abcdefgh") for _ in range(rng.randint(1, 9))) for _ in range(120)]
    kept: list[int] = []
    for i, text in enumerate(texts):
        mine = words_of(text)
        similar = [
            2 * LCSseq.similarity(mine, words_of(texts[j])) / (len(mine) + len(words_of(texts[j])))
            for j in kept
        ]
        if not similar or max(similar) < 0.6:
            kept.append(i)

    assert curated("dedupe", prompts(*texts), method="rouge_l", threshold=0.6).ids() == [
        f"p{i}" for i in kept
    ]


def test_vectors_are_compared_over_blocks_with_those_that_stay():
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((2500, 16)).astype(np.float32)
    matrix[2400] = matrix[3] + 0.01
    matrix[5] = matrix[4] + 0.01
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)

    gone = near_duplicates([str(i) for i in range(2500)], cosines_of(matrix), 0.98, "cosine")

    assert {k: g.neighbour for k, g in gone.items()} == {"2400": "3", "5": "4"}


def test_exact_duplicates_go_and_say_of_what():
    table = a_table("How do I bake bread?", "how do I  BAKE bread?", "Something else")

    left = Dedupe().curate(table)

    assert len(left.ids()) == 2
    [gone] = left.dropped.values()
    assert (gone.reason, gone.neighbour) == ("duplicate", table.ids()[0])


def test_near_duplicates_go_and_different_prompts_stay():
    base = (
        "Please explain in simple words how a four stroke petrol engine turns fuel into motion and why it "
        "needs oil"
    )
    table = a_table(
        base,
        base.replace("simple", "plain"),
        "Write a poem about the sea in autumn",
        "次の文章を要約してください。",
        "次の文章を翻訳してください。",
    )

    left = Dedupe(method="minhash", threshold=0.7).curate(table)

    assert len(left.ids()) == 4
    assert table.ids()[1] in left.dropped


def test_adding_prompts_at_the_end_changes_nothing_before_them():
    prompts = ["a b c d e f", "a b c d e f", "x y z", "a b c d e g"]

    short, long = (
        set(Dedupe(method="minhash").curate(a_table(*p)).dropped)
        for p in (prompts, [*prompts, "x y z", "new one here"])
    )

    assert short <= long


async def test_what_means_the_same_goes_although_no_word_is_shared(tmp_path, server):
    server.script = embedder
    recipe = thinned(
        server.url,
        [{"use": "dedupe", "method": "semantic", "model": "grader"}],
        ("My cat", "A kitten?", "The sea", "Old dog"),
    )

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert left(tmp_path / "out") == ["My cat", "The sea", "Old dog"]
    assert outcome.manifest.yields.dropped_by_curators == {"prompts: dedupe: near-duplicate": 1}
    # vectors are for the curator alone
    assert all(not r.prompt.metadata for r in read_records(tmp_path / "out"))
    asked = len(server.bodies)
    assert asked == 4 + 3
    await run(recipe, tmp_path / "again")
    assert len(server.bodies) == asked
    assert shard_bytes(tmp_path / "again") == shard_bytes(tmp_path / "out")


async def test_a_prompt_whose_vector_was_lost_stays_and_is_like_nothing(tmp_path, server):
    server.script = embedder
    progress = Progress()
    recipe = thinned(
        server.url,
        [{"use": "dedupe", "method": "semantic", "model": "grader"}],
        ("My cat", "Nothing", "Nothing more"),
    )

    outcome = await run(recipe, tmp_path / "out", progress=progress)

    assert left(tmp_path / "out") == ["My cat", "Nothing", "Nothing more"]
    assert len([f for f in outcome.manifest.yields.failures if f.startswith("curate")]) == 1
    assert any("2 of 3 have no vector" in line for line in progress.stats.notices)


def test_a_model_needs_the_method_that_compares_vectors(tmp_path):
    with pytest.raises(ValidationError, match="which `method: semantic` compares"):
        curated("dedupe", prompts("a"), model="m", method="minhash")
    with pytest.raises(ValidationError, match="from which `cosine` two are the same"):
        curated("decontaminate", prompts("a"), model="m", against=["x.jsonl"])
    recipe = a_recipe()
    recipe["stages"].insert(1, {"curate": [{"use": "dedupe", "method": "semantic", "model": "nobody"}]})
    with pytest.raises(RecipeError, match="nobody"):
        build(recipe_from_data(recipe, tmp_path))
