"""How a judge comes to the probabilities of its labels: log-probabilities, fewer alternatives, votes.
(prefgen/kit/labels.py)
"""

import math

import pytest

from prefgen.errors import RefusedRequest, TruncatedReply, UnreadableReply
from prefgen.kit.labels import LabelJudge
from prefgen.kit.votes import sample_votes
from prefgen.testing import Scripted
from prefgen.types import Reply, TokenChoice, TokenLogprob, user

LABELS = ("A", "B")


class Server(Scripted):
    """An `ask` that notes the options of each request and answers as a kind of server does."""

    def __init__(self, answer) -> None:
        super().__init__(["A"])
        self._answer = answer
        self.options: list[dict] = []

    async def __call__(self, model, messages, /, **options):
        self.options.append(options)
        reply = self._answer(options)
        if isinstance(reply, Exception):
            raise reply
        return reply


def a_vote(text="B", finish_reason="stop", **fields):
    return Reply(text=text, finish_reason=finish_reason, **fields)


def with_logprobs():
    top = (TokenChoice(token="A", logprob=math.log(0.8)), TokenChoice(token="B", logprob=math.log(0.2)))
    return Reply(text="A", logprobs=(TokenLogprob(token="A", logprob=math.log(0.8), top=top),))


async def probabilities(server, **fields):
    judge = LabelJudge(**{"votes": 3, **fields})
    return await judge.label_probabilities(server, "m", [user("Which?")], LABELS)


async def test_log_probabilities_are_read_where_there_are_some():
    server = Server(lambda _: with_logprobs())

    found, method = await probabilities(server)

    assert (found, method) == (pytest.approx([0.8, 0.2]), "logprobs")
    assert server.options == [{"logprobs": 20, "max_tokens": 4, "temperature": 0}]


async def test_the_label_is_asked_for_in_a_turn_that_is_begun_and_votes_are_not():
    asked = []

    class Noting(Server):
        async def __call__(self, model, messages, /, **options):
            asked.append(([message.role for message in messages], messages[-1].text))
            return await super().__call__(model, messages, **options)

    told = Noting(lambda _: with_logprobs())
    await probabilities(told, opening="Best: ")
    silent = Noting(lambda _: a_vote())
    await probabilities(silent, opening="Best: ")

    assert told.options == [{"logprobs": 20, "max_tokens": 4, "temperature": 0, "opened": True}]
    assert asked[0] == (["user", "assistant"], "Best: ")
    votes = [options for options in silent.options if "logprobs" not in options]
    assert len(votes) == 3
    assert not any("opened" in options for options in votes)
    assert asked[-1] == (["user"], "Which?")


async def test_a_server_without_log_probabilities_gets_votes():
    found, method = await probabilities(Server(lambda _: a_vote()))
    assert (found, method) == ([0, 1], "votes")


@pytest.mark.parametrize("allowed", [5, 0])
async def test_a_server_that_refuses_so_many_alternatives_gets_fewer_or_votes(allowed):
    def answer(options):
        wanted = options.get("logprobs", 0)
        if wanted > allowed:
            return RefusedRequest("top_logprobs must be at most 5", code="invalid_request_error")
        return with_logprobs() if wanted else a_vote()

    server = Server(answer)

    found, method = await probabilities(server)

    assert [o.get("logprobs") for o in server.options][:2] == [20, 5]
    assert method == ("logprobs" if allowed else "votes")
    assert found == pytest.approx([0.8, 0.2] if allowed else [0, 1])


async def test_a_prompt_that_the_server_refuses_in_every_form_is_refused():
    server = Server(lambda _: RefusedRequest("too long", code="context_length_exceeded"))
    with pytest.raises(RefusedRequest, match="too long"):
        await probabilities(server)


async def test_a_judge_that_thinks_first_gets_room():
    """Four tokens of thought and no answer: it votes, with the model's own limit."""
    server = Server(lambda options: TruncatedReply("cut") if "max_tokens" in options else a_vote())

    found, method = await probabilities(server)

    assert (found, method) == ([0, 1], "votes")
    assert all("max_tokens" not in options for options in server.options[1:])


