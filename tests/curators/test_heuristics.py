"""Drop prompts that are none, or that a language model cannot answer: by their length, characters,
repetition, language and wording. (prefgen/curators/heuristics.py)
"""

from pathlib import Path

import pytest
from pydantic import ValidationError

from prefgen.plugins.registry import find
from tests.support.tables import curated, prompts


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Hi there", "too short (2 words)"),
        ("word " * 151, "too long (151 words)"),
        ("go on and " * 10, "repeats itself"),
        ("@@@@ #### $$$$ %%%% one two three", "few letters"),
        ("What is shown in this picture of a bird?", "needs what is not there ('this picture')"),
        ("Summarise the attached PDF for me please.", "needs what is not there"),
        ("Write a letter to [insert name] about the rent.", "holds a gap"),
        ("Explain {topic} to a child of ten.", "holds a gap"),
        ("Das ist ein schöner Tag, und wir gehen in den Wald.", "another language (de)"),
    ],
)
def test_a_prompt_that_is_none_goes_with_the_rule_that_it_broke(text, reason):
    left = curated("heuristics", prompts(text, "How do tides work in a river mouth?"), languages=["en"])

    assert left.ids() == ["p1"]
    assert left.dropped["p0"].reason.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        "What is the best image format for a website?",
        "How do I hang a picture on this wall?",
        "潮汐是如何运作的？为什么？",
        "كيف تعمل المد والجزر في مصب النهر؟",
        "Give me x and y where x > y.",
    ],
)
def test_what_only_looks_like_it_stays(text):
    assert curated("heuristics", prompts(text)).ids() == ["p0"]


def test_a_language_that_there_is_not_is_refused():
    with pytest.raises(ValidationError, match="no language 'german'"):
        find("curator", "heuristics", Path())(languages=["german"])
