"""Curators that compare prompts by a model's vectors: what they ask, what goes, and what becomes of what was lost."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from prefgen.dataset.read_run import read_records
from prefgen.engine.progress import Progress
from prefgen.errors import PluginError, RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.text.vectors import cluster_rows, pack_vector, select_farthest_rows, unpack_vectors
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.tables import curated, prompts

VECTORS = {
    "cat": [1, 0, 0],
    "kitten": [0.98, 0.2, 0],
    "dog": [0, 1, 0],
    "hound": [0.1, 0.99, 0],
    "sea": [0, 0, 1],
}


def embedder(body, _):
    """The vector of the first known word; nothing that could be used for a text about nothing."""
    if "input" not in body:
        return "Said."
    [text] = body["input"]
    found = next((vector for word, vector in VECTORS.items() if word in text), None)
    return {"data": [{"index": 0, "embedding": found}] if found else [], "model": body["model"]}


def thinned(url, curate, texts):
    recipe = a_recipe(url=url, prompts=texts)
    recipe["stages"] = [recipe["stages"][0], {"curate": curate}, recipe["stages"][1]]
    return recipe


def left(out):
    return [r.prompt.text for r in read_records(out)]


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
    assert all(
        not r.prompt.metadata for r in read_records(tmp_path / "out")
    )  # vectors are for the curator alone
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


async def test_an_item_in_other_words_is_found_by_vectors_and_items_never_become_prompts(tmp_path, server):
    server.script = embedder
    (tmp_path / "bench.jsonl").write_text(
        json.dumps({"question": "A hound?"}) + "\n" + json.dumps({"question": "A kitten?"}) + "\n"
    )
    fields = {"use": "decontaminate", "against": ["bench.jsonl"], "model": "grader", "cosine": 0.9}
    progress = Progress()

    outcome = await run(
        thinned(server.url, [fields], ("Old dog", "The sea", "A kitten?")),
        tmp_path / "out",
        progress=progress,
        folder=tmp_path,
    )

    assert outcome.complete
    assert left(tmp_path / "out") == ["The sea"]
    assert outcome.manifest.yields.prompts_by_outcome == {"kept": 1}
    assert any("bench.jsonl: 2 prompts hold 2 of its items" in line for line in progress.stats.notices)


async def test_two_curators_with_vectors_follow_each_other(tmp_path, server):
    server.script = embedder
    (tmp_path / "bench.jsonl").write_text(json.dumps({"question": "A hound?"}) + "\n")
    curate = [
        {"use": "dedupe", "method": "semantic", "model": "grader"},
        {"use": "decontaminate", "against": ["bench.jsonl"], "model": "grader", "cosine": 0.9},
        {"use": "diversify", "count": 1, "model": "grader"},
    ]

    outcome = await run(
        thinned(server.url, curate, ("My cat", "A kitten?", "Old dog", "The sea")),
        tmp_path / "out",
        folder=tmp_path,
    )

    assert outcome.complete
    assert len(left(tmp_path / "out")) == 1
    gone = outcome.manifest.yields.dropped_by_curators
    assert sum(gone.values()) == 3
    asked = [b["input"][0] for b in server.bodies if "input" in b]
    assert len(asked) == len(set(asked)) == 5  # a text is asked about once, whoever wants its vector


async def test_vectors_of_two_sizes_are_a_bug_that_is_named(tmp_path, server):
    server.script = lambda body, _: {
        "data": [{"index": 0, "embedding": [1.0] * (2 + ("dog" in body["input"][0]))}],
        "model": "g",
    }

    with pytest.raises(PluginError, match=r"have \[2, 3\] numbers"):
        await run(
            thinned(
                server.url,
                [{"use": "dedupe", "method": "semantic", "model": "grader"}],
                ("My cat", "Old dog"),
            ),
            tmp_path / "out",
        )


def test_a_model_needs_the_method_that_compares_vectors(tmp_path):
    with pytest.raises(ValidationError, match="which `method: semantic` compares"):
        curated("dedupe", prompts("a"), model="m", method="minhash")
    with pytest.raises(ValidationError, match="from which `cosine` two are the same"):
        curated("decontaminate", prompts("a"), model="m", against=["x.jsonl"])
    recipe = a_recipe()
    recipe["stages"].insert(1, {"curate": [{"use": "dedupe", "method": "semantic", "model": "nobody"}]})
    with pytest.raises(RecipeError, match="nobody"):
        build(recipe_from_data(recipe, tmp_path))


def test_an_unknown_benchmark_is_named_with_the_nearest():
    with pytest.raises(ValidationError, match="Did you mean 'gsm8k'"):
        curated("decontaminate", prompts("a"), benchmarks=["gsm8"])


def test_a_benchmark_that_cannot_be_had_says_what_to_do(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(RecipeError, match=r"benchmark 'gsm8k': .*Without a network, name a file"):
        curated("decontaminate", prompts("a"), benchmarks=["gsm8k"])


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


def test_cluster_quotas_even_out_what_a_topic_has_too_much_of():
    many = [f"How do I repair a bicycle chain number {i} at home?" for i in range(30)]
    few = [f"Which wine goes with fish soup number {i}?" for i in range(3)]

    left = curated("diversify", prompts(*many, *few), count=6, method="clusters", clusters=2)

    assert len(left.ids()) == 6
    assert {"p30", "p31", "p32"} <= set(left.ids())
    assert all(g.neighbour in left.ids() for g in left.dropped.values())
    assert len(left.dropped) == 27


def test_cluster_quotas_may_be_fewer_than_clusters():
    texts = [
        f"{word} {word} number {i}" for i in range(3) for word in ("apples", "rivers", "violins", "planets")
    ]

    assert len(curated("diversify", prompts(*texts), count=2, method="clusters", clusters=4).ids()) == 2


def test_a_vector_survives_as_text():
    assert unpack_vectors([pack_vector([3.0, 4.0])]).tolist() == [pytest.approx([0.6, 0.8])]
    with pytest.raises(ValueError, match="all must be of one model"):
        unpack_vectors([pack_vector([1.0]), pack_vector([1.0, 2.0])])
