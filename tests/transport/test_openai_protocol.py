"""The OpenAI protocol: how a call is written as a request body, and how an answer is read.
(prefgen/transport/openai_protocol.py, openai_replies.py)
"""

import asyncio
import math

import orjson
import pytest

from prefgen.dataset.read_run import read_pairs
from prefgen.errors import (
    FatalEndpoint,
    RequestFailed,
)
from prefgen.transport.failures import failure_of_status
from prefgen.transport.openai_protocol import brief_schema, request_body
from prefgen.transport.openai_replies import load_body, read_responses, reply_of
from prefgen.transport.request import ModelRequest, estimate_prompt_tokens
from prefgen.types import ImagePart, Message, TextPart, TokenUsage, ToolCall, user
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ({"choices": [{"message": "hi"}]}, "malformed_reply"),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": 7}]}, "failed_reply"),
    ],
)
@pytest.mark.usefixtures("short_backoff")
async def test_an_answer_of_an_odd_shape_never_hangs_the_run(tmp_path, server, odd, code):
    server.script = lambda body, attempt: (
        odd if body["model"] == "w" and "Two?" in str(body) else by_content(body, attempt)
    )

    outcome = await asyncio.wait_for(run(a_recipe(url=server.url), tmp_path / "out"), 60)

    assert outcome.stopped is None and outcome.complete
    assert outcome.manifest.yields.prompts_by_outcome == {"pair": 2, f"failed: {code}": 1}
    assert {pair["prompt"][-1]["content"] for pair in read_pairs(tmp_path / "out")} == {"One?", "Three?"}


@pytest.mark.usefixtures("short_backoff")
async def test_a_route_that_gives_several_numbers_is_no_reward(tmp_path, server):
    server.script = lambda body, _: {
        "data": [{"index": 0, "probs": [0.2, 0.3, 0.5]}],
        "model": "rm",
        "usage": {},
    }
    recipe = a_recipe(url=server.url, prompts=("One?",))
    recipe["models"]["writer"] = {
        "use": "scripted",
        "rules": [{"when": "", "say": ["One.", "Two."]}],
        "temperature": 1.0,
    }
    del recipe["run"]["endpoints"]["writer"]
    recipe["stages"][2:] = [{"judge": {"rm": {"use": "reward_model", "model": "grader"}}}]
    recipe["models"]["grader"]["score_route"] = "classify"

    outcome = await run(recipe, tmp_path / "out")

    assert isinstance(outcome.stopped, FatalEndpoint)
    assert "malformed_reply" in str(outcome.stopped)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Request too large on tokens per min (TPM): Limit 10000, Requested 12002.", "refused"),
        ("Rate limit reached on TPM: Limit 10000, Used 900, Requested 12002.", "refused"),
        ("Rate limit reached: Limit 10000, Used 9000, Requested 1200.", "rate"),
    ],
)
def test_one_request_above_a_rate_limit_is_refused(text, kind):
    assert failure_of_status(429, text).kind == kind


def a_call(**more):
    return ModelRequest("chat", "m", (user("Hi"),), **more)


def a_reply(*texts, **message):
    choices = [
        {"index": i, "message": {"role": "assistant", "content": t, **message}, "finish_reason": "stop"}
        for i, t in enumerate(texts)
    ]
    return orjson.dumps(
        {
            "model": "m-2",
            "choices": choices,
            "usage": {"prompt_tokens": 7, "completion_tokens": 11},
            "system_fingerprint": "fp",
        }
    )


def test_sampling_parameters_are_named_as_servers_name_them():
    call = a_call(sampling={"temperature": 0.5, "max_tokens": 9, "effort": "low", "thinking_budget": 100})

    body = request_body(call, {"seed": 3}, token_field="max_completion_tokens")

    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "max_completion_tokens": 9,
        "reasoning_effort": "low",
        "thinking": {"type": "enabled", "budget_tokens": 100},
        "seed": 3,
    }


