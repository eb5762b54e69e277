"""THE definition of the same text. (prefgen/text/normalize.py)"""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from prefgen.text.normalize import normalize, same_text


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
