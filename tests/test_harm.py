"""Harmful texts: on purpose only, marked all the way, and never the preferred answer."""

import json
from pathlib import Path

import pytest

from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.errors import RecipeError, UnreadableReply
from prefgen.kit.harm import is_harmful
from prefgen.kit.templates import shipped
from prefgen.plugins.registry import find
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe, recipe_from_data
from prefgen.report.html import write_report
from prefgen.testing import Scripted, a_pool, a_record
from prefgen.types import Prompt, Seed, assistant, user
from tests.support.recipes import a_recipe, run

TEXT = "Take the bottle while the cashier looks away."


def inverter(**fields):
    return find("synthesizer", "invert_harmful", Path())(model="m", seeds="s", accept_harm=True, **fields)


def says(*, request=True, twin=False):
    """A model that writes a request and a twin, and an expert that finds harm in them or not."""

    def answer(text):
        if "seeks_harm" in text:
            return json.dumps(
                {"reason": "r", "seeks_harm": twin if "How do shops count" in text else request}
            )
        return json.dumps(
            {
                "prompts": [
                    "How do shops count their bottles?"
                    if "entirely harmless" in text
                    else "How do I steal a bottle?"
                ]
            }
        )

    return Scripted(answer)


SEED = Seed(index=0, seed=0, text=TEXT, metadata={"category": "illegal"})


async def test_a_request_is_kept_with_the_text_that_it_was_made_from():
    [request, twin] = await inverter(twins=True).synthesize(SEED, says(), a_pool())

    assert request.text == "How do I steal a bottle?"
    assert request.metadata["source_text"] == TEXT
    assert request.lineage["harm"] == request.category == "illegal"
    assert len(request.lineage["source_digest"]) == 32
    assert (twin.text, twin.category) == ("How do shops count their bottles?", "benign_twin")
    assert "harm" not in twin.metadata


async def test_what_seeks_no_harm_and_a_twin_that_does_are_lost():
    [lost] = await inverter().synthesize(SEED, says(request=False), a_pool())
    assert lost.code == "not_harmful"

    [request, lost] = await inverter(twins=True).synthesize(SEED, says(twin=True), a_pool())
    assert isinstance(lost, UnreadableReply)
    assert lost.code == "twin_harmful"
    assert request.text == "How do I steal a bottle?"


def test_it_must_be_meant():
    with pytest.raises(RecipeError, match="accept_harm: true"):
        find("synthesizer", "invert_harmful", Path())(model="m", seeds="s").validate()
    with pytest.raises(RecipeError, match="needs `seeds`"):
        find("synthesizer", "invert_harmful", Path())(model="m", accept_harm=True).validate()


async def test_the_recipe_prefers_safe_answers_to_the_texts_and_full_ones_to_refusals(tmp_path):
    path = shipped("pipelines") / "safer_instruct.yaml"
    await run(load_recipe(path).data, tmp_path / "out", folder=path.parent)

    sources = {
        json.loads(line)["text"] for line in (path.parent / "data" / "harmful.jsonl").read_text().splitlines()
    }
    pairs = list(read_pairs(tmp_path / "out"))
    assert {row["rejected"][0]["content"] for row in pairs if "harm" in (row["lineage"] or "")} == sources
    assert not sources & {row["chosen"][0]["content"] for row in pairs}
    styles = {r.principle for record in read_records(tmp_path / "out") for r in record.responses}
    assert {"source", "helps", "refuses"} < styles
    assert styles & {"explain", "redirect", "comply_safely"}
    page = write_report(tmp_path / "out").read_text()
    assert not [text for text in sources if text[:40] in page]
    assert "not shown here" in page


def backwards(pair):
    """A recipe that would prefer what it was made from."""
    path = shipped("pipelines") / "safer_instruct.yaml"
    recipe = load_recipe(path).data
    recipe["stages"][-2:] = [{"pair": pair}]
    return recipe, path.parent


async def test_no_pairer_can_make_the_text_the_preferred_answer(tmp_path):
    recipe, folder = backwards(
        {
            "use": "fixed",
            "chosen": {"principle": ["source"]},
            "rejected": {"principle": ["explain", "redirect", "comply_safely"]},
        }
    )

    outcome = await run(recipe, tmp_path / "out", folder=folder)

    assert outcome.complete
    assert outcome.manifest.yields.pairs == 0
    assert outcome.manifest.yields.failures == {"pair: harmful_chosen": 6}


@pytest.mark.parametrize(
    ("said", "held"),
    [
        (TEXT, True),
        (TEXT.upper().rstrip("."), True),
        (f"Sure. {TEXT} Good luck!", True),
        (TEXT.replace("bottle", "bot\u200btle"), True),
        ("Take the bottle back to the shop.", False),
    ],
)
def test_a_text_is_known_again_in_other_clothes(said, held):
    record = a_record(Prompt.of("How?", metadata={"source_text": TEXT}), said)

    assert is_harmful(record, "r0") == held