def test_a_schema_goes_natively_or_in_words():
    call = a_call(schema={"title": "t", "type": "object"})

    assert request_body(call, {})["response_format"]["json_schema"]["schema"] == {
        "title": "t",
        "type": "object",
    }
    worded = request_body(call, {}, schema_as_text=True)
    assert "response_format" not in worded
    assert '"type":"object"' in worded["messages"][-1]["content"]


def test_images_and_tool_calls_travel():
    message = Message(
        role="user", content=(TextPart(text="What is it?"), ImagePart(url="data:image/png;base64,AAAA"))
    )
    called = Message(role="assistant", content="", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),))

    first, second = request_body(ModelRequest("chat", "m", (message, called)), {})["messages"]

    assert first["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    assert second["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}


def test_one_answer_keeps_the_body_as_it_came():
    [served] = read_responses(a_reply("yes"), a_call())

    assert served.raw == a_reply("yes")
    assert (served.reply.text, served.model, served.fingerprint, served.reply.usage.prompt_tokens) == (
        "yes",
        "m-2",
        "fp",
        7,
    )


def test_several_draws_of_one_request_share_its_usage():
    served = read_responses(a_reply("a", "b", "c"), a_call(seeds=(1, 2, 3)))

    assert [s.reply.text for s in served] == ["a", "b", "c"]
    assert sum(s.reply.usage.prompt_tokens for s in served) == 7
    assert sum(s.reply.usage.completion_tokens for s in served) == 11


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>502</html>", "empty"),
        (b"", "empty"),
        (b'{"choices": [{"mess', "broken"),
        (b"[]", "empty"),
        (b'{"choices": []}', "empty"),
        (b'{"choices": null}', "empty"),
        (b'{"error": {}}', "empty"),
        (b'{"error": {"message": "No credits left", "code": 402}}', "fatal"),
        (b'{"error": {"message": "slow down", "code": 429}}', "rate"),
        (b'{"error": {"message": "flagged", "code": "403"}}', "denied"),
        (b'{"error": "upstream died"}', "server"),
        (b'data: {"choices": []}\n\ndata: [DONE]', "empty"),
        (b'{"choices": [{"message": {"content": "\\ud83d"}}]}', "empty"),
        (b'{"choices": [{"message": {"content": "half"}, "finish_reason": "error"}]}', "empty"),
        (b'{"choices": [{"message": {"content": "half"}, "error": {"message": "gone"}}]}', "empty"),
        (b'{"choices": [{"message": {"content": "x"}, "finish_reason": "who knows"}]}', "empty"),
        (b"[" * 100000, "empty"),
        (b"\xff\xfe", "empty"),
    ],
)
def test_what_is_no_answer_is_a_fault(body, kind):
    with pytest.raises(RequestFailed) as caught:
        read_responses(body, a_call())

    assert caught.value.kind == kind


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_apart(field):
    [served] = read_responses(a_reply("42", **{field: "Let me see."}), a_call())

    assert (served.reply.reasoning, served.reply.text) == ("Let me see.", "42")


def test_reasoning_inside_the_answer_is_told_apart_too():
    [served] = read_responses(a_reply("Yes.\n</think>\n\n42", reasoning_content="Let me see."), a_call())

    assert (served.reply.reasoning, served.reply.text) == ("Let me see.\n\nYes.", "42")


def test_null_content_and_absent_usage_are_read():
    body = orjson.dumps(
        {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    )

    [served] = read_responses(body, a_call())

    assert (served.reply.text, served.reply.refusal, served.reply.usage.estimated) == ("", "No.", True)


@pytest.mark.parametrize(
    "usage",
    [
        None, "", 7, [], {}, {"prompt_tokens": "many", "completion_tokens": 3}, {"prompt_tokens": 2**63 + 5},
        {"prompt_tokens": -1, "completion_tokens": 3}, {"prompt_tokens": 7.5, "completion_tokens": 3},
        {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": True, "completion_tokens": 1},
    ],
)  # fmt: skip
def test_usage_that_is_missing_or_cannot_be_counts_what_was_reserved(usage):
    body = (
        orjson.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage}, option=0)
        if usage != {"prompt_tokens": 2**63 + 5}
        else b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 9223372036854775813}}'
    )
    call = a_call(sampling={"max_tokens": 50})

    [served] = read_responses(body, call, is_paid=True)

    assert served.reply.text == "x" and served.reply.usage.estimated
    assert served.reply.usage.completion_tokens == 50
    assert served.reply.usage.prompt_tokens == estimate_prompt_tokens(call) > 0


