"""Revisers: chains of revisions, what is kept of them, and what a lost reply costs."""

import json

import pytest
from pydantic import ValidationError

from prefgen.errors import RefusedReply
from prefgen.pairers.revised_over_original import RevisedOverOriginal
from prefgen.revisers.constitution import Constitution
from prefgen.revisers.improve import Improve
from prefgen.revisers.minimal_edit import MinimalEdit
from prefgen.testing import Scripted, a_record
from prefgen.types import Critique
from tests.support.recipes import a_recipe, run

EXAMPLE = {"request": "Hi", "reply": "What?", "critique": "It is rude.", "revision": "Hello!"}


async def revised(reviser, ask, reply="Bad words.", **more):
    record = a_record("Say hello.", reply)
    return await reviser.revise(record.prompt, record.responses[0], ask, **more)


def in_turn(text):
    """A critique, then a revision that counts its rounds."""
    return f"{text.count('Better')} Better." if "Write only the new reply" in text else "It is rude."


async def test_every_revision_is_kept_with_its_parent_and_a_principle_of_its_own():
    ask = Scripted(in_turn)

    found = await revised(Constitution(model="m", rounds=4), ask)

    assert len(found.responses) == len(found.critiques) == 4
    parents = [r.parent_id for r in found.responses]
    assert parents == ["r0", *(r.id for r in found.responses[:3])]
    assert {r.origin for r in found.responses} == {"revised"}
    assert [c.principle_id for c in found.critiques] == [r.principle for r in found.responses]
    assert len(ask.asked) == 8


async def test_principles_differ_by_prompt_and_round_and_are_the_same_again():
    async def drawn(question):
        record = a_record(question, "x")
        found = await Constitution(model="m", rounds=3).revise(
            record.prompt, record.responses[0], Scripted(in_turn)
        )
        return tuple(r.principle for r in found.responses)

    chains = [await drawn(f"Question {i}") for i in range(20)]

    assert chains == [await drawn(f"Question {i}") for i in range(20)]
    assert len(set(chains)) > 15
    assert len({principle for chain in chains for principle in chain}) > 8


async def test_examples_are_shown():
    ask = Scripted(in_turn)

    await revised(Constitution(model="m", rounds=1, exemplars=(EXAMPLE,)), ask)

    assert "It is rude." in ask.asked[0][1][-1].text
    assert "Hello!" in ask.asked[1][1][-1].text
    with pytest.raises(ValidationError, match="exemplar 1 must have"):
        Constitution(model="m", exemplars=({"request": "x"},))


async def test_a_lost_round_ends_the_chain_and_keeps_what_was_made():
    class Declines(Scripted):
        async def __call__(self, model, messages, /, **options):
            if len(self.asked) == 4:
                raise RefusedReply("the model declined")
            return await super().__call__(model, messages, **options)

    found = await revised(Constitution(model="m", rounds=4), Declines(in_turn))

    assert len(found.responses) == 2
    assert [type(error) for error in found.lost] == [RefusedReply]


async def test_an_improved_answer_has_its_parent_and_origin():
    found = await revised(Improve(model="m", instruction="Be brief."), Scripted(["  Hello there.  "]))

    [response] = found.responses
    assert (response.text, response.origin, response.parent_id) == ("Hello there.", "improved", "r0")


async def test_only_what_is_named_is_mended_and_a_sound_answer_is_left_alone():
    ask = Scripted(
        lambda text: (
            "Hello."
            if "Mend just that" in text
            else json.dumps({"flaws": ["It is rude.", "", "It is long."]})
        )
    )

    found = await revised(MinimalEdit(model="m"), ask, record=a_record("Say hello.", "Bad words."))
    sound = await revised(
        MinimalEdit(model="m"), Scripted(['{"flaws": []}']), record=a_record("Say hello.", "Bad words.")
    )

    assert [c.text for c in found.critiques] == ["It is rude.", "It is long."]
    assert found.responses[0].origin == "refined"
    assert (sound.responses, sound.critiques) == ((), ())


async def test_what_an_earlier_judge_wrote_is_mended_without_asking_for_flaws():
    record = a_record("Say hello.", "Bad words.").adding(
        critiques=[Critique(response_id="r0", text="It never says hello.", judge="j")]
    )
    ask = Scripted(["Hello."])

    found = await MinimalEdit(model="m").revise(record.prompt, record.responses[0], ask, record=record)

    assert len(ask.asked) == 1
    assert "It never says hello." in ask.asked[0][1][-1].text
    assert found.critiques == ()


async def test_a_recipe_of_revisions_makes_pairs_without_a_judge(tmp_path):
    rules = [
        {"when": "Write only the new reply", "say": [f"A better answer, number {i}." for i in range(40)]},
        {"when": "Be specific and brief", "say": "It could be kinder."},
        {"when": "", "say": "An answer."},
    ]
    recipe = a_recipe(n=1)
    recipe["models"] = {"writer": {"use": "scripted", "rules": rules, "temperature": 1.0}}
    recipe["stages"] = [
        *recipe["stages"][:2],
        {"revise": {"use": "constitution", "model": "writer", "rounds": 2}},
        {"pair": {"use": "revised_over_original"}},
    ]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 3}
    assert outcome.manifest.yields.responses == 9


async def test_a_prompt_without_a_revision_says_so():
    assert RevisedOverOriginal().explain(a_record("Q", "x")) == "no_revision"
