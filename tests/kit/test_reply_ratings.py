"""The grammar of ratings: every row of its table in docs/judges.md, joins by heading, and what no decoy may
change. (prefgen/kit/reply_ratings.py)
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import read_rating
from prefgen.kit.reply_ratings import parse_rating, rating_in_text, ratings_by_heading
from prefgen.types import Reply
from tests.support.doc_tables import replies_of
from tests.support.judged_replies import SCALE, rating_of

ROWS = replies_of("judges.md", "On a scale of 1 to 5:")


@pytest.mark.parametrize(("reply", "meaning"), ROWS)
def test_each_row_of_the_table_is_read_as_it_says(reply, meaning):
    assert rating_of(reply) == (None if meaning == "unread" else float(meaning))


def test_the_table_has_both_kinds():
    assert len(ROWS) > 50 and {meaning for _, meaning in ROWS} == {"4", "unread"}


@pytest.mark.parametrize(
    ("found", "value"),
    [(4, 4.0), ("4", 4.0), ("**4**", 4.0), ("4/5", 4.0), ("４", 4.0), (4.5, 4.5), ("five", 5.0)],
)
def test_a_value_within_its_scale(found, value):
    assert parse_rating(found, SCALE) == value


@pytest.mark.parametrize(
    "found",
    [0, 6, "9", "1/10", "10/10", None, True, "", float("nan"), float("inf"), "1 or 2", [4], {}, "4" * 500],
)
def test_a_value_that_is_none_is_unread(found):
    """'1/10' on a scale of 1 to 5 is no 1: read so, the worst answers of a released dataset became its
    best.
    """
    with pytest.raises(ParseFailure):
        parse_rating(found, SCALE)


def test_not_applicable_is_none_only_where_it_is_allowed():
    assert parse_rating("N/A", SCALE, not_applicable=True) is None
    assert rating_in_text("Rating: n/a.", SCALE, not_applicable=True).value is None
    with pytest.raises(ParseFailure):
        parse_rating("N/A", SCALE)


def test_stars_are_out_of_five():
    assert parse_rating("4 stars", (1, 5)) == 4
    with pytest.raises(ParseFailure):
        parse_rating("4 stars", (1, 10))


def test_a_rating_of_two_digits_that_was_cut_is_unread_and_not_its_first_digit():
    """(the caller refuses cut replies: `require_whole`)"""
    assert read_rating(Reply(text="Rating: 10", finish_reason="stop"), (1, 10))[0] == 10


def blocks(text: str, count: int = 2) -> list[tuple[float | None, str]]:
    return [(block.value, block.rationale) for block in ratings_by_heading(text, count, SCALE)]


def test_a_blank_line_inside_a_rationale_shifts_nothing():
    """UltraFeedback's own parser splits on blank lines, and every later rating moves by one."""
    text = "Text 1\nRating: 2\nRationale: weak.\n\nVery weak indeed.\n\nText 2\nRating: 5\nRationale: good"

    assert blocks(text) == [(2.0, "weak.\n\nVery weak indeed."), (5.0, "good")]


@pytest.mark.parametrize(
    "text",
    [
        "Text 2\nRating: 5\n\nText 1\nRating: 1",
        "#### Output for Text 1\nRating: 1\n#### Output for Text 2\nRating: 5",
        "**Text 2:** 5/5\n**Text 1:** 1/5",
        "Response 1:\nWeak.\nScore: 1\n\nResponse 2:\nText 1 is weaker than this.\nScore: 5",
        "```\nText 1\nRating: 1\nText 2\nRating: 5\n```",
    ],
)
def test_ratings_are_joined_by_the_number_of_their_heading(text):
    assert [value for value, _ in blocks(text)] == [1.0, 5.0]


@pytest.mark.parametrize("heading", ["[Text {}]", "{0}. Text {0}", "[Text {}]:", "- Text {}"])
def test_a_heading_may_stand_in_brackets_or_in_a_list(heading):
    text = "\n\n".join(f"{heading.format(n)}\nRating: {n}\nRationale: Clear." for n in (1, 2))
    assert [value for value, _ in blocks(text)] == [1.0, 2.0]


@pytest.mark.parametrize(
    "reason",
    [
        "Less useful than Text 2.", "Only 2 of 3 tips are given.", "It states the answer as 3.",
        "Right, unlike text 3.", "Two out of three steps are wrong.", "It breaks rule 2.",
        "It covers 4 of the 5 points.", "It is better than text 1, and short.",
    ],
)  # fmt: skip
def test_a_text_or_a_count_that_a_rationale_names_is_no_other_rating(reason):
    text = f"Text 1\nRating: 1\nRationale: Clear.\n\nText 2\nRating: 4\nRationale: {reason}"
    assert [value for value, _ in blocks(text)] == [1.0, 4.0]


TWO_BLOCKS = "Text 1\nRating: 1\nRationale: Clear.\n\nText 2\nRating: 5\nRationale: Short."


