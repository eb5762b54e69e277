"""What makes a rating doubtful: its remark, its reasons, another scale, and fields beside it.
(prefgen/kit/rating_doubts.py, fields_beside.py)
"""

import json

import pytest

from prefgen.kit.aspect_replies import read_critique, read_ratings
from prefgen.kit.parse_failure import ParseFailure
from prefgen.types import Reply
from tests.support.judged_replies import rating_of


def reply(text: str) -> Reply:
    return Reply(text=text, finish_reason="stop")


@pytest.mark.parametrize(
    "text",
    [
        "Rating: 1, because it is flawless", "Rating: 1. It is excellent in every respect.",
        "Rating: 5. It is terrible in every respect.", "Rating: 4. Just kidding.",
        "Rating: 4. That is on the old scale.", "Rating: 4; it was too low",
        "Rating: 5 because the text says so", "Rating: 4 👎",
    ],
)  # fmt: skip
def test_a_remark_in_the_line_must_be_a_reason_for_the_rating(text):
    assert rating_of(text) is None


@pytest.mark.parametrize(
    "reason",
    [
        "I settle on 3 because of the missing date.", "It deserves a 3 for accuracy.",
        "I give it 2 - it is wrong.",
        "it merits 2 (poor).", "I gave a 2 due to errors.", "A score of 2 reflects the errors.",
        "I would give it a two.", "it should be a two.", "其实应该给2分。", "Bad; 2 fits better.",
        "1-2 range.", "This aligns with a 2 overall.", "Vague: a 2 at most.", "I would give this text a 2.",
        "Score: 1 + 1 = 2",
        "2-ish", "two out of five", "40%", "★★☆☆☆", "minus 2 for length.", "I then deduct two points.",
        "the cap of 2 applies.", "deserves the lowest rating.", "this is what the text asks for.",
        "That is four out of ten.",
    ],
)  # fmt: skip
def test_reasons_that_give_another_rating_make_it_unread(reason):
    assert rating_of(f"Rating: 5\nRationale: {reason}") is None


@pytest.mark.parametrize(
    "reason",
    [
        "It gives 2 examples.", "It names two rivers and 3 lakes.", "One of the dates is missing.",
        "It answers 3 questions in two paragraphs.", "The second half is dense.", "It covers 1998 well.",
        "It makes the right choice for the user, who asked for a list.",
        "It could be improved by offering 1 or 2 concrete tips.",
        "The poem has only 2 stanzas instead of 5, and it does not rhyme.",
        "The text rates the film 3/5 and explains why.",
        "On topic (1 point). It answers two parts (1 point).",
        "The user asked for a plan of weeks 1 to 3, and it has them.",
    ],
)  # fmt: skip
def test_counts_in_the_reasons_are_no_ratings(reason):
    assert rating_of(f"Rating: 4\nRationale: {reason}") == 4
    assert rating_of(json.dumps({"rationale": reason, "rating": 4})) == 4


@pytest.mark.parametrize(
    "text",
    [
        "Using a 10-point scale.\n\nRating: 4", "I use a ten-point scale.\n\nRating: 4",
        "Scores are out of 10.\n\nRating: 4", "(out of 10)\n\nRating: 4", "Max: 10\nRating: 4",
        "Total points: 2\n\nScore: 4", "Total = 2\n\nScore: 4", "A total of 2.\n\nScore: 4",
        "Total score = 2\n\nScore: 4", "A total of 2 points.\n\nScore: 4",
        "Total possible: 10\nRating: 4", "Scale: 10\nRating: 4", "Maximum score: 4\nScore: 4",
        "1 being the worst and 10 being the best.\n\nRating: 4", "As a percentage: 80%\nRating: 4",
        "Rating: 4\nRationale: That is four out of ten.",
        "1 being the best and 5 being the worst.\n\nRating: 1",
        "Lower is better.\n\nRating: 1",
    ],
)  # fmt: skip
def test_another_scale_in_words_is_noticed(text):
    assert rating_of(text) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"rating_after_penalty": 2}, {"net_rating": 2}, {"penalized_rating": 2}, {"recommended_rating": 2},
        {"rating_2": 2}, {"revision": "2"}, {"deduction": -2}, {"final": {"rating": 2}}, {"base": 10},
        {"of": 10}, {"valid": False}, {"not_applicable": True}, {"weighted_score": 3.2},
        {"error": "cannot judge"}, {"rank": 2},
    ],
)  # fmt: skip
def test_a_field_that_may_be_another_rating_makes_it_unread(fields):
    assert rating_of(json.dumps({"rating": 4, **fields})) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"relevance": 5}, {"factual_accuracy": 2}, {"clarity_score": 3}, {"strengths": ["short"]},
        {"feedback": "It is short."}, {"confidence": 0.9}, {"tone": "warm"}, {"rationale": None},
    ],
)  # fmt: skip
def test_reasons_and_aspects_may_stand_beside_a_rating(fields):
    assert rating_of(json.dumps({"rating": 4, **fields})) == 4


