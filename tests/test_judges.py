"""Judges beside UltraFeedback: their formulas, what they lose, and what they never make of it."""

import math

import pytest
from pydantic import ValidationError

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.judges.additive import Additive
from prefgen.judges.aspect import Aspect
from prefgen.judges.binary_vote import BinaryVote
from prefgen.judges.checklist import Checklist
from prefgen.judges.expectation import Expectation, expected_score
from prefgen.judges.pairwise import Pairwise
from prefgen.kit.ratings import label_probabilities_in, parse_label
from prefgen.kit.replies import ParseFailure
from prefgen.stats.scoring import bradley_terry, mean_by_response, probability_of
from prefgen.testing import Scripted, a_record
from prefgen.types import Comparison, Prompt, Reply, Score, TokenChoice, TokenLogprob


def odds(**probabilities):
    """A reply whose first token has these alternatives."""
    top = tuple(TokenChoice(token=token, logprob=math.log(p)) for token, p in probabilities.items())
    return Reply(
        text=top[0].token,
        finish_reason="length",
        logprobs=(TokenLogprob(token=top[0].token, logprob=top[0].logprob, top=top),),
    )


async def judged(judge, ask, *responses, prompt="Q"):
    record = a_record(prompt, *responses)
    return list(await judge.judge(record.prompt, record.responses, ask))


def scores(verdicts):
    return {v.response_id: v.value for v in verdicts if isinstance(v, Score)}


# --- labels and numbers by their probabilities ---------------------------------------------------------------------


def test_two_labels_are_normalised_against_each_other():
    assert label_probabilities_in(odds(A=0.6, B=0.2, The=0.1), ("A", "B")) == pytest.approx([0.75, 0.25])
    assert label_probabilities_in(Reply(text="A"), ("A", "B")) is None


def test_spellings_of_a_label_count_together():
    assert label_probabilities_in(
        odds(**{"A": 0.3, " A": 0.2, "(B": 0.25, "b": 0.25}), ("A", "B")
    ) == pytest.approx([0.5, 0.5])


def test_a_label_that_is_not_among_the_alternatives_has_no_more_than_what_is_left():
    [first, second] = label_probabilities_in(odds(A=0.9, The=0.06), ("A", "B"))

    assert second == pytest.approx(0.04 / 0.94)
    assert first > second > 0


def test_a_reply_that_begins_with_something_else_is_no_label():
    with pytest.raises(ParseFailure):
        label_probabilities_in(odds(Neither=0.9, Both=0.05), ("A", "B"))


@pytest.mark.parametrize(
    ("text", "label"), [("A", "A"), (" (b).", "B"), ("**Answer: B**", "B"), ("I think A is better.", "A")]
)
def test_labels_are_read_from_text(text, label):
    assert parse_label(text, ("A", "B")) == label


@pytest.mark.parametrize("text", ["A or B", "neither", "", "Both A and B are fine"])
def test_no_label_is_guessed(text):
    with pytest.raises(ParseFailure):
        parse_label(text, ("A", "B"))


def test_a_uniform_rating_of_1_to_10_is_the_middle_of_the_scale():
    """d-RLAIF: 5.5 on 1 to 10 is 0 on -1 to 1."""
    assert expected_score([0.1] * 10) == pytest.approx(0.0)
    assert expected_score([0] * 9 + [1]) == 1.0
    assert expected_score([1] + [0] * 9) == -1.0


async def test_the_expected_rating_is_read_from_probabilities_or_from_votes():
    [certain] = await judged(
        Expectation(model="m"), Scripted([odds(**{"9": 0.5, "8": 0.4999, "1": 0.00005})]), "x"
    )
    [counted] = await judged(Expectation(model="m", votes=4), Scripted(["7", "7", "9", "nine", "5"]), "x")

    assert certain.value == pytest.approx(2 * (8.5 - 1) / 9 - 1, abs=0.01)
    assert (certain.method, counted.method) == ("logprobs", "votes")
    assert counted.value == pytest.approx(2 * (7 - 1) / 9 - 1)


# --- pairwise ------------------------------------------------------------------------------------------------------


def a_comparison(first, second, probability):
    return Comparison(first_id=first, second_id=second, probability=probability)