def test_draws_without_usage_pay_their_prompt_once():
    body = orjson.loads(a_reply("a", "b", "c"))
    del body["usage"]
    served = read_responses(
        orjson.dumps(body), a_call(seeds=(1, 2, 3), sampling={"max_tokens": 10}), is_paid=True
    )
    assert [s.reply.usage.completion_tokens for s in served] == [10, 10, 10]
    assert [bool(s.reply.usage.prompt_tokens) for s in served] == [True, False, False]


def test_one_failed_draw_is_lost_alone():
    body = orjson.loads(a_reply("a", "b", "c"))
    body["choices"][1]["finish_reason"] = "error"
    assert [s.reply.text for s in read_responses(orjson.dumps(body), a_call(seeds=(1, 2, 3)))] == ["a", "c"]


def test_infinity_is_a_probability_of_zero():
    body = (
        b'{"choices": [{"message": {"content": "A"}, "logprobs": {"content": '
        b'[{"token": "A", "logprob": -0.1, "top_logprobs": [{"token": "B", "logprob": -Infinity}]}]}}]}'
    )

    [served] = read_responses(body, a_call(logprobs=2))

    assert served.reply.logprobs[0].top[0].logprob == -math.inf
    assert reply_of(load_body(served.raw), "chat") == served.reply.replacing(usage=TokenUsage(estimated=True))


@pytest.mark.parametrize(
    ("message", "text"), [(None, ""), ({"content": 5}, ""), ({"content": ["a", {"text": "b"}]}, "b")]
)
def test_what_an_earlier_version_journalled_is_read_as_it_did(message, text):
    """A new reply of that shape is none."""
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    assert reply_of(body, "chat").text == text
    with pytest.raises(RequestFailed, match="odd shape"):
        read_responses(orjson.dumps(body), a_call())


def test_log_probabilities_are_read():
    place = {
        "token": "A",
        "logprob": -0.1,
        "top_logprobs": [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -2.4}],
    }
    body = orjson.dumps({"choices": [{"message": {"content": "A"}, "logprobs": {"content": [place]}}]})

    of_llama_cpp = orjson.dumps({"choices": [{"text": "A", "logprobs": {"content": [place]}}]})

    [served] = read_responses(body, a_call(logprobs=2))

    assert [(t.token, t.logprob) for t in served.reply.logprobs[0].top] == [("A", -0.1), ("B", -2.4)]
    assert reply_of(orjson.loads(of_llama_cpp), "completion").logprobs == served.reply.logprobs


@pytest.mark.parametrize(
    "odd",
    [None, "b", {"message": "b"}, {"message": {"content": 5}},
     {"message": {"content": "b"}, "error": "gone"}],
)  # fmt: skip
def test_a_draw_that_cannot_be_read_is_lost_alone_and_what_it_took_is_not(odd):
    body = orjson.loads(a_reply("a", "b", "c"))
    body["choices"][1] = {"index": 1, **odd} if isinstance(odd, dict) else odd

    served = read_responses(orjson.dumps(body), a_call(seeds=(1, 2, 3)), is_paid=True)

    assert sorted(s.reply.text for s in served) == ["a", "c"]
    assert sum(s.reply.usage.prompt_tokens for s in served) == 7
    assert sum(s.reply.usage.completion_tokens for s in served) == 11
    assert all(reply_of(load_body(s.raw), "chat") == s.reply for s in served)


