"""What a request is expected to take at most. (prefgen/calls/reservation.py)"""

import pytest

from prefgen.calls.budget import Price
from prefgen.calls.reservation import Reservation
from prefgen.transport.request import TOKENS_OF_IMAGE, ModelRequest, ModelResponse, estimate_prompt_tokens
from prefgen.types import ImagePart, Message, Reply, TextPart, TokenUsage, user
from tests.support.recipes import a_recipe, run
from tests.support.server import answer


def a_request(max_tokens: int | None = 100, draws: int = 1) -> ModelRequest:
    sampling = {} if max_tokens is None else {"max_tokens": max_tokens}
    return ModelRequest("chat", "m", (user("Hi"),), sampling=sampling, seeds=(None,) * draws)


def took(prompt: int, output: int, *, estimated: bool = False) -> list[ModelResponse]:
    usage = TokenUsage(prompt_tokens=prompt, completion_tokens=output, estimated=estimated)
    return [ModelResponse(b"", Reply(text="x", usage=usage))]


def test_the_prompt_and_what_each_draw_may_bring_are_kept():
    assert Reservation(Price(2, 3, 0)).of(a_request(draws=2), 10) == (2 * 10 + 3 * 200, 210)


@pytest.mark.parametrize(
    ("seen", "later", "tokens"),
    [
        ((a_request(100), 10, 5000), a_request(100), 5010),  # it ignores `max_tokens`
        ((a_request(100), 10, 5000), a_request(200), 5010),
        ((a_request(100), 10, 50), a_request(100), 110),
        ((a_request(None), 10, 4000), a_request(None), 4010),
        ((a_request(None), 10, 4000), a_request(100), 110),  # it was never told to be short
        ((a_request(100), 30, 50), a_request(100), 130),  # a prompt takes three times its guess
        ((a_request(100), 1, 50), a_request(100), 110),
    ],
)
def test_what_was_seen_raises_what_is_kept(seen, later, tokens):
    reservation = Reservation(Price(1, 1, 1))
    request, prompt, output = seen

    reservation.learn(request, 10, took(prompt, output))

    assert reservation.of(later, 10) == (tokens, tokens)


def test_what_nobody_has_said_teaches_nothing():
    reservation = Reservation(Price(1, 1, 1))
    reservation.learn(a_request(100), 10, took(500, 500, estimated=True))
    assert reservation.has_seen and reservation.of(a_request(100), 10) == (110, 110)


def test_all_that_is_sent_is_guessed():
    bare = estimate_prompt_tokens(a_request())
    image = Message(role="user", content=(TextPart(text="Hi"), ImagePart(url="data:image/png;base64,AAAA")))
    requests = {
        "tools": ModelRequest("chat", "m", (user("Hi"),), tools=({"name": "x" * 3000},)),
        "schema": ModelRequest("chat", "m", (user("Hi"),), schema={"title": "x" * 3000}),
        "image": ModelRequest("chat", "m", (image,)),
    }

    more = {name: estimate_prompt_tokens(request) - bare for name, request in requests.items()}

    assert 1000 <= more["tools"] < 1020 and 1000 <= more["schema"] < 1020
    assert more["image"] == TOKENS_OF_IMAGE


@pytest.mark.parametrize("max_tokens", [256, None])
@pytest.mark.parametrize("prompt_tokens", [10, 6000])
async def test_a_budget_holds_where_requests_take_more_than_they_may(
    tmp_path, server, max_tokens, prompt_tokens
):
    spent = []

    def script(body, attempt):
        spent.append(prompt_tokens + 4000)
        return {
            **answer("An answer.", body),
            "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 4000},
        }

    server.script = script
    recipe = a_recipe(url=server.url, n=1, prompts=[f"{i}?" for i in range(20)], run={"budget_tokens": 22000})
    recipe["stages"][2:] = []
    recipe["models"]["writer"]["max_tokens"] = max_tokens

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.exit_code == 5 and len(spent) >= 2 and sum(spent) <= 22000
