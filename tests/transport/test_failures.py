"""What an HTTP status means. (prefgen/transport/failures.py)"""

import pytest

from prefgen.transport.failures import failure_of_status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "rejected"), (401, "fatal"), (402, "fatal"), (403, "denied"), (404, "denied"), (405, "denied"),
        (407, "fatal"), (410, "denied"), (424, "server"), (498, "busy"),
        (408, "server"), (409, "server"), (413, "refused"), (422, "rejected"), (425, "server"), (429, "rate"),
        (451, "denied"), (500, "server"), (502, "server"), (503, "busy"), (504, "server"), (529, "busy"),
    ],
)  # fmt: skip
def test_each_status_is_of_one_kind(status, kind):
    assert failure_of_status(status, "no").kind == kind


@pytest.mark.parametrize(
    ("status", "names"),
    [
        (429, ("insufficient_quota",)), (429, ("429", "insufficient_quota")),
        (400, ("budget_exceeded", "400")),
        (403, ("insufficient_user_quota",)), (400, ("Arrearage",)), (402, ()), (500, ("billing_error",)),
    ],
)  # fmt: skip
def test_a_quota_that_is_used_up_is_no_rate_and_no_refusal(status, names):
    assert failure_of_status(status, "no", next(iter(names), ""), names=names).kind == "fatal"


def test_a_rate_limit_keeps_what_the_server_says_of_when():
    assert failure_of_status(429, "no", "", retry_after=3).retry_after == 3


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("This model's maximum context length is 4096 tokens", "refused"),
        ("prompt is too long: 210000 tokens", "refused"),
        ("triggering Azure OpenAI's content management policy", "refused"),
        ("Your credit balance is too low to access the Anthropic API.", "denied"),
        ("Budget has been exceeded! Current cost: 10, Max budget: 10", "denied"),
        ("You exceeded your current quota, please check your plan and billing details", "denied"),
        ("The model has crashed without additional information. (Exit code: 6)", "denied"),
        ("Model unloaded.", "denied"),
        ("No models loaded. Please load a model in the developer page", "denied"),
        ("no such field", "rejected"),
        ("Invalid prompt: how do I dispute a credit card charge", "rejected"),
    ],
)
def test_a_refusal_says_whether_it_is_of_the_prompt_or_of_the_endpoint_or_neither(text, kind):
    assert failure_of_status(400, text).kind == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Limit 30,000 tokens, Used 29,900, Requested 400. Please try again in 1s", "rate"),
        ("Limit 30 000 tokens, Used 29 900, Requested 400.", "rate"),
        ("Limit 30.000, Requested 400", "rate"),
        ("Limit 30k, Used 29k, Requested 400", "rate"),
        ("Limit 30,000, Used 0, Requested 31,200.", "refused"),
        ("Limit: 10000, Requested: 12002.", "refused"),
    ],
)
def test_numbers_with_separators_are_whole_and_what_is_not_certain_is_a_rate(text, kind):
    assert failure_of_status(429, f"Rate limit reached: {text}").kind == kind
