"""How an answer can end. (prefgen/transport/endings.py)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.transport.endings import NO_WORDS, WORDS, ending_of, usual_word


@pytest.mark.parametrize(
    ("ending", "word"), [(ending, word) for ending, words in WORDS.items() for word in words]
)
def test_each_word_means_its_ending_in_any_case(ending, word):
    assert ending_of(word) == ending_of(word.upper()) == ending_of(f" {word} ") == ending


def test_no_word_means_two():
    words = [word for words in WORDS.values() for word in words]
    assert len(words) == len(set(words))


def test_a_server_that_says_nothing_is_taken_at_its_answer():
    assert ending_of(None) == "whole" and usual_word(None) is None


@pytest.mark.parametrize("word", ["", " ", "null", "None"])
def test_a_word_for_null_is_null(word):
    assert ending_of(word) == "whole" and usual_word(word) is None


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("FinishReason.STOP", "whole"), ("FINISH_REASON_STOP", "whole"), ("FinishReason.SAFETY", "refused"),
        ("content_filter: PROHIBITED_CONTENT", "refused"), ("FinishReason.MAX_TOKENS", "cut"),
        ("content-filter", "refused"), ("end-turn", "whole"), ("max-tokens", "cut"), ("-", "failed"),
    ],
)  # fmt: skip
def test_the_name_of_its_type_is_no_part_of_a_word(word, ending):
    assert ending_of(word) == ending


@given(st.text())
def test_any_other_word_is_failed(word):
    known = {known for words in WORDS.values() for known in words}
    is_null = word.strip().casefold() in NO_WORDS
    assert (
        is_null or ending_of(word) == "failed" or any(k in word.casefold().replace("-", "_") for k in known)
    )


@pytest.mark.parametrize(
    ("word", "usual"),
    [
        ("STOP", "stop"), ("eos", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"),
        ("ERROR_TOXIC", "content_filter"), ("tool_use", "tool_calls"), ("error", "error"),
        ("who knows", "who knows"),
    ],
)  # fmt: skip
def test_words_are_spelled_as_openai_does(word, usual):
    assert usual_word(word) == usual