def test_both_orders_are_averaged():
    """0.9 for the one shown first, and 0.2 for the same one when it is shown second: 0.55."""
    assert probability_of(
        [a_comparison("a", "b", 0.9), a_comparison("b", "a", 0.8)], "a", "b"
    ) == pytest.approx(0.55)
    assert probability_of([a_comparison("a", "b", 0.9)], "b", "a") == pytest.approx(0.1)
    assert probability_of([], "a", "b") is None


def test_reasoning_clamps_and_plain_labels_do_not():
    """Constitutional AI: 0.98 with reasoning counts as 0.6."""
    assert Pairwise(model="m", reasoning=True).clamp_probability(0.98) == 0.6
    assert Pairwise(model="m", reasoning=True).clamp_probability(0.02) == 0.4
    assert Pairwise(model="m").clamp_probability(0.98) == 0.98
    assert Pairwise(model="m", reasoning=True, clamp=None).clamp_probability(0.98) == 0.98


async def test_a_judge_that_only_likes_the_first_one_shown_says_one_half():
    verdicts = await judged(Pairwise(model="m"), Scripted([odds(A=0.9, B=0.1)]), "x", "y")

    assert [v.probability for v in verdicts] == pytest.approx([0.9, 0.9])
    assert {(v.first_id, v.second_id) for v in verdicts} == {("r0", "r1"), ("r1", "r0")}
    assert probability_of(verdicts, "r0", "r1") == pytest.approx(0.5)


async def test_verdicts_are_counted_where_there_are_no_log_probabilities():
    verdicts = await judged(
        Pairwise(model="m", votes=4),
        Scripted(lambda text: "A" if text.index("sun") < text.index("moon") else "B"),
        "sun",
        "moon",
    )

    assert {v.method for v in verdicts} == {"votes"}
    assert probability_of(verdicts, "r0", "r1") == 1.0


async def test_an_unreadable_order_is_lost_alone():
    verdicts = await judged(
        Pairwise(model="m"),
        Scripted(lambda text: "neither" if text.index("sun") < text.index("moon") else odds(A=0.7, B=0.3)),
        "sun",
        "moon",
    )

    assert sorted(type(v).__name__ for v in verdicts) == ["Comparison", "UnreadableReply"]


async def test_reasoning_is_asked_first_and_kept():
    ask = Scripted(
        lambda text: odds(B=0.8, A=0.2) if "So which text is better" in text else "B is more exact."
    )

    verdicts = await judged(Pairwise(model="m", reasoning=True), ask, "x", "y")

    assert {v.rationale for v in verdicts} == {"B is more exact."}
    assert [v.probability for v in verdicts] == [0.4, 0.4]
    assert [turns[2].text for _, turns in ask.asked if len(turns) == 4] == ["B is more exact."] * 2


async def test_one_answer_has_nothing_to_compare_with():
    assert scores(await judged(Pairwise(model="m"), Scripted(["A"]), "x")) == {"r0": None}


@pytest.mark.parametrize(("schedule", "most"), [("all", 28), ("swiss", 12), ("knockout", 7)])
async def test_a_tournament_asks_less_and_finds_the_best(schedule, most):
    texts = [f"answer of {'great ' * i}worth" for i in range(8)]

    def better(text):
        shown = [text.split(f"<text {label}>\n")[1].split("\n</text")[0] for label in "AB"]
        return odds(A=0.9, B=0.1) if len(shown[0]) > len(shown[1]) else odds(B=0.9, A=0.1)

    ask = Scripted(better)
    verdicts = await judged(Pairwise(model="m", schedule=schedule, swap=False), ask, *texts)

    assert len(ask.asked) == most
    assert {i for v in verdicts for i in (v.first_id, v.second_id)} == {f"r{i}" for i in range(8)}
    strengths = bradley_terry(verdicts)
    assert max(strengths, key=strengths.__getitem__) == "r7"


async def test_principles_are_drawn_for_each_comparison_and_are_the_same_in_both_orders():
    ask = Scripted([odds(A=0.6, B=0.4)])

    verdicts = await judged(Pairwise(model="m", constitution="harmless", principles=2), ask, "x", "y")

    assert verdicts[0].principle_id == verdicts[1].principle_id
    assert len(verdicts[0].principle_id.split(",")) == 2
    seen = set()
    for i in range(30):
        record = a_record(f"Question {i}", "x", "y")
        seen |= {
            v.principle_id
            for v in await Pairwise(model="m", constitution="harmless").judge(
                record.prompt, record.responses, ask
            )
        }
    assert len(seen) > 8