@pytest.mark.parametrize(
    "preamble",
    [
        "On a scale of 1 to 10:", "Lower is better.", "1 = best, 5 = worst.", "Here 1 is the best.",
        "I go from 1 (best) to 5 (worst).", "The ratings are ranks; 1 is best.", "Ranks:",
        "Order of quality:", "Text 1 is called Text 2 below.", "Text 1 = Text 2, Text 2 = Text 1.",
        f"{'Both go through the request in its order. ' * 9}Lower is better.",
    ],
)  # fmt: skip
def test_what_stands_before_the_first_heading_may_turn_all_ratings(preamble):
    with pytest.raises(ParseFailure):
        blocks(f"{preamble}\n\n{TWO_BLOCKS}")


@pytest.mark.parametrize(
    "preamble",
    ["On a scale of 1 to 5:", "I compare Text 1 and Text 2.", "5 is the best.", "Here are my findings:"],
)
def test_a_preamble_that_turns_nothing_is_none(preamble):
    assert [value for value, _ in blocks(f"{preamble}\n\n{TWO_BLOCKS}")] == [1.0, 5.0]


@pytest.mark.parametrize(
    "text",
    [
        "Text 1\nRating: 2\nText 2\nno rating",
        "Text 1\nRating: 2\nRating: 5\nText 2\nRating: 1",
        "Text 2\nRating: 2\nText 1\nRating: 5\nRating: 4",
        "Text 1\nRating: 2\nText 1\nRating: 5",
        "Text 1\nRating: 2\nText 3\nRating: 5",
        "Text 1\nRating: 2\nText 2\nRating: 5\nText 3\nRating: 5",
        "Rating: 5\nText 1\nRating: 2\nText 2\nRating: 1",
        "Rating: 2\nRating: 3",  # two ratings in order, and no label
        "Rating: 2",
        "I cannot rate these.",
        "",
    ],
)
def test_a_reply_without_exactly_one_rating_under_each_heading_is_unread(text):
    with pytest.raises(ParseFailure):
        blocks(text)


DECOYS = st.sampled_from(
    [
        "Maximum rating: 5",
        "Highest possible score: 5",
        "Relevance score: 1",
        "Clarity rating: 2",
        "I looked at 3 things.",
        "On a scale of 1 to 5.",
        "```\nRating: 1\n```",
        "It names 2 rivers and 5 lakes.",
        "The score ranges from 1 to 5.",
        "- relevance: 1/5",
        "| Rating | 5 |",
        "A 5 would need sources.",
        "1. It is short.",
        "3",
    ]
)
VERDICTS = st.sampled_from(
    ["Rating: {}", "**Rating: {}**", "Score: {}/5", "Final rating: {}", "Rating: [[{}]]", "My rating is {}."]
)


@given(st.integers(1, 5), VERDICTS, st.lists(DECOYS, max_size=5), st.lists(DECOYS, max_size=3))
def test_decoys_around_a_verdict_are_never_read_as_it(value, verdict, before, after):
    text = "\n".join([*before, verdict.format(value), *after])

    assert rating_of(text) in (float(value), None)
    assert before or after or rating_of(text) == value


@given(st.lists(DECOYS.filter(lambda decoy: "```" not in decoy), min_size=2, max_size=5))
def test_decoys_alone_are_no_rating(decoys):
    assert rating_of("\n".join(decoys)) is None


@given(st.text())
def test_any_text_is_a_rating_or_unread(text):
    assert rating_of(text) is None or 1 <= rating_of(text) <= 5


@pytest.mark.parametrize(
    ("first", "second", "is_read"),
    [
        ((1, "Better than Text 2."), (5, "Worse than Text 1."), False),
        ((1, "Clear."), (5, "Less accurate than Text 1."), False),
        ((1, "Plain. It is far more accurate than Text 2."), (5, "Fine."), False),
        ((5, "Worse than Text 2."), (1, "Vague."), False),
        ((1, "This is about Text 2."), (5, "Fine."), False),
        ((3, "Better than Text 2."), (3, "Vague."), True),
        ((1, "Worse than Text 2."), (5, "Better than Text 1."), True),
        ((1, "It is not better than Text 2."), (5, "Good."), True),
        ((1, "Longer than Text 2, and wrong."), (5, "Shorter than Text 1."), True),
        ((1, "Text 2 is better."), (5, "It is about rivers."), True),
    ],
)
def test_ratings_go_with_what_is_said_of_another_text(first, second, is_read):
    text = "\n\n".join(
        f"Text {n}\nRating: {rating}\nRationale: {rationale}"
        for n, (rating, rationale) in enumerate((first, second), 1)
    )
    if is_read:
        assert [r.value for r in ratings_by_heading(text, 2, SCALE)] == [first[0], second[0]]
    else:
        with pytest.raises(ParseFailure):
            ratings_by_heading(text, 2, SCALE)
