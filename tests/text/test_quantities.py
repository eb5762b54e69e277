"""Which numbers are certainly the same, and which not. (prefgen/text/quantities.py)"""

import pytest

from prefgen.text.final_answer import check_answer


def is_right(text, reference):
    return check_answer(text, [reference], "number", 1e-6)[0]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("x = 42", "42"),
        ("total = 42", "42"),
        ("6 * 7 = 42", "42"),
        ("It is 42", "42"),
        ("The value of x is 42", "42"),
        ("The number of apples is 42.", "42"),
        ("She makes $42.", "42"),
        ("–5", "-5"),
        ("5 months", "5"),
        ("5 birds", "5"),
        ("$5 dollars", "5"),
        ("**Answer:**\n\n42", "42"),
        ("The answer is:\n$$42$$", "42"),
        ("Final Answer: The final answer is $42$. I hope it is correct.", "42"),
        ("**Final Answer**: 42", "42"),
        ("I think the answer is 42.", "42"),
        ("1,234", "1234"),
        ("1.000", "1"),
    ],
)
def test_a_number_that_certainly_stands_there_is_right(text, reference):
    assert is_right(text, reference) is True
    assert is_right(text, "-77") is False


@pytest.mark.parametrize(
    "text",
    [
        "x^2 = 42", "2x = 42", "x/2 = 42", "x + 1 = 42", "-x = 42", "1/x = 42", "x mod 5 = 42", "≈ 42",
        "Half of the answer is 42", "Twice the answer is 42", "Half the final answer is 42",
        "Twice that is 42", "The square root is 42", "The first number is 42",
    ],
)  # fmt: skip
def test_what_is_said_of_something_else_than_the_answer_is_unread(text):
    assert is_right(text, "42") is None
    assert is_right(text, "21") is None


@pytest.mark.parametrize(
    "words",
    [
        "3 sixteenths", "7 twelfths", "5 hundredths", "3 thousandths", "5 lakhs", "5 crores", "5 gross",
        "5 squares", "5 multiples", "5 zeros", "2 pairs", "3 thirds", "4 twentieths", "2 seventeenths",
        "2 zillions", "$5m", "€5m", "$5 m", "USD 5k",
    ],
)  # fmt: skip
def test_a_word_that_changes_a_number_is_no_unit(words):
    for reference in (words.strip("$€USD ").split()[0].rstrip("mk"), "0.1875", "4", "5000000"):
        assert is_right(words, reference) is None


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("1,234", "1.234"),
        ("1.234", "1234"),
        ("1.000", "1000"),
        ("0.333", "1/3"),
        ("33.33%", "1/3"),
        ("33%", "1/3"),
        ("1/3", "0.333"),
        ("3.1416", "3.14"),
    ],
)
def test_marks_that_may_be_exchanged_and_rounded_numbers_are_undecided(text, reference):
    assert is_right(text, reference) is None


@pytest.mark.parametrize(("text", "reference"), [("0.34", "1/3"), ("1.235", "1234"), ("3.2", "3.14")])
def test_numbers_that_are_different_in_every_reading_are_wrong(text, reference):
    assert is_right(text, reference) is False


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("So there are **10** apples left.", "10"), ("There are 10 people left.", "10"),
        ("Thus, she makes $18 per day.", "18"),
        ("Answer: 18 dollars per day", "18"), ("Therefore, $x = 5$.", "5"), ("The answer is eight.", "8"),
        ("Answer: eight", "8"), ("It takes 3 bolts in total.", "3"), ("He runs 540 meters a week.", "540"),
        ("Hence 12 apples.", "12"), ("$18 per day", "$18 each day"),
    ],
)  # fmt: skip
def test_a_plain_sentence_that_ends_in_a_number_gives_it(text, number):
    assert is_right(text, number) is True
    assert is_right(text, "7") is False


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("There are not 10 apples left.", "10"), ("There are 10 or 12 apples left.", "10"),
        ("Answer: 18 dollars per day", "18 dollars per week"), ("So nobody has 10 apples.", "10"),
        ("She makes $18 per day and $90 per week.", "90"), ("If there are 10 apples left.", "10"),
        ("The answer is eight or nine.", "8"), ("Answer: 18 dollars per day", "126 dollars per week"),
    ],
)  # fmt: skip
def test_a_sentence_that_says_more_than_a_number_gives_none(text, reference):
    assert is_right(text, reference) is None
