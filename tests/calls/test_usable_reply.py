import json
from pathlib import Path

import pytest
from aiohttp import web

from prefgen.calls.usable_reply import cut_at, usable_reply, without_leftovers
from prefgen.dataset.read_run import read_records
from prefgen.errors import UnreadableReply
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.types import Reply, user
from tests.support.recipes import RATE, a_recipe, failures_of, run
from tests.support.server import answer

ASKED = [user("Name a river.")]
LEAKY = Reply(text="The Nile.<|im_end|>", finish_reason="length")


def test_what_is_left_in_an_answer_goes_by_the_policy_of_its_model():
    assert without_leftovers(LEAKY, "strip", ASKED).text == "The Nile."
    assert without_leftovers(LEAKY, "keep", ASKED) is LEAKY
    with pytest.raises(UnreadableReply, match="leaks: keep") as lost:
        without_leftovers(LEAKY, "fail", ASKED)
    assert (lost.value.code, lost.value.replies) == ("leak", (LEAKY.text,))


@pytest.mark.parametrize("text", [LEAKY.text, "<|im_start|>assistant\nThe Nile", "Done. </s>"])
def test_an_answer_that_its_server_calls_cut_stays_so(text):
    reply = Reply(text=text, finish_reason="length")

    assert without_leftovers(reply, "strip", ASKED).finish_reason == "length"


@pytest.mark.parametrize("text", ["The Nile.\n<tool_call>{}</tool_call>", "<|im_end|>"])
def test_where_no_answer_is_certain_there_is_none(text):
    with pytest.raises(UnreadableReply):
        without_leftovers(Reply(text=text), "strip", ASKED)


def test_marks_that_were_asked_about_are_part_of_the_answer():
    reply = Reply(text="It ends with <|im_end|>")

    assert without_leftovers(reply, "strip", [user("What does <|im_end|> do?")]) is reply


def test_a_clean_answer_stays_as_it_is():
    reply = Reply(text="The Nile.", finish_reason="stop")

    assert without_leftovers(usable_reply(reply), "fail", ASKED) is reply


def test_an_answer_that_ended_by_a_call_holds_one():
    with pytest.raises(UnreadableReply, match="holds none"):
        usable_reply(Reply(text="One moment.", finish_reason="tool_calls"))


def test_a_reply_of_reasoning_alone_is_kept_in_the_ledger_with_what_may_help():
    with pytest.raises(UnreadableReply, match="without its reasoning parser") as lost:
        usable_reply(Reply(text="", reasoning="The Nile.", finish_reason="stop"))
    assert (lost.value.code, lost.value.replies) == ("empty", ("The Nile.",))
    with pytest.raises(UnreadableReply, match=r"^the reply is empty$"):
        usable_reply(Reply(text=" ", reasoning="\n", finish_reason="stop"))


@pytest.mark.parametrize("finish_reason", ["stop", "content_filter"])
async def test_the_ledger_names_the_model_of_a_reply_that_is_lost(tmp_path, server, finish_reason):
    server.script = lambda body, attempt: answer("", body, finish_reason=finish_reason)
    recipe = a_recipe(url=server.url, prompts=["One?"], n=1)
    recipe["stages"][2:] = []

    await run(recipe, tmp_path / "out")

    [lost] = failures_of(tmp_path / "out")
    assert (lost["plugin"], lost["model"]) == ("each", "w")


def test_reasoning_whose_end_was_asked_about_may_be_the_answer():
    reply = Reply(text="That is the syntax.", reasoning="The tag closes the block.")

    with pytest.raises(UnreadableReply, match="may be part of the answer"):
        without_leftovers(reply, "strip", [user("What does </think> do?")])
    for asked in ("Name a river.", "Think in <think> and </think>. Name a river."):
        assert without_leftovers(reply, "strip", [user(asked)]) is reply


async def test_a_run_says_that_it_took_something_out(tmp_path, server):
    server.script = lambda body, seen: answer(
        f"{'The Nile.' if body['model'] == 'w' else RATE}<|eot_id|>", body
    )

    outcome = await run(a_recipe(url=server.url), tmp_path / "out")

    records = read_records(tmp_path / "out")
    assert {r.text for record in records for r in record.responses} == {"The Nile."}
    notices = json.loads((tmp_path / "out" / "log.jsonl").read_text().splitlines()[-1])["notices"]
    assert outcome.complete
    assert any("marks of its chat template" in notice for notice in notices)


def test_only_a_policy_that_is_said_changes_identities():
    plain, strip, keep = a_recipe(), a_recipe(), a_recipe()
    for recipe, leaks in ((strip, "strip"), (keep, "keep")):
        for model in recipe["models"].values():
            model["leaks"] = leaks

    identities = [build(recipe_from_data(recipe, Path.cwd())).identities for recipe in (plain, strip, keep)]

    assert identities[0] == identities[1] != identities[2]


@pytest.mark.parametrize(
    ("text", "ending", "left"),
    [
        ("How are tides made? END the answer: STOP", "length", ("How are tides made? ", "stop")),
        ("The STOP of END", "stop", ("The ", "stop")),
        ("Nothing ends it", "length", ("Nothing ends it", "length")),
        ("The END", "content_filter", ("The END", "content_filter")),
    ],
)
def test_a_reply_is_cut_at_the_first_of_what_its_server_was_not_told(text, ending, left):
    cut = cut_at(Reply(text=text, finish_reason=ending), ("STOP", "END"))

    assert (cut.text, cut.finish_reason) == left


def a_turn(body, said):
    """A server that takes four stop strings, as vLLM does, and knows those alone."""
    if len(body["stop"]) > 4:
        return web.json_response({"error": {"message": "stop: at most 4"}}, status=400)
    assert not any(stop in said for stop in body["stop"])
    choice = {"index": 0, "text": said, "finish_reason": "stop"}
    return {"choices": [choice], "model": "w", "usage": {"prompt_tokens": 5, "completion_tokens": 9}}


async def test_more_stop_strings_than_a_server_takes_are_sent_in_part_and_end_the_answer_all_the_same(
    server, tmp_path
):
    server.script = lambda body, attempt: a_turn(
        body, "How are tides made?<|im_start|>assistant\nBy the moon"
    )
    recipe = a_recipe(url=server.url)
    recipe["stages"] = [{"prompts": {"use": "magpie", "model": "writer", "count": 2, "template": "chatml"}}]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete and outcome.manifest.yields.prompts_by_outcome == {"kept": 2}
    assert {record.prompt.text for record in read_records(tmp_path / "out")} == {"How are tides made?"}
    assert all("<|im_end|>" in body["stop"] for body in server.bodies)
