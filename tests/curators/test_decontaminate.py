"""Drop prompts that a benchmark holds: word for word in a run of words, nearly as a whole, or by the cosine
of vectors. (prefgen/curators/decontaminate.py)
"""

import json

import pytest
from pydantic import ValidationError

from prefgen.dataset.read_run import read_records
from prefgen.engine.progress import Progress
from prefgen.errors import RecipeError
from prefgen.kit.templates import set_recipe_folder
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import a_recipe, run
from tests.support.tables import (
    LONG,
    curated,
    prompts,
)
from tests.support.vectors import embedder, left, thinned


@pytest.fixture
def benchmark(tmp_path):
    rows = [
        LONG,
        "What is the capital of France?",
        "Name three primary colours of light and the animals that can see them all",
    ]
    (tmp_path / "bench.jsonl").write_text("".join(json.dumps({"question": row}) + "\n" for row in rows))
    set_recipe_folder(tmp_path)
    yield
    set_recipe_folder(None)


@pytest.mark.usefixtures("benchmark")
def test_benchmark_items_are_found_whole_inside_and_edited():
    edited = LONG.replace("few", "couple of").replace("Explain", "Describe").replace("needs", "has")
    table = prompts(
        f"Please help: {LONG}?",
        edited,
        "Tell me now: what is the capital of France? Thanks.",
        "What is the capital of Peru?",
        "Explain how a sourdough starter works and why it needs flour",
        "Name three knots.",
    )

    left = curated("decontaminate", table, against=["bench.jsonl"])

    assert left.ids() == ["p3", "p4", "p5"]
    assert {
        i: (g.reason.partition(":")[2].split(" (")[0].strip(), g.neighbour) for i, g in left.dropped.items()
    } == {
        "p0": ("13 words in a row", "bench.jsonl:1"),
        "p1": ("alike", "bench.jsonl:1"),
        "p2": ("alike", "bench.jsonl:2"),
    }


@pytest.mark.usefixtures("benchmark")
def test_a_few_words_in_common_are_no_contamination():
    table = prompts("What is the tide?", "Name three primary colours.", "Explain how a tide clock works")

    assert curated("decontaminate", table, against=["bench.jsonl"]).ids() == ["p0", "p1", "p2"]


def decontaminating(*against):
    recipe = a_recipe(prompts=("Name three knots.", "What is the capital of France?"))
    recipe["stages"][1:] = [{"curate": [{"use": "decontaminate", "against": list(against)}]}]
    return recipe


def test_a_benchmark_that_is_not_there_is_an_error_before_anything_is_asked(tmp_path):
    with pytest.raises(RecipeError, match=r"against: the file 'mmlu.jsonl' does not exist"):
        build(recipe_from_data(decontaminating("mmlu.jsonl"), tmp_path))


async def test_another_item_in_a_benchmark_thins_again(tmp_path):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "a.jsonl").write_text(
        '{"question": "How do tides work in a river mouth, and why?"}\n'
    )
    await run(decontaminating("bench"), tmp_path / "out", folder=tmp_path)
    (tmp_path / "bench" / "b.jsonl").write_text('{"question": "What is the capital of France?"}\n')

    await run(decontaminating("bench"), tmp_path / "out", folder=tmp_path)

    assert [r.prompt.text for r in read_records(tmp_path / "out")] == ["Name three knots."]


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


def test_an_unknown_benchmark_is_named_with_the_nearest():
    with pytest.raises(ValidationError, match="Did you mean 'gsm8k'"):
        curated("decontaminate", prompts("a"), benchmarks=["gsm8"])


def test_a_benchmark_that_cannot_be_had_says_what_to_do(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(RecipeError, match=r"benchmark 'gsm8k': .*Without a network, name a file"):
        curated("decontaminate", prompts("a"), benchmarks=["gsm8k"])