async def test_a_vote_that_our_limit_cut_is_asked_again_without_it():
    long = "I prefer B."
    server = Server(lambda options: a_vote("I prefer", "length") if "max_tokens" in options else a_vote(long))

    assert await probabilities(server, read="votes") == ([0, 1], "votes")
    assert sorted(("max_tokens" in o, o["sample"]) for o in server.options) == [
        (False, 0), (False, 1), (False, 2), (True, 0), (True, 1), (True, 2),
    ]  # fmt: skip


async def test_what_is_read_can_be_said():
    assert (await probabilities(Server(lambda _: a_vote("A")), read="votes"))[1] == "votes"
    with pytest.raises(UnreadableReply, match="no log-probabilities"):
        await probabilities(Server(lambda _: a_vote()), read="logprobs")
    with pytest.raises(TruncatedReply, match="label_tokens"):
        await probabilities(Server(lambda _: TruncatedReply("cut")), read="logprobs")
    with pytest.raises(RefusedRequest):
        await probabilities(Server(lambda _: RefusedRequest("no")), read="logprobs")
    server = Server(lambda _: with_logprobs())
    await probabilities(server, alternatives=10, label_tokens=9, temperature=None)
    assert server.options == [{"logprobs": 10, "max_tokens": 9, "temperature": None}]


async def test_a_vote_that_cannot_be_read_is_lost_alone():
    ask = Scripted(["B", "neither", Reply(text="A", finish_reason="length")])

    votes, errors = await sample_votes(ask, "m", [user("Q")], 3, lambda reply: reply.text[:1], limit=None)

    assert (votes, [error.code for error in errors]) == (["B", "n"], ["cut"])


def test_fields_that_came_later_are_of_the_identity_only_where_they_say_something():
    assert LabelJudge().identity_values() == {"votes": 5}
    assert LabelJudge(read="votes", alternatives=5).identity_values() == {
        "votes": 5, "read": "votes", "alternatives": 5,
    }  # fmt: skip


def cut_reply(text):
    places = tuple(TokenLogprob(token=word, logprob=-0.1, top=()) for word in text.split("|"))
    return Reply(text=text.replace("|", ""), finish_reason="length", logprobs=places)


@pytest.mark.parametrize(
    "text", ["The| better| text| is", "**|Text| B|**", "Better| text|:| B", "By| the| rule"]
)
async def test_a_reply_that_our_own_limit_cut_before_its_label_gets_votes(text):
    server = Server(lambda options: cut_reply(text) if "logprobs" in options else a_vote())

    assert await probabilities(server) == ([0, 1], "votes")
    with pytest.raises(UnreadableReply, match="`read: votes` or more `label_tokens`"):
        await probabilities(server, read="logprobs")


async def test_a_whole_reply_without_a_label_gets_no_votes():
    whole = Reply(text="Both", logprobs=(TokenLogprob(token="Both", logprob=-0.1, top=()),))
    server = Server(lambda _: whole)

    with pytest.raises(UnreadableReply):
        await probabilities(server)
    assert len(server.options) == 1


async def test_a_number_that_may_be_the_beginning_of_another_gets_votes():
    numbers = [str(number) for number in range(1, 11)]
    top = tuple(TokenChoice(token=t, logprob=math.log(p)) for t, p in (("8", 0.6), ("9", 0.3), ("1", 0.1)))
    eight = Reply(text="8", logprobs=(TokenLogprob(token="8", logprob=math.log(0.6), top=top),))
    server = Server(lambda options: eight if "logprobs" in options else a_vote("10"))

    odds, method = await LabelJudge(votes=3).label_probabilities(
        server, "m", [user("Rate.")], numbers, lambda text, _: text
    )

    assert (odds, method) == ([0] * 9 + [1], "votes")
