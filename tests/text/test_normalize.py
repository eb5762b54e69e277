"""THE definition of the same text. (prefgen/text/normalize.py)"""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.text.normalize import is_blank, normalize, same_text


@given(st.text())
def test_the_normal_form_of_a_normal_form_without_odd_letters_is_itself(text):
    """Of all texts whose lower case is in normal form already (folding may undo a normal form: then twice is
    what is stable).
    """
    once = normalize(text)
    if unicodedata.is_normalized("NFKC", once):
        assert normalize(once) == once
    assert "  " not in once and once == once.strip()


@given(st.text(), st.text())
def test_same_is_symmetric_and_reflexive(first, second):
    assert same_text(first, first)
    assert same_text(first, second) == same_text(second, first) == (normalize(first) == normalize(second))


def test_examples():
    assert same_text("ﬁne", "fine") and same_text("x²", "x2") and same_text("Ａ  B", "a b")
    assert not same_text("a-b", "a b") and not same_text("été", "ete")


@pytest.mark.parametrize(
    "mark", ["\u200b", "\ufeff", "\u00ad", "\u200e", "\u2060", "\ufe0f", "\u3164", "\U000e0041"]
)
def test_what_nobody_sees_makes_no_difference(mark):
    assert same_text(f"The{mark} Alps.", "The Alps.")
    assert is_blank(f" {mark}\n")
    assert not is_blank(f"{mark}a")


def test_a_blank_braille_cell_is_white_space():
    assert is_blank("\u2800") and same_text("a\u2800b", "a b") and not same_text("\u2801", "\u2802")


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u00a0", "\x00"])
def test_blank_texts(text):
    assert is_blank(text)
