"""What a whole reply without an answer costs, which is paid each time: it is tried three times, and each of
its draws once more, where a word of our own is answered. (prefgen/calls/retries.py, queue.py, requests.py)
"""

from collections import Counter

import pytest
from aiohttp import web

from tests.support.recipes import a_recipe, failures_of, run
from tests.support.server import answer, by_content

pytestmark = pytest.mark.usefixtures("short_backoff")


def ended_by(word):
    return lambda body: answer("", body, finish_reason=word)


def half_a_character(body):
    text = '{"choices": [{"message": {"content": "\\ud83d!"}, "finish_reason": "stop"}]}'
    return web.Response(text=text, content_type="application/json")


ODD = {
    "abort": ended_by("abort"),
    "load": ended_by("load"),
    "no choices": lambda body: {"choices": [], "model": body["model"]},
    "no message": lambda body: {"choices": [{"index": 0, "finish_reason": "stop"}]},
    "half a character": half_a_character,
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("draws", [1, 4])
async def test_an_odd_reply_is_tried_three_times_and_each_draw_once_more(tmp_path, server, odd, draws):
    asked = Counter()

    def script(body, attempt):
        text = str(body["messages"][-1]["content"])
        if body["model"] != "w" or text not in ("Question 3?", "Question 6?"):
            return by_content(body, attempt)
        asked[text, body.get("n", 1)] += 1
        return odd(body)

    server.script = script
    recipe = a_recipe(url=server.url, n=draws, prompts=[f"Question {i}?" for i in range(1, 7)])
    recipe["stages"][2:] = []

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete and len(failures_of(tmp_path / "out")) == 2 * draws
    for text in ("Question 3?", "Question 6?"):
        assert asked[text, 1] == (3 if draws == 1 else draws)
        assert draws == 1 or asked[text, draws] == 3


async def test_a_draw_that_is_answered_alone_is_kept_and_others_are_still_asked_together(tmp_path, server):
    """Of several draws one may spoil the whole reply."""

    def script(body, attempt):
        text, seed = str(body["messages"][-1]["content"]), body.get("seed", 0)
        is_spoilt = body["model"] == "w" and text == "Question 0?" and (body.get("n", 1) > 1 or seed % 2)
        return half_a_character(body) if is_spoilt else by_content(body, attempt)

    server.script = script
    recipe = a_recipe(
        url=server.url, n=4, prompts=[f"Question {i}?" for i in range(20)], run={"concurrency": 1}
    )
    recipe["stages"][2:] = []

    outcome = await run(recipe, tmp_path / "out")

    writers = Counter((str(body["messages"][-1]["content"]), body.get("n", 1)) for body in server.bodies)
    assert outcome.complete
    assert writers["Question 0?", 1] == 4
    assert {n for (text, n) in writers if text.startswith("Question") and text != "Question 0?"} == {4}
