"""How often a regular expression of somebody else is found in a text. (prefgen/text/patterns.py)"""

import re

import pytest

from prefgen.text import patterns
from prefgen.text.patterns import PatternTooSlowError, count_matches


@pytest.mark.parametrize(
    ("pattern", "text", "flags", "most", "count"),
    [
        ("tea", "Tea, tea.", re.IGNORECASE, None, 2),
        ("tea", "Tea, tea.", 0, None, 1),
        ("t.a", "tea tea tea", 0, 2, 2),
        (r"^\w+$", "one\ntwo\nthree", re.MULTILINE, None, 3),
        (r"^\w+$", "one\ntwo\nthree", re.MULTILINE, 1, 1),
        (r"(a|b)\d?", "a1 b2", 0, None, 2),
        ("é+", "\ud800 café", 0, None, 1),
        ("x*", "", 0, None, 1),
    ],
)
def test_matches_are_counted_as_python_finds_them(pattern, text, flags, most, count):
    assert count_matches(pattern, text, flags, most=most) == count


def test_a_search_that_takes_for_ever_ends_and_the_next_one_is_answered(monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 0.05)

    with pytest.raises(PatternTooSlowError, match="took longer"):
        count_matches("^(a+)+$", "a" * 60 + "!")
    assert count_matches("^(a+)+$", "a" * 60) == 1


def test_what_is_no_regular_expression_is_said():
    with pytest.raises(re.error):
        count_matches("(", "text")