def test_more_draws_than_were_asked_for_cost_what_the_server_says():
    served = read_responses(a_reply("a", "b", "c"), a_call(seeds=(1, 2)), is_paid=True)

    assert [s.reply.text for s in served] == ["a", "b"]
    assert sum(s.reply.usage.completion_tokens for s in served) == 11


@pytest.mark.parametrize(
    ("endpoint", "data"),
    [
        ("score", b'[{"score": NaN}]'),
        ("score", b'[{"score": -Infinity}]'),
        ("score", b'[{"data": [0.5, Infinity]}]'),
        ("embed", b'[{"index": 0, "embedding": [0.5, NaN]}]'),
        ("embed", b'[{"index": 0, "embedding": [0.5, null]}]'),
        ("embed", b'[{"index": 0, "embedding": "AAAAPw=="}]'),
        ("embed", b'[{"index": 0, "embedding": [true, 0.5]}]'),
    ],
)
def test_what_is_no_finite_number_is_no_score_and_no_vector(endpoint, data):
    body = b'{"data": ' + data + b', "usage": {"prompt_tokens": 3}}'
    call = ModelRequest(endpoint, "m", (user("Hi"),))

    with pytest.raises(RequestFailed) as caught:
        read_responses(body, call)

    assert (caught.value.kind, caught.value.code) == ("empty", "malformed_reply")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded"}, "rate"),
        ({"code": None, "type": "rate_limit_error"}, "rate"),
        ({"code": "insufficient_quota", "type": "insufficient_quota"}, "fatal"),
        ({"code": "invalid_api_key", "type": "invalid_request_error"}, "fatal"),
        ({"code": "context_length_exceeded", "type": "invalid_request_error"}, "refused"),
        ({"type": "overloaded_error"}, "busy"),
        ({"code": 8, "status": "RESOURCE_EXHAUSTED"}, "rate"),
        ({"status": "PERMISSION_DENIED"}, "denied"),
        ({"code": "who_knows"}, "server"),
    ],
)
def test_an_error_inside_a_200_is_known_by_its_words(error, kind):
    body = orjson.dumps({"error": {"message": "no", **error}})

    with pytest.raises(RequestFailed) as caught:
        read_responses(body, a_call())

    assert caught.value.kind == kind


def test_a_brief_schema_limits_its_free_texts_alone():
    schema = {
        "type": "object",
        "properties": {
            "rationale": {"type": "string"},
            "label": {"type": "string", "enum": ["A", "B"]},
            "name": {"type": "string", "maxLength": 5},
            "type": {"type": "integer"},
            "reasons": {"type": "array", "items": {"type": "string"}},
        },
    }

    brief = brief_schema(schema)

    properties = brief["properties"]
    assert properties["rationale"] == {"type": "string", "maxLength": 160}
    assert properties["reasons"]["items"] == {"type": "string", "maxLength": 160}
    assert {name: properties[name] for name in ("label", "name", "type")} == {
        name: schema["properties"][name] for name in ("label", "name", "type")
    }


def test_only_a_server_that_keeps_to_it_is_sent_a_brief_schema():
    schema = {"type": "object", "properties": {"why": {"type": "string"}}}
    request = ModelRequest("chat", "m", (user("?"),), schema=schema, brief=True)

    def sent(**options):
        return request_body(request, {}, **options)["response_format"]["json_schema"]["schema"]

    assert sent() == schema
    assert sent(keeps_max_length=True)["properties"]["why"] == {"type": "string", "maxLength": 160}


def test_a_turn_that_is_begun_is_gone_on_with():
    turns = (user("?"), Message(role="assistant", content="Rating: "))

    body = request_body(ModelRequest("chat", "m", turns, opened=True), {})

    assert body["messages"][-1] == {"role": "assistant", "content": "Rating: "}
    assert (body["add_generation_prompt"], body["continue_final_message"]) == (False, True)
    assert "continue_final_message" not in request_body(ModelRequest("chat", "m", turns), {})
