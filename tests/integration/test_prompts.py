"""Written prompts and harmful texts on real data: people's seed tasks, AlpacaEval's prompts, hh-rlhf's
conversations.
"""

import gzip
import json

import pytest

from prefgen.curators.decontaminate import Decontaminate
from prefgen.curators.dedupe import Dedupe
from prefgen.curators.heuristics import Heuristics
from prefgen.dataset.check import check_rows
from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.engine.curator_tables import curator_table
from prefgen.kit.templates import set_recipe_folder, shipped
from prefgen.recipe.load import load_recipe
from prefgen.types import Prompt, Record
from tests.support.recipes import run


def last_answers(shared, count):
    """The last assistant turns of the rejected sides of real red-teaming conversations."""
    found = []
    with gzip.open(shared / "data" / "hh_rlhf" / "harmless-base-test.jsonl.gz", "rt") as file:
        for line in file:
            text = json.loads(line)["rejected"].rpartition("\n\nAssistant:")[2].strip()
            if text and text not in found:
                found.append(text)
            if len(found) == count:
                return found
    return found


async def test_real_harmful_texts_are_never_preferred_and_every_one_is_accounted_for(tmp_path, shared):
    texts = last_answers(shared, 200)
    (tmp_path / "texts.jsonl").write_text(
        "".join(json.dumps({"text": t, "category": "harmless-base"}) + "\n" for t in texts)
    )
    path = shipped("pipelines") / "safer_instruct.yaml"
    recipe = load_recipe(path).data
    recipe["stages"][0]["prompts"]["induced"]["seeds"] = "texts.jsonl"
    recipe["stages"][1] = {"curate": [{"use": "dedupe"}]}

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.complete, outcome.stopped
    sources = {" ".join(text.split()) for text in texts}
    pairs = list(read_pairs(tmp_path / "out"))
    assert not [row for row in pairs if " ".join(row["chosen"][0]["content"].split()) in sources]
    assert check_rows((row["id"], row) for row in pairs).passed
    table = outcome.manifest.yields
    written = sum(1 for _ in read_records(tmp_path / "out")) + sum(
        n for why, n in table.dropped_by_curators.items() if why.startswith("prompts")
    )
    assert written == 2 * len(texts)


def as_table(texts):
    return curator_table([Record(prompt=Prompt.of(text)) for text in dict.fromkeys(texts)])


def test_peoples_tasks_are_no_benchmark_and_a_benchmark_is(shared, tmp_path):
    seeds = [
        json.loads(line)["instruction"]
        for line in (shared / "data" / "self_instruct" / "seed_tasks.jsonl").read_text().splitlines()
    ]
    evaluation = shared / "data" / "alpaca_eval" / "prompts.jsonl"
    prompts = [
        row.get("instruction") or row.get("prompt")
        for row in map(json.loads, evaluation.read_text().splitlines())
    ]
    set_recipe_folder(tmp_path)
    (tmp_path / "eval.jsonl").write_text("".join(json.dumps({"prompt": p}) + "\n" for p in prompts))
    curator = Decontaminate(against=("eval.jsonl",))

    left = curator.curate(as_table(seeds))
    dirty = curator.curate(as_table(prompts))

    assert left.rows.num_rows >= 0.97 * len(set(seeds))
    long = [p for p in dict.fromkeys(prompts) if len(p.split()) >= 13]
    kept = set(dirty.column("text"))
    assert not [p for p in long if p in kept]


@pytest.mark.parametrize("method", ["minhash", "rouge_l", "semantic"])
def test_real_prompts_are_seldom_taken_for_each_other(shared, method):
    rows = (shared / "data" / "alpaca_eval" / "prompts.jsonl").read_text().splitlines()
    table = as_table([row.get("instruction") or row.get("prompt") for row in map(json.loads, rows)])

    left = Dedupe(method=method).curate(table)

    assert left.rows.num_rows >= 0.97 * table.rows.num_rows


def test_most_real_prompts_pass_the_heuristics(shared):
    rows = (shared / "data" / "alpaca_eval" / "prompts.jsonl").read_text().splitlines()
    table = as_table([row.get("instruction") or row.get("prompt") for row in map(json.loads, rows)])

    left = Heuristics(most_words=None).curate(table)

    reasons = sorted({g.reason for g in left.dropped.values()})
    assert left.rows.num_rows >= 0.95 * table.rows.num_rows, reasons
