"""What an answer comes to, and whether that is right: its last number, its box, or its last line, against
reference answers. (prefgen/text/final_answer.py)
"""

import pytest

from prefgen.text.final_answer import answer_of, parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("So x = 3.\nThe answer is 1,234.5.", "1234.5"),
        (r"Thus \boxed{\frac{3}{4}}", "3/4"),
        ("first 5, then 7", "7"),
        ("It is 50%.", "1/2"),
        ("-2", "-2"),
        ("7-3", "3"),
        ("about 1e5", "100000"),
        (r"-\frac{1}{2}", "-1/2"),
        (r"3\frac{1}{2}", "7/2"),
        ("The answer is " + "9" * 400, None),
        ("3 / 4", "3/4"),
        ("none", None),
        (r"\frac{1}{0}", None),
    ],
)
def test_the_number_of_an_answer(text, number):
    from fractions import Fraction

    assert parse_number(text) == (None if number is None else Fraction(number))


def test_what_an_answer_ends_in():
    assert answer_of("We reason.\n\n**Answer: Paris.**") == "Paris"
    assert answer_of(r"so \boxed{x^{2}+1} holds") == "x^{2}+1"
    assert answer_of("") == ""
