"""Revise stage: every reviser rewrites the responses that it is shown. (prefgen/stages/revise.py)"""

import json

import pytest

from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.kit.templates import shipped
from prefgen.recipe.load import load_recipe
from tests.support.harm import backwards
from tests.support.recipes import RATE, a_recipe, run
from tests.support.server import answer


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


def one_answer(body, attempt):
    """A model that always says the same, and rates."""
    text = str(body["messages"][-1]["content"])
    if "The texts that reply" in text:
        return RATE
    if any(
        words in text for words in ("Now improve the reply", "Write only the new reply", "Mend just that")
    ):
        return f"A better answer, by seed {body.get('seed')}."
    return answer("The same answer.", body)


@pytest.mark.parametrize(
    "reviser", [{"use": "improve"}, {"use": "constitution", "rounds": 2}, {"use": "minimal_edit"}]
)
async def test_equal_answers_are_revised_once_and_each_has_its_revision(tmp_path, server, reviser):
    server.script = lambda body, attempt: (
        '{"flaws": ["It is short."]}' if "Name what is wrong" in str(body) else one_answer(body, attempt)
    )
    recipe = a_recipe(url=server.url, prompts=["One?"], n=3)
    recipe["stages"] = [
        *recipe["stages"][:2],
        {"revise": {**reviser, "model": "writer"}},
        {"pair": {"use": "revised_over_original"}},
    ]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    [record] = read_records(tmp_path / "out")
    ends = [r for r in record.responses if r.id not in {o.parent_id for o in record.responses}]
    assert len(ends) == 3
    assert len({r.text for r in ends}) == 1
    assert len({r.id for r in record.responses}) == len(record.responses)
    assert len(record.pairs) == 1, "equal answers are one"
    assert (
        sum(
            "Now improve" in str(b) or "Write only the new reply" in str(b) or "Mend just that" in str(b)
            for b in server.bodies
        )
        <= 2
    )