def test_wrong_settings_are_refused():
    for wrong in ({"labels": ("A", "a")}, {"clamp": (0.7, 0.3)}, {"exemplars": ({"request": "x"},)}):
        with pytest.raises(ValidationError):
            Pairwise(model="m", **wrong)


# --- pointwise -----------------------------------------------------------------------------------------------------


async def test_additive_averages_its_readable_samples_and_a_lost_one_is_never_a_zero():
    replies = iter(["Fine.\nScore: 4", "no score here", "Good.\nScore: 5"])

    verdicts = await judged(Additive(model="m"), Scripted(lambda _: next(replies)), "x")

    assert mean_by_response([v for v in verdicts if isinstance(v, Score)]) == {"r0": 4.5}
    assert [v.code for v in verdicts if isinstance(v, ReplyError)] == ["no_rating"]


async def test_an_answer_with_too_few_readable_samples_has_no_score():
    replies = iter(["Score: 4", "none", "none"])

    verdicts = await judged(Additive(model="m", min_valid=2), Scripted(lambda _: next(replies)), "x")

    assert not scores(verdicts)
    assert len([v for v in verdicts if isinstance(v, UnreadableReply)]) == 2


@pytest.mark.parametrize(
    "reply", ["Score: 6", "Score: -1", "Score: 4/10", '{"rationale": "r", "rating": 9}', "4 points"]
)
async def test_a_rating_off_the_scale_is_no_rating(reply):
    assert not scores(await judged(Additive(model="m", samples=1), Scripted([reply]), "x"))


async def test_equal_answers_are_judged_once_and_alike():
    """A policy repeats itself: the same request must not be sent twice, and the same text must not have two ratings."""
    rated = Scripted(["Rating: 4"])
    compared = Scripted([odds(A=0.8, B=0.2)])

    by_points = await judged(Additive(model="m", samples=2), rated, "same", "same", "other")
    in_pairs = await judged(Pairwise(model="m", swap=False), compared, "same", "same", "other")

    assert len(rated.asked) == 4
    assert scores(by_points) == {"r0": 4.0, "r1": 4.0, "r2": 4.0}
    assert len(compared.asked) == 1
    assert probability_of(in_pairs, "r0", "r1") == 0.5
    assert probability_of(in_pairs, "r0", "r2") == probability_of(in_pairs, "r1", "r2") != 0.5
    assert scores(await judged(Pairwise(model="m"), compared, "x", "x")) == {}


async def test_an_aspect_has_the_scale_of_its_levels():
    [verdict] = await judged(
        Aspect(model="m", aspect="tact", levels=("rude", "plain", "kind")), Scripted(["Rating: 3"]), "x"
    )
    lost = await judged(
        Aspect(model="m", aspect="tact", levels=("rude", "plain", "kind")), Scripted(["Rating: 4"]), "x"
    )

    assert (verdict.value, verdict.scale, verdict.aspect) == (3.0, (1.0, 3.0), "tact")
    assert [type(v) for v in lost] == [UnreadableReply]


def vote(*says):
    replies = iter(
        [f"Checked.\n\nFinal judgment: {word}" if word in ("yes", "no") else word for word in says]
    )
    return Scripted(lambda _: next(replies))


async def test_votes_that_cannot_be_read_do_not_count_and_a_tie_is_no_verdict():
    """SPaR: Y Y N unparsed N is a tie and is discarded; Y Y Y N unparsed is 0.75."""
    tie = await judged(BinaryVote(model="m"), vote("yes", "yes", "no", "unparsed", "no"), "x")
    share = await judged(BinaryVote(model="m"), vote("yes", "yes", "yes", "no", "unparsed"), "x")
    none = await judged(BinaryVote(model="m", votes=2), vote("hm", "nothing"), "x")

    assert scores(tie) == {"r0": None}
    assert scores(share) == {"r0": 0.75}
    assert not scores(none)