def test_few_words_count_only_where_they_are_the_whole_answer():
    prompt = Prompt.of("How?", metadata={"source_text": "No."})

    assert is_harmful(a_record(prompt, "no"), "r0")
    assert not is_harmful(a_record(prompt, "No, that is not so."), "r0")


async def test_neither_revisers_nor_datasets_that_are_read_again_bring_it_back(tmp_path):
    path = shipped("pipelines") / "safer_instruct.yaml"
    await run(load_recipe(path).data, tmp_path / "out", folder=path.parent)
    again = a_recipe() | {
        "models": {"g": {"use": "simulated", "temperature": 0}},
        "stages": [
            {"prompts": {"use": "records", "path": "out/pairs"}},
            {"judge": {"j": {"use": "additive", "model": "g", "samples": 1}}},
            {
                "pair": {
                    "use": "fixed",
                    "chosen": {"origin": ["imported"]},
                    "rejected": {"origin": ["imported"]},
                    "all": True,
                }
            },
        ],
    }

    outcome = await run(again, tmp_path / "again", folder=tmp_path)

    sources = {
        json.loads(line)["text"] for line in (path.parent / "data" / "harmful.jsonl").read_text().splitlines()
    }
    assert outcome.manifest.yields.failures["pair: harmful_chosen"] == 6
    assert not sources & {row["chosen"][0]["content"] for row in read_pairs(tmp_path / "again")}
    recipe, folder = backwards({"use": "revised_over_original"})
    recipe["stages"].insert(-1, {"revise": {"use": "improve", "model": "expert"}})
    await run(recipe, tmp_path / "revised", folder=folder)
    parents = {r.parent_id for record in read_records(tmp_path / "revised") for r in record.responses}
    assert not [
        r
        for record in read_records(tmp_path / "revised")
        for r in record.responses
        if r.principle == "source" and r.id in parents
    ]


def test_a_pair_that_prefers_it_is_no_row_to_read(tmp_path):
    row = {"prompt": "How?", "chosen": TEXT, "rejected": "No.", "metadata": {"source_text": TEXT}}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")

    with pytest.raises(RecipeError, match=r"p.jsonl:1: chosen is, or holds, the harmful text"):
        list(find("source", "records", tmp_path)(path="p.jsonl").read(tmp_path))


def test_a_refusal_that_lost_to_a_better_answer_is_not_taken_for_the_text(tmp_path):
    lineage = json.dumps({"harm": "c", "source_digest": "0" * 32})
    row = {
        "prompt": "How?",
        "chosen": "I cannot help you with that at all. Please talk to us.",
        "rejected": "I cannot help you with that at all.",
        "lineage": lineage,
    }
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")

    [record] = find("source", "records", tmp_path)(path="p.jsonl", keep=["responses", "pairs"]).read(tmp_path)

    assert len(record.pairs) == 1
    assert "source_text" not in record.prompt.metadata


async def test_a_conversation_is_no_harmful_text():
    seed = Seed(
        index=0, seed=0, text="And then?", messages=(user("Hi"), assistant("Hello"), user("And then?"))
    )

    [lost] = await inverter().synthesize(seed, says(), a_pool())

    assert lost.code == "conversation"


async def test_not_even_when_a_model_repeats_it_word_for_word(tmp_path):
    (tmp_path / "s.jsonl").write_text(json.dumps({"text": TEXT, "category": "c"}) + "\n")
    rules = [
        {"when": "seeks_harm", "say": ['{"reason": "r", "seeks_harm": true}']},
        {"when": "Write the request", "say": ['{"prompts": ["How?"]}']},
        {"when": "", "say": [f"  {TEXT}\n"]},
    ]
    recipe = a_recipe() | {
        "models": {"m": {"use": "scripted", "rules": rules, "temperature": 1.0}},
        "stages": [
            {
                "prompts": {
                    "made": {"use": "invert_harmful", "model": "m", "seeds": "s.jsonl", "accept_harm": True}
                }
            },
            {
                "sample": {
                    "a": {"use": "each", "model": "m", "n": 1},
                    "b": {"use": "each", "model": "m", "n": 1, "system": "Be short."},
                }
            },
            {
                "pair": {
                    "use": "fixed",
                    "chosen": {"origin": ["sampled"]},
                    "rejected": {"origin": ["sampled"]},
                    "all": True,
                }
            },
        ],
    }

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.complete
    assert outcome.manifest.yields.pairs == 0


def test_the_recipe_without_its_word_is_refused(tmp_path):
    recipe, folder = backwards({"use": "best_vs_worst"})
    del recipe["stages"][0]["prompts"]["induced"]["accept_harm"]

    with pytest.raises(RecipeError, match="accept_harm"):
        build(recipe_from_data(recipe, folder))
