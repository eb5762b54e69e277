"""What a server says that a request took. (prefgen/transport/openai_usage.py)"""

import pytest

from prefgen.transport.openai_usage import parse_usage, split_usage


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 5, "completion_tokens": 6},
        {"input_tokens": 5, "output_tokens": 6},
        {"input_tokens": 5, "output_tokens": 6, "total_tokens": 11},
        {"prompt_tokens": 5, "completion_tokens": 6, "input_tokens": 9, "output_tokens": 9},
        {"prompt_tokens": None, "completion_tokens": None, "input_tokens": 5, "output_tokens": 6},
    ],
)
def test_what_a_request_took_is_read_by_either_name(usage):
    said = parse_usage(usage)

    assert (said.prompt_tokens, said.completion_tokens, said.estimated) == (5, 6, False)
    assert [parse_usage(one).completion_tokens for one in split_usage(usage, 2)] == [3, 3]
    assert [parse_usage(one).prompt_tokens for one in split_usage(usage, 2)] == [5, 0]


@pytest.mark.parametrize("usage", [{"input_tokens": 5}, {"input_tokens": "5", "output_tokens": 6}, {}, None])
def test_usage_that_says_too_little_is_estimated(usage):
    assert parse_usage(usage).estimated


def test_what_was_cached_is_read_under_either_name():
    for name, side in (("prompt_tokens_details", "prompt_tokens"), ("input_tokens_details", "input_tokens")):
        usage = {side: 5, "completion_tokens": 6, name: {"cached_tokens": 4}}
        assert parse_usage(usage).cached_tokens == 4