async def test_the_word_not_is_no_vote():
    """ "Not" holds "No": only the last line counts, as a word."""
    assert not scores(
        await judged(BinaryVote(model="m", votes=1), Scripted(["Final judgment: Nothing is violated"]), "x")
    )
    assert scores(
        await judged(
            BinaryVote(model="m", votes=1), Scripted(["Not bad: no errors.\n**Final judgment: Yes**"]), "x"
        )
    ) == {"r0": 1.0}


async def test_a_checklist_weighs_what_is_met_over_what_applies():
    judge = Checklist(model="m", criteria=("a", {"text": "b", "weight": 3.0}, "c"))
    reply = '{"item_1": {"reason": "", "met": true}, "item_2": {"reason": "", "met": false}, "item_3": {"reason": "", "met": null}}'

    assert scores(await judged(judge, Scripted([reply]), "x")) == {"r0": 0.25}
    assert scores(
        await judged(
            Checklist(model="m", criteria=("a",)), Scripted(['{"item_1": {"reason": "", "met": null}}']), "x"
        )
    ) == {"r0": None}
    with pytest.raises(Exception, match="expected"):
        raise (await judged(judge, Scripted(['{"item_1": {"reason": "", "met": true}}']), "x"))[0]


async def test_a_checklist_is_written_once_a_prompt_or_stands_in_its_metadata():
    written = '{"criteria": ["It rhymes."]}'
    checked = '{"item_1": {"reason": "r", "met": true}}'
    ask = Scripted(lambda text: written if "Write 5 criteria" in text else checked)

    verdicts = await judged(Checklist(model="m", writer="w"), ask, "x", "y", "z")
    own = await judged(
        Checklist(model="m"),
        Scripted([checked]),
        "x",
        prompt=Prompt.of("Q", metadata={"checklist": ["It is short."]}),
    )

    assert [model for model, _ in ask.asked].count("w") == 1
    assert [v.rationale for v in verdicts] == ["met: It rhymes."] * 3
    assert own[0].rationale == "met: It is short."


# --- what was once made into a number and is none ---------------------------------------------------------------------


def places(*tops):
    """A reply of several tokens, each with its alternatives."""
    made = []
    for top in tops:
        choices = tuple(TokenChoice(token=token, logprob=math.log(p)) for token, p in top.items())
        made.append(TokenLogprob(token=choices[0].token, logprob=choices[0].logprob, top=choices))
    return Reply(text="".join(place.token for place in made), logprobs=tuple(made))


def test_a_bracket_before_the_label_is_passed_over():
    [first, second] = label_probabilities_in(
        places({"(": 0.98, "B": 0.01, "A": 0.0002}, {"A": 0.95, "B": 0.05}), ("A", "B")
    )

    assert first == pytest.approx(0.95)
    assert second == pytest.approx(0.05)


def test_labels_among_the_noise_of_a_refusal_are_no_answer():
    with pytest.raises(ParseFailure):
        label_probabilities_in(
            places({"I": 0.99, "B": 1e-5, "A": 1e-6}, {" cannot": 0.9, " A": 0.05}), ("A", "B")
        )


@pytest.mark.parametrize(
    "text", ["It is a tie.", "Neither is a good reply", "A good answer is missing.", "Text A is not better."]
)
def test_the_article_is_no_label(text):
    with pytest.raises(ParseFailure):
        parse_label(text, ("A", "B"))


@pytest.mark.parametrize("text", ["0.9", "I rate it 0.5", "-3", "Answer: 1.5", "3 of 10 people"])
def test_a_part_of_a_number_is_no_rating(text):
    with pytest.raises(ParseFailure):
        parse_label(text, [str(n) for n in range(1, 11)])


@pytest.mark.parametrize(
    "text", ["Final judgment: no violations were found, it passes", "Final judgment: yes or no, I cannot say"]
)
async def test_a_vote_ends_its_line(text):
    assert not scores(await judged(BinaryVote(model="m", votes=1), Scripted([text]), "x"))


def test_samples_that_could_never_be_enough_are_refused():
    for wrong in ({"samples": 2, "min_valid": 3}, {"samples": 3, "temperature": 0}):
        with pytest.raises(ValidationError):
            Additive(model="m", **wrong)
        with pytest.raises(ValidationError):
            Aspect(model="m", aspect="x", **wrong)
