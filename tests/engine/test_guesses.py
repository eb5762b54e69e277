"""Stand-ins for models that a plan must not ask. (prefgen/engine/guesses.py)"""

import pytest

from prefgen.engine.guesses import ASSUMED_OUTPUT_TOKENS, with_guesses
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.transport.request import ModelRequest
from prefgen.types import user
from tests.support.recipes import a_recipe


@pytest.mark.parametrize(
    ("mean_tokens", "max_tokens", "expected"),
    [(37, 100, 37), (None, 100, 50), (None, None, ASSUMED_OUTPUT_TOKENS)],
)
async def test_they_answer_at_the_expected_length_in_the_place_of_the_model(
    tmp_path, mean_tokens, max_tokens, expected
):
    recipe = a_recipe(url="http://127.0.0.1:9/v1")
    recipe["models"]["writer"]["max_tokens"] = max_tokens
    pipeline = build(recipe_from_data(recipe, tmp_path))

    model = await with_guesses(pipeline, pipeline.models["writer"], mean_tokens)
    async with model.backend.connect() as connected:
        turns = (user("Why?"),)
        responses = await connected.send(ModelRequest("chat", "w", turns, seeds=[1, 2]))

    assert [r.reply.usage.completion_tokens for r in responses] == [expected] * 2
    assert connected.host == "local" and not model.simulated
    assert [connected.parse(r.raw, "chat").text for r in responses] == [r.reply.text for r in responses]
