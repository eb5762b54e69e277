"""Bodies of replies as gateways and other servers write them: what is the answer, what it took, and what says
that there is none. (prefgen/transport/openai_replies.py, openai_usage.py, openai_errors.py)
"""

import orjson
import pytest

from prefgen.errors import RequestFailed
from prefgen.transport.openai_replies import read_responses
from prefgen.transport.request import ModelRequest
from prefgen.types import Reply, user


def read(body: dict, *, n: int = 1) -> Reply:
    call = ModelRequest("chat", "m", (user("Hi"),), sampling={"max_tokens": 50}, seeds=(None,) * n)
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
    ],
)
def test_an_error_under_any_name_is_quoted(body, words, kind):
    with pytest.raises(RequestFailed) as failed:
        read(body)
    assert words in str(failed.value) and failed.value.kind == kind


def test_a_base_response_without_an_error_is_none():
    assert read({"base_resp": {"status_code": 0, "status_msg": ""}, **choice()}).text == "An answer."


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
