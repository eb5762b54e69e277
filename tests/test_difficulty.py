"""Curators that ask a policy how hard a prompt is."""

import json
import math

import pytest
from pydantic import ValidationError

from prefgen.dataset.read_run import read_records
from tests.support.recipes import a_recipe, run
from tests.support.tables import curated, prompts


def arithmetic(url, folder, curate):
    """Four sums with references, one prompt without."""
    rows = [{"prompt": f"{word} sum?", "references": ["4"]} for word in ("Easy", "Fair", "Hard", "Lost")] + [
        {"prompt": "What do you like?"}
    ]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = a_recipe(url=url)
    recipe["stages"] = [
        {"prompts": {"use": "file", "path": "sums.jsonl"}},
        {"curate": [curate]},
        recipe["stages"][1],
    ]
    return recipe


def policy(body, seen):
    asked = body["messages"][-1]["content"]
    if "Lost" in asked:
        return ""
    right = {"Easy": 8, "Fair": 3, "Hard": 0}.get(asked.split()[0], 0)
    texts = ["It is 4." if i < right else "It is 5." for i in range(body.get("n") or 1)]
    return {
        "choices": [
            {"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}
            for i, t in enumerate(texts)
        ],
        "model": body["model"],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }


async def test_what_is_always_or_never_solved_goes_and_what_has_no_rate_stays(tmp_path, server):
    server.script = policy

    outcome = await run(
        arithmetic(server.url, tmp_path, {"use": "pass_rate", "model": "writer"}),
        tmp_path / "out",
        folder=tmp_path,
    )

    assert outcome.complete
    found = {r.prompt.text: r.prompt.metadata.get("pass_rate_writer") for r in read_records(tmp_path / "out")}
    assert found == {"Fair sum?": 3 / 8, "Lost sum?": None, "What do you like?": None}
    failures = outcome.manifest.yields.failures
    assert failures["curate: no_reference"] == 1
    assert outcome.manifest.yields.dropped_by_curators == {"prompts: pass_rate: pass rate": 2}


async def test_what_has_no_rate_may_go_too(tmp_path, server):
    server.script = policy
    recipe = arithmetic(server.url, tmp_path, {"use": "pass_rate", "model": "writer", "missing": "drop"})

    await run(recipe, tmp_path / "out", folder=tmp_path)

    assert [r.prompt.text for r in read_records(tmp_path / "out")] == ["Fair sum?"]


async def test_the_draws_that_grade_a_prompt_are_not_those_that_answer_it(tmp_path, server):
    server.script = policy
    recipe = arithmetic(server.url, tmp_path, {"use": "pass_rate", "model": "writer", "n": 8})

    await run(recipe, tmp_path / "out", folder=tmp_path)

    about = [b for b in server.bodies if b["messages"][-1]["content"] == "Fair sum?"]
    assert sum(b.get("n") or 1 for b in about) == 8 + 2
    assert len({b["seed"] for b in about}) == len(about)


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


@pytest.mark.parametrize("name", ["pass_rate", "perplexity"])
def test_bounds_that_nothing_fits_are_refused(name):
    with pytest.raises(ValidationError, match="give least, most, or both"):
        curated(name, prompts("a"), model="m", least=None, most=None)
    with pytest.raises(ValidationError, match=r"least is .* and most is"):
        curated(
            name,
            prompts("a"),
            model="m",
            **({"least": 0.9, "most": 0.1} if name == "pass_rate" else {"least": 9, "most": 2}),
        )
