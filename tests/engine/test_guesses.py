"""Stand-ins for models that a plan must not ask. (prefgen/engine/guesses.py)"""

import pytest

from prefgen.engine.expectations import ExpectedRequest, Taken
from prefgen.engine.guesses import as_long_as, with_guesses
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.transport.request import ModelRequest
from prefgen.types import user
from tests.support.recipes import a_recipe


async def answered(tmp_path, mean_tokens, request):
    pipeline = build(recipe_from_data(a_recipe(url="http://127.0.0.1:9/v1"), tmp_path))
    model = await with_guesses(pipeline, pipeline.models["writer"], mean_tokens)
    async with model.backend.connect() as connected:
        assert connected.host == "local" and not model.simulated
        responses = await connected.send(request)
        assert [connected.parse(r.raw, "chat").text for r in responses] == [r.reply.text for r in responses]
    return [response.reply for response in responses]


async def test_they_answer_in_the_place_of_the_model_at_the_expected_length(tmp_path):
    taken = Taken(replies=4, guessed=400, prompt_tokens=100, completion_tokens=148, characters=2000)
    request = ExpectedRequest("chat", "w", (user("Why?"),), seeds=[1, 2], is_text=True, taken=taken)

    replies = await answered(tmp_path, 9, request)

    assert [reply.usage.completion_tokens for reply in replies] == [37, 37]
    assert [len(reply.text) for reply in replies] == [500, 500]
    assert replies[0].text != replies[1].text
    assert [reply.usage.prompt_tokens for reply in replies] == [4, 4]  # a quarter of 4 bytes / 3 + 2 * 8


async def test_where_nothing_is_known_a_prompt_counts_once_for_all_draws(tmp_path):
    request = ExpectedRequest("chat", "w", (user("x" * 4000),), seeds=[1, 2, 3], is_text=True)

    replies = await answered(tmp_path, None, request)

    assert [reply.usage.prompt_tokens for reply in replies] == [1012, 0, 0]  # 4 bytes a token, and the turns


async def test_a_verdict_stays_what_can_be_read(tmp_path):
    taken = Taken(replies=1, guessed=1, prompt_tokens=1, completion_tokens=500, characters=2000)
    request = ExpectedRequest("chat", "w", (user("Why?"),), is_text=False, taken=taken)
    plain = ModelRequest("chat", "w", (user("Why?"),))

    [verdict], [said] = await answered(tmp_path, None, request), await answered(tmp_path, None, plain)

    assert (verdict.text, verdict.usage.completion_tokens) == (said.text, 500)


async def test_a_simulated_model_answers_for_itself(tmp_path):
    recipe = a_recipe(url="http://127.0.0.1:9/v1")
    recipe["models"]["writer"] = {"use": "simulated", "skill": 0.9}
    del recipe["run"]["endpoints"]["writer"]
    pipeline = build(recipe_from_data(recipe, tmp_path))

    assert await with_guesses(pipeline, pipeline.models["writer"], 7) is pipeline.models["writer"]


@pytest.mark.parametrize("characters", [0, 1, 5, 6, 60, 61, 1000, 4001])
def test_a_text_gets_any_length_and_no_sentence_twice(characters):
    text, other = (as_long_as("Hello.", characters, draw) for draw in (1, 2))

    assert len(text) == max(1, characters)
    assert text.startswith("Hello."[: max(1, characters)])
    lines = text.splitlines()
    assert len(set(lines)) == len(lines)
    assert (text == other) == (characters < 60)  # two draws of a model are seldom the same
