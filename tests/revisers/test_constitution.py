"""Criticise and rewrite an answer by principles that are drawn anew each round (Constitutional AI, arXiv
2212.08073, section 3). (prefgen/revisers/constitution.py)
"""

from pathlib import Path

import pytest
from pydantic import ValidationError

from prefgen.errors import RecipeError, RefusedReply
from prefgen.revisers.constitution import ConstitutionReviser, objects_to_nothing
from prefgen.testing import Scripted, a_record
from tests.support.recipes import a_recipe, run
from tests.support.revisers import revised


def test_a_reviser_must_choose_a_group():
    from prefgen.plugins.registry import find

    reviser = find("reviser", "constitution", Path())
    with pytest.raises(RecipeError, match="keeps its groups apart"):
        reviser(model="m", constitution="plural").validate()
    reviser(model="m", constitution="plural", group="truth").validate()


EXAMPLE = {"request": "Hi", "reply": "What?", "critique": "It is rude.", "revision": "Hello!"}


def in_turn(text):
    """A critique, then a revision that counts its rounds."""
    return f"{text.count('Better')} Better." if "Write only the new reply" in text else "It is rude."


async def test_every_revision_is_kept_with_its_parent_and_a_principle_of_its_own():
    ask = Scripted(in_turn)

    found = await revised(ConstitutionReviser(model="m", rounds=4), ask)

    assert len(found.responses) == len(found.critiques) == 4
    parents = [r.parent_id for r in found.responses]
    assert parents == ["r0", *(r.id for r in found.responses[:3])]
    assert {r.origin for r in found.responses} == {"revised"}
    assert [c.principle_id for c in found.critiques] == [r.principle for r in found.responses]
    assert len(ask.asked) == 8


async def test_principles_differ_by_prompt_and_round_and_are_the_same_again():
    async def drawn(question):
        record = a_record(question, "x")
        found = await ConstitutionReviser(model="m", rounds=3).revise(
            record.prompt, record.responses[0], Scripted(in_turn)
        )
        return tuple(r.principle for r in found.responses)

    chains = [await drawn(f"Question {i}") for i in range(20)]

    assert chains == [await drawn(f"Question {i}") for i in range(20)]
    assert len(set(chains)) > 15
    assert len({principle for chain in chains for principle in chain}) > 8


async def test_examples_are_shown():
    ask = Scripted(in_turn)

    await revised(ConstitutionReviser(model="m", rounds=1, exemplars=(EXAMPLE,)), ask)

    assert "It is rude." in ask.asked[0][1][-1].text
    assert "Hello!" in ask.asked[1][1][-1].text
    with pytest.raises(ValidationError, match="exemplar 1 must have"):
        ConstitutionReviser(model="m", exemplars=({"request": "x"},))


async def test_a_lost_round_ends_the_chain_and_keeps_what_was_made():
    class Declines(Scripted):
        async def __call__(self, model, messages, /, **options):
            if len(self.asked) == 4:
                raise RefusedReply("the model declined")
            return await super().__call__(model, messages, **options)

    found = await revised(ConstitutionReviser(model="m", rounds=4), Declines(in_turn))

    assert len(found.responses) == 2
    assert [type(error) for error in found.lost] == [RefusedReply]


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


async def test_a_critique_without_an_objection_leaves_the_answer_alone():
    replies = iter(["No objection.", "It is rude.", "Good words."])
    ask = Scripted(lambda _: next(replies))

    found = await revised(ConstitutionReviser(model="m", rounds=2), ask)

    assert [critique.text for critique in found.critiques] == ["No objection.", "It is rude."]
    assert [(r.text, r.parent_id) for r in found.responses] == [("Good words.", "r0")]


@pytest.mark.parametrize(
    "critique",
    [
        "No objections.",
        "**No objection.**",
        "No objection: the reply is fine.",
        "None. No objection.",
        "I have no objection.",
        "There is nothing to object to.",
        "I see nothing objectionable in the reply. It is polite.",
    ],
)
def test_a_critique_that_objects_to_nothing_is_told_by_what_it_says(critique):
    assert objects_to_nothing(critique)


@pytest.mark.parametrize(
    "critique",
    [
        "No objection to the first half, but the second insults.",
        "No objection, however it could be kinder.",
        "It is rude. No objection otherwise.",
        "There is nothing to object to except the last sentence.",
        "No objections. One minor point: it names a person.",
    ],
)
def test_a_critique_that_objects_to_something_is_one(critique):
    assert not objects_to_nothing(critique)


async def test_a_round_whose_revision_says_that_none_is_needed_leaves_the_answer_alone():
    replies = iter(["It is rude.", "No changes are needed. The reply is fine.", "It is rude.", "Good words."])
    ask = Scripted(lambda _: next(replies))

    found = await revised(ConstitutionReviser(model="m", rounds=2), ask)

    assert len(found.critiques) == 2
    assert [(r.text, r.parent_id) for r in found.responses] == [("Good words.", "r0")]
