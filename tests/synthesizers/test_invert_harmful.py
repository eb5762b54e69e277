"""From harmful texts to the requests that they answer (Safer-Instruct, Shi et al., arXiv 2311.08685), and
harmless look-alikes of them. (prefgen/synthesizers/invert_harmful.py)
"""

import json
from pathlib import Path

import pytest

from prefgen.errors import RecipeError, UnreadableReply
from prefgen.plugins.registry import find
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.testing import Scripted, a_pool
from prefgen.types import Seed, assistant, user
from tests.support.harm import TEXT, backwards


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


async def test_a_conversation_is_no_harmful_text():
    seed = Seed(
        index=0, seed=0, text="And then?", messages=(user("Hi"), assistant("Hello"), user("And then?"))
    )

    [lost] = await inverter().synthesize(seed, says(), a_pool())

    assert lost.code == "conversation"


def test_the_recipe_without_its_word_is_refused(tmp_path):
    recipe, folder = backwards({"use": "best_vs_worst"})
    del recipe["stages"][0]["prompts"]["induced"]["accept_harm"]

    with pytest.raises(RecipeError, match="accept_harm"):
        build(recipe_from_data(recipe, folder))
