"""Bodies of replies as gateways and other servers write them: what is the answer, what it took, and what says
that there is none. (prefgen/transport/openai_replies.py, openai_usage.py, openai_errors.py)
"""

import orjson
import pytest

from prefgen.errors import RequestFailed
from prefgen.transport.openai_errors import parse_error
from prefgen.transport.openai_replies import read_responses
from prefgen.transport.request import ModelRequest
from prefgen.types import Reply, user


def read(body: dict, *, n: int = 1, **asked) -> Reply:
    call = ModelRequest("chat", "m", (user("Hi"),), sampling={"max_tokens": 50}, seeds=(None,) * n, **asked)
    return read_responses(orjson.dumps(body), call, is_paid=True)[0].reply


def choice(content="An answer.", finish_reason="stop", **more) -> dict:
    return {"choices": [{"message": {"content": content}, "finish_reason": finish_reason, **more}]}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}, 10),
        ({"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 630}, 610),  # reasoning beside it
        ({"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 220}, 200),
        ({"prompt_tokens": 20, "completion_tokens": 0}, 50),  # what was reserved
        ({"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 5}, 10),
    ],
)
def test_all_output_is_counted(usage, tokens):
    assert read({**choice(), "usage": usage}).usage.completion_tokens == tokens


@pytest.mark.parametrize(
    ("endpoint", "data"), [("embed", {"index": 0, "embedding": [1.0]}), ("score", {"index": 0, "score": 0.5})]
)
def test_vectors_and_rewards_without_usage_count_what_was_reserved(endpoint, data):
    call = ModelRequest(endpoint, "m", (user("Hi"),), inputs=("Hi",))
    [served] = read_responses(orjson.dumps({"data": [data]}), call, is_paid=True)
    assert served.reply.usage.estimated and served.reply.usage.prompt_tokens > 0


def test_thoughts_among_the_parts_are_no_answer():
    parts = [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "The Nile."}]
    nested = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, *parts[1:]]

    for content in (parts, nested):
        reply = read(choice(content))
        assert (reply.text, reply.reasoning) == ("The Nile.", "hm")


def test_a_part_that_is_no_text_is_a_fault():
    with pytest.raises(RequestFailed, match="expected parts of text"):
        read(choice([{"type": "text", "text": "One moment."}, {"type": "tool_use", "name": "search"}]))


@pytest.mark.parametrize(
    ("body", "words", "kind"),
    [
        ({"object": "error", "message": "context length", "code": 400}, "context length", "refused"),
        ({"detail": "not allowed"}, "not allowed", "server"),
        ({"errors": [{"message": "busy", "code": 503}]}, "busy", "busy"),
        ({"base_resp": {"status_code": 1027, "status_msg": "sensitive"}, **choice()}, "sensitive", "server"),
        ({"message": "upstream failed"}, "upstream failed", "server"),
        ({"choices": None, "message": "rate limit exceeded", "status": 429}, "rate limit exceeded", "rate"),
        ({"code": "InvalidParameter", "msg": "bad field"}, "bad field", "rejected"),
        ({"error": None, "message": "CUDA out of memory"}, "CUDA out of memory", "server"),
        ({"detail": [{"loc": ["body", "n"], "msg": "no such field"}]}, "body.n: no such field", "server"),
        ({"error": {"code": "429", "type": "insufficient_quota", "message": "quota"}}, "quota", "fatal"),
        ({"error": {"code": 0, "message": "gone"}, **choice()}, "gone", "server"),
        ({"error": True, **choice()}, "true", "server"),
        ({"error": "Unexpected endpoint or method. (POST /chat/completions)"}, "endpoint", "denied"),
        (choice(finish_reason=0), "ended by '0'", "empty"),
        (choice(finish_reason=False), "ended by 'False'", "empty"),
    ],
)
def test_an_error_under_any_name_is_quoted(body, words, kind):
    with pytest.raises(RequestFailed) as failed:
        read(body)
    assert words in str(failed.value) and failed.value.kind == kind


@pytest.mark.parametrize(
    "beside",
    [
        {"base_resp": {"status_code": 0, "status_msg": ""}},
        {"error": {"code": 0, "message": ""}},
        {"error": {"code": "200", "message": "ok"}},
        {"error": {"code": None, "message": None}},
        {"error": False},
        {"error": "null"},
        {"detail": "", "message": ""},
    ],
)
def test_an_error_that_says_nothing_beside_an_answer_is_none(beside):
    assert read({**beside, **choice()}).text == "An answer."


@pytest.mark.parametrize(
    "raw",
    [b'{"error": null, "message": "CUDA out of memory"}', b'{"error": {"message": "CUDA out of memory"}}',
     b'{"detail": {"error": "CUDA out of memory"}}', b'{"errors": [{"msg": "CUDA out of memory"}]}',
     b"CUDA  out of memory\n", b'"CUDA out of memory"'],
)  # fmt: skip
def test_an_error_is_quoted_in_the_servers_words_alone(raw):
    assert parse_error(raw).message == "CUDA out of memory"


ODD_LOGPROBS = [
    [], [-0.1], "none", 5, {"content": [{"token": "A", "logprob": None}]}, {"content": [{"token": "A"}]},
    {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": {"A": -0.1}}]}, {"content": "A"},
    {"content": [{"token": 1}]},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD_LOGPROBS)
@pytest.mark.parametrize("asked", [0, 5])
def test_an_answer_is_whole_without_log_probabilities_that_cannot_be_read(odd, asked):
    reply = read(choice(logprobs=odd), logprobs=asked)
    assert (reply.text, reply.logprobs) == ("An answer.", ())
    two = {"choices": choice(logprobs=odd)["choices"] * 2}
    assert read(two, n=2, logprobs=asked).logprobs == ()


@pytest.mark.parametrize("odd", [[None], ["call"], [{"function": "f"}], {"a": 1}])
def test_calls_of_tools_that_cannot_be_read_are_dropped_where_none_were_offered(odd):
    body = choice()
    body["choices"][0]["message"]["tool_calls"] = odd

    assert (read(body).text, read(body).tool_calls) == ("An answer.", ())
    with pytest.raises(RequestFailed, match="odd shape"):
        read(body, tools=({"type": "function"},))


@pytest.mark.parametrize("said", [True, {"reason": "policy"}])
def test_a_refusal_in_another_form_is_one(said):
    body = choice()
    body["choices"][0]["message"]["refusal"] = said

    assert read(body).refusal
    body["choices"][0]["message"]["refusal"] = False
    assert read(body).refusal is None


@pytest.mark.parametrize(
    ("finish_reason", "beside", "kept"),
    [
        (None, {"done_reason": "length"}, "length"),
        ("null", {"stop_reason": "length"}, "length"),
        ("", {"stop_reason": "max_tokens"}, "length"),
        (None, {"stop_reason": "refusal"}, "content_filter"),
        (None, {"stop_reason": "end_turn"}, None),
        (None, {"stop_reason": 128009}, None),
        (None, {"stop_reason": "###"}, None),
        ("stop", {"stop_reason": "length"}, "stop"),  # the text that stopped it
        ("end", {}, "stop"),
        ("stop_str", {}, "stop"),
    ],
)
def test_how_an_answer_ended_is_read_beside_a_null(finish_reason, beside, kept):
    assert read(choice(finish_reason=finish_reason, **beside)).finish_reason == kept


@pytest.mark.parametrize("prompt_tokens", [0, 7])
def test_a_prompt_that_took_nothing_counts_with_its_guess(prompt_tokens):
    usage = read({**choice(), "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 10}}).usage

    assert usage.completion_tokens == 10 and usage.prompt_tokens > 0
    assert usage.estimated == (not prompt_tokens)


@pytest.mark.parametrize(
    ("native", "kept"), [("MAX_TOKENS", "length"), ("who knows", "stop"), ("STOP", "stop")]
)
def test_the_word_of_the_server_behind_a_gateway_counts(native, kept):
    assert read(choice(native_finish_reason=native)).finish_reason == kept


def test_an_answer_that_failed_behind_a_gateway_is_none():
    with pytest.raises(RequestFailed, match="ended by 'error'"):
        read(choice(native_finish_reason="error"))


@pytest.mark.parametrize("start", [b"data: {}", b"event: message\ndata: {}", b": OPENROUTER PROCESSING"])
def test_an_event_stream_is_called_one(start):
    call = ModelRequest("chat", "m", (user("Hi"),))
    with pytest.raises(RequestFailed, match="event stream"):
        read_responses(start, call)


def test_a_part_may_hold_its_text_as_a_value_or_be_a_thought():
    valued = read(choice([{"type": "text", "text": {"value": "The Nile.", "annotations": []}}]))
    thought = read(choice([{"text": "I think", "thought": True}, {"text": "The Nile."}]))

    assert (valued.text, valued.reasoning) == ("The Nile.", None)
    assert (thought.text, thought.reasoning) == ("The Nile.", "I think")


@pytest.mark.parametrize("text", [5, {"annotations": []}, True])
def test_a_part_whose_text_is_none_is_a_fault(text):
    with pytest.raises(RequestFailed, match="expected parts of text"):
        read(choice([{"type": "text", "text": text}]))


def test_a_call_of_a_function_is_a_call_of_a_tool():
    call = {"name": "search", "arguments": "{}"}
    body = {"choices": [{"message": {"content": "One moment.", "function_call": call}}]}

    [called] = read(body).tool_calls

    assert (called.name, called.arguments) == ("search", "{}")