@pytest.mark.parametrize(
    "text",
    [
        'I numbered them the other way round.\n{"text_1": {"rating": 4}, "text_2": {"rating": 2}}',
        "Text 1\nRating: 4\nRationale: ok\n\nText 2\nRating: 2\nRationale: no\n\nNote: I labelled the"
        " two texts the other way round.",
        "Text 1\nRating: 4\nRationale: ok\n\nText 2\nRating: 2\nRationale: no\n\nthe numbers of the two"
        " texts are reversed above.",
        "Text 1\nRating: 1\nRationale: it tries to inject ratings:\nText 2\nRating: 5\nRationale: perfect",
        "Text 1\nThe text ends with:\nRating:\n5\n\nText 2\nRating: 2",
        '{"text_1": {"title": "Text 2", "rating": 4}, "text_2": {"title": "Text 1", "rating": 2}}',
        '{"text_1": {"refers_to": "Text 2", "rating": 4}, "text_2": {"refers_to": "Text 1", "rating": 2}}',
        '{"text_1": {"rating": 4, "rank": 2}, "text_2": {"rating": 2, "rank": 1}}',
        '{"text_1": {"rating": 4, "rationale": "I lower this to 2"}, "text_2": {"rating": 2}}',
        '{"text_1": {"rating": 4, "rationale": "Wait, I misread it."}, "text_2": {"rating": 2}}',
    ],
)
def test_ratings_of_several_texts_that_may_be_exchanged_or_revised_are_unread(text):
    with pytest.raises(ParseFailure):
        read_ratings(reply(text), ("honesty",), 2)


@pytest.mark.parametrize(
    ("rationale", "rating"),
    [
        ("Hold on, the labels are swapped.", 4), ("My mistake, that is Text B.", 4), ("Terrible.", 4),
        ("Actually, it deserves a two.", 4), ("I take this back, it deserves a two.", 4), ("Excellent.", 2),
        ("Final rating: two", 4), ("Sorry, lower: two.", 4), ("It should be two.", 4), ("Oops, a three.", 4),
    ],
)  # fmt: skip
def test_second_thoughts_in_words_count_listwise_as_in_a_single_rating(rationale, rating):
    entry = {"rationale": rationale, "rating": rating}
    assert rating_of(json.dumps(entry)) is None
    for number in ("1", "2"):
        other = {"rationale": "It names the city.", "rating": 3}
        entries = {"text_1": other, "text_2": other, f"text_{number}": entry}
        with pytest.raises(ParseFailure):
            read_ratings(reply(json.dumps(entries)), ("helpfulness",), 2)


@pytest.mark.parametrize("said", ["The texts are swapped.", "The ratings are reversed."])
def test_what_turns_the_texts_round_counts_listwise(said):
    entries = {"text_1": {"rationale": said, "rating": 4}, "text_2": {"rationale": "ok", "rating": 3}}
    with pytest.raises(ParseFailure):
        read_ratings(reply(json.dumps(entries)), ("helpfulness",), 2)


def test_a_null_hides_no_digit():
    entries = {
        "text_1": {"rationale": "It makes no claim.", "rating": None},
        "text_2": {"rationale": "Final rating: 2", "rating": 4},
    }
    with pytest.raises(ParseFailure):
        read_ratings(reply(json.dumps(entries)), ("honesty",), 2)


@pytest.mark.parametrize(
    "rationale",
    ["It names two cities.", "It actually helps.", "One of the best, and no mistake.", "Perfectly so."],
)
def test_such_words_about_a_text_leave_its_rating(rationale):
    entry = {"rationale": rationale, "rating": 4}
    ratings = read_ratings(reply(json.dumps({"text_1": entry, "text_2": entry})), ("helpfulness",), 2)
    assert [text["helpfulness"] for text in ratings] == [(4, rationale)] * 2


def test_a_critique_whose_feedback_gives_another_rating_is_unread():
    text = '{"feedback":"Overall: 3/10. Actually, the overall should be 3.","overall":8}'
    with pytest.raises(ParseFailure):
        read_critique(reply(text))
    assert read_critique(reply('{"feedback":"Name 3 more towns.","overall":8}'))[1] == 8


@pytest.mark.parametrize(
    ("reasons", "rating", "is_read"),
    [
        ("The answer is about 0.72 on a scale from 0 to 1.", 4, True),
        ("The answer is about 0.05 on a scale from 0 to 1.", 1, True),
        ("About 8 on a scale of 1 to 10.", 4, True),
        ("On a scale of 1 to 10.", 4, False),
        ("On a scale from 0 to 1 it is perfect.", 1, False),
    ],
)
def test_a_scale_of_something_else_is_none_of_a_rating_in_its_field(reasons, rating, is_read):
    text = json.dumps({"rationale": reasons, "rating": rating})

    assert rating_of(text) == (rating if is_read else None)


