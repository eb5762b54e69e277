"""Keep prompts by how surprising a model finds them: exp of the mean negative log-probability of the tokens
of the last user turn after the first. (prefgen/curators/perplexity.py)
"""

import math

import pytest

from prefgen.dataset.read_run import read_records
from tests.support.recipes import a_recipe, run


def surprise(body, _):
    """The longer its words, the more a text surprises; of a text about nothing nothing is known."""
    if "messages" in body:
        return "Said."
    words = body["prompt"].split(" ")
    logprobs = (
        None
        if "nothing" in words
        else {"tokens": [*words, "."], "token_logprobs": [None, *(-len(w) / 4 for w in words[1:]), -9.0]}
    )
    choice = {"index": 0, "text": body["prompt"] + ".", "finish_reason": "length", "logprobs": logprobs}
    return {"choices": [choice], "model": "g", "usage": {"prompt_tokens": len(words), "completion_tokens": 1}}


async def test_perplexity_is_that_of_the_prompt_and_not_of_what_was_added(tmp_path, server):
    server.script = surprise
    recipe = a_recipe(
        url=server.url, prompts=("a to of it", "a antidisestablishmentarianism of", "a nothing")
    )
    recipe["stages"] = [
        recipe["stages"][0],
        {"curate": [{"use": "perplexity", "model": "grader", "most": 5}]},
        recipe["stages"][1],
    ]

    outcome = await run(recipe, tmp_path / "out")

    found = {
        r.prompt.text: r.prompt.metadata.get("perplexity_grader") for r in read_records(tmp_path / "out")
    }
    assert found == {"a to of it": pytest.approx(math.exp(0.5)), "a nothing": None}
    assert outcome.manifest.yields.failures == {"curate: no_logprobs": 1}
    assert {b["max_tokens"] for b in server.bodies if "prompt" in b} == {1}


async def test_log_probabilities_of_what_was_written_are_none_of_the_prompts(tmp_path, server):
    """As llama.cpp's server, which knows no `echo`: it gives those of the new token, in the form of chats."""
    content = [{"token": " sea", "logprob": -0.5, "top_logprobs": []}]
    choice = {"index": 0, "text": " sea", "finish_reason": "length", "logprobs": {"content": content}}
    server.script = lambda body, _: {"choices": [choice], "model": "g", "usage": {"completion_tokens": 0}}
    recipe = a_recipe(url=server.url, prompts=("By the",))
    recipe["stages"][1:] = [{"curate": [{"use": "perplexity", "model": "grader", "most": 5}]}]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.failures == {"curate: no_logprobs": 1}
    assert "does not echo the prompt" in outcome.manifest.yields.example_failure
