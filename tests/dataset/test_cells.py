"""What a cell of somebody's table says: a value, or one clear line. (prefgen/dataset/cells.py)"""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.dataset.cells import (
    as_messages_or_text,
    as_number,
    as_optional_text,
    as_text,
    as_texts,
    as_truth,
    decoded,
    is_absent,
    is_missing,
)
from prefgen.errors import RecipeError

CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("cell", [None, math.nan, "", "  \n"])
def test_nothing_is_nothing(cell):
    assert is_missing(cell)
    assert as_text(cell, "x", "f:1") is None and as_number(cell, "x", "f:1") is None
    assert as_texts(cell, "x", "f:1") == ()


def test_numbers_and_texts_are_what_they_are():
    assert (as_text(42, "x", "f:1"), as_texts([42, math.nan, "b"], "x", "f:1")) == ("42", ("42", "b"))
    assert [as_number(cell, "x", "f:1") for cell in ("5.0", 5, " 5 ")] == [5, 5, 5]


@pytest.mark.parametrize("word", ["nan", "None", " null", "N/A", "<noinput>", "No input"])
def test_words_for_nothing_are_nothing_where_a_column_may_be_empty(word):
    assert is_absent(word) and as_optional_text(word, "x", "f:1") is None
    assert not is_missing(word) and as_text(word, "x", "f:1") == word


def test_a_list_of_texts_that_python_has_printed_is_said():
    assert as_texts("['4']: what is it?", "x", "f:1") == ("['4']: what is it?",)
    with pytest.raises(RecipeError, match="f:1: x is a list as Python prints it"):
        as_texts("['4', 'four']", "x", "f:1")


@pytest.mark.parametrize("cell", ["1_000", "٣", "nan1", "0x10", "many", math.inf, True, [1], {}, b"5", "1,5"])
def test_what_is_no_number_is_said(cell):
    with pytest.raises(RecipeError, match=r"f:1: x must be a finite number"):
        as_number(cell, "x", "f:1")


@pytest.mark.parametrize(
    ("cell", "truth"),
    [(True, True), ("True", True), (1, True), ("0", False), (False, False), ("false", False)],
)
def test_truth_values_of_people_and_of_tables(cell, truth):
    assert as_truth(cell, "label", "f:1") is truth


@pytest.mark.parametrize("cell", [-1, "-1", 2, "yes and no", None, math.nan, "", []])
def test_what_is_neither_true_nor_false_is_refused(cell):
    with pytest.raises(RecipeError, match="label must be true or false"):
        as_truth(cell, "label", "f:1")


def test_json_text_is_what_it_holds_where_it_holds_lists_or_mappings():
    assert decoded('[{"role": "user"}]') == [{"role": "user"}]
    assert [decoded(cell) for cell in ("[1, 2", "5", "plain", 7)] == ["[1, 2", "5", "plain", 7]


@given(CELLS)
def test_any_cell_is_a_value_or_one_line(cell):
    for reader in (as_text, as_texts, as_number, as_truth):
        failure = ""
        try:
            reader(cell, "x", "f:1")
        except RecipeError as error:
            failure = str(error)
        assert not failure or failure.startswith("f:1: ")


BLANKS = 30_000


@pytest.mark.parametrize(
    "cell",
    [
        "\n" * BLANKS + "{x",
        " " * BLANKS + "[x",
        "array(" + " " * BLANKS,
        "array(" + "\n" * BLANKS + "[" + "\t" * BLANKS + "{ x",
        "[" + " " * BLANKS + "{" + " " * BLANKS + "x",
        "{" + "'role' " + " " * BLANKS + "'content'" + " " * BLANKS,
    ],
)
def test_a_cell_of_white_space_is_read_in_no_time(cell):
    started = time.process_time()

    assert as_messages_or_text(cell, "chosen", "f:1") == cell

    assert time.process_time() - started < 0.5  # by its square it would be minutes


def test_a_number_of_many_digits_is_read_in_no_time():
    started = time.process_time()

    with pytest.raises(RecipeError, match="must be a finite number"):
        as_number("1" * BLANKS + "x", "x", "f:1")

    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("start", ["", "\n ", "array([", "array( [ ", "[array( "])
def test_messages_that_python_has_printed_are_said_behind_white_space_too(start):
    with pytest.raises(RecipeError, match="f:1: chosen is a list as Python prints it"):
        as_messages_or_text(start + "{ 'role': 'user', 'content': 'a'}", "chosen", "f:1")