@pytest.mark.parametrize(
    "text",
    [
        "Good.\n\nTotal score: 4", "Total: 4 points\n\nScore: 4", "Good.\n\nScore: 1 + 1 + 1 + 1 = 4",
        "1. On the subject (+1)\n2. Core (+1)\n\nTotal: 4\n\nScore: 4", "A total of 6 tips.\n\nScore: 4",
        '{"rationale": "It scores 1 for relevance, 1 for coverage, 1 for use, 1 for style.", "rating": 4}',
        "Score: 4\nRationale: It earns 1 + 1 + 1 + 1 = 4 points.",
        "Score: 4\nRationale: One point for each of four, for a total of 4.",
        "Total points: 4\n\nScore: 4", "Total = 4\n\nScore: 4", "A total of 4.\n\nScore: 4",
        "A total of 4 points.\n\nScore: 4", "A total of 3 tips is given.\n\nScore: 4",
    ],
)  # fmt: skip
def test_a_total_is_the_sum_of_the_points_and_no_scale(text):
    assert rating_of(text) == 4


@pytest.mark.parametrize(
    "text",
    [
        "Total: 3\n\nScore: 4", "Total: 3 points\nIt lacks a date.\n\nScore: 4", "Score: 1 + 1 + 1 = 4",
        "Total possible: 10\nRating: 4", "Score: 4\nRationale: One point each, for a total of 3.",
    ],
)  # fmt: skip
def test_a_total_that_is_not_the_rating_makes_it_unread(text):
    assert rating_of(text) is None


@pytest.mark.parametrize(
    ("rationale", "is_read"),
    [
        ("4 out of 5 overall.", False), ("4 of 5 marks.", False), ("4 out of 5 possible points.", False),
        ("Scores 4 of 5 overall.", False), ("4 of 5, really.", False), ("4 of 5 really.", False),
        ("4 of 5 tips are numbered.", True), ("Meets 3 of 5 rules.", True),
    ],
)  # fmt: skip
def test_a_count_has_a_noun_of_its_own(rationale, is_read):
    assert rating_of(f"Rating: 1\nRationale: {rationale}") == (1 if is_read else None)


SUMS = [
    "1 + 1 + 0 + 0 + 0 = {}.", "Sum: {}", "The sum of the points is {}.", "This adds up to {}.", "Points: {}",
    "I award {} points.", "Therefore, {} points.", "{} points are awarded.", "In total {} of 5 points.",
]  # fmt: skip


@pytest.mark.parametrize("form", SUMS)
def test_a_sum_of_points_at_the_end_of_the_reasons_is_their_rating(form):
    for number in ("2", "4"):
        said = f"It is on the subject. {form.format(number)}"
        in_object = json.dumps({"rationale": said, "rating": 4})

        assert rating_of(in_object) == rating_of(f"{said}\n\nScore: 4") == (4 if number == "4" else None)


@pytest.mark.parametrize(
    "said",
    [
        "It gives 3 points for discussion.", "It lists two points.", "The text says 3 + 1 + 1 = 5.",
        "The sum is 7, as it says.", "Points: 2 of them are clear.",
    ],
)  # fmt: skip
def test_a_number_within_the_last_sentence_is_no_sum(said):
    assert rating_of(json.dumps({"rationale": said, "rating": 4})) == 4


@pytest.mark.parametrize(
    "said",
    [
        "Therefore, my final rating for this text is {}.", "Taking this together, the right rating is {}.",
        "After reading it once more, I would say {}.", "Overall I would go with {}.",
        "I think that this text should get {}.", "Because it misses half of what was asked, it is a {}.",
        "After all this I'd rather settle for a {}",
    ],
)  # fmt: skip
def test_a_rating_at_the_end_of_a_long_sentence_is_one(said):
    for number in ("2", "5"):
        reason = f"The text is vague. {said.format(number)}"
        replies = (
            f"Rating: 5\n\nRationale: {reason}",
            f"{reason}\n\nRating: 5",
            json.dumps({"rationale": reason, "rating": 5}),
        )
        for reply in replies:
            assert rating_of(reply) == (5 if number == "5" else None)


@pytest.mark.parametrize(
    "said",
    [
        "I would say 2 of its tips are new.", "Adding the two numbers you should get 2.",
        "I would go with 3 examples.", "The result would be 2.", "It is a 2 hour walk.",
    ],
)  # fmt: skip
def test_a_number_by_such_words_that_counts_something_is_none(said):
    assert rating_of(json.dumps({"rationale": f"The text is on topic. {said}", "rating": 5})) == 5
