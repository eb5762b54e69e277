"""A label alone on the last line, or behind "therefore" alone, says not of what it is one: what stands before
it must. (prefgen/kit/reply_labels.py, label_first.py)
"""

import pytest

from tests.kit.test_label_reasons import assert_read, assert_unread


@pytest.mark.parametrize("form", ["B", "**B**", "Thus, B.", "Therefore, B."])
@pytest.mark.parametrize(
    "words",
    [
        "The largest planet is Jupiter.", "Solving 2x = 8 gives x = 4.", "The blood type is asked for.",
        "Jupiter, the second option, is right.", "3 + 4 = 7.", "The second planet is Venus.",
        "Response 1 is right. Response 2 is wrong.", "The first is right and the second is wrong.",
    ],
)  # fmt: skip
def test_what_speaks_of_no_text_leads_to_no_label(words, form):
    assert_unread(f"{words}\n\n{form}")
    if not form.startswith(("B", "*")):
        assert_unread(f"{words} {form}")


@pytest.mark.parametrize("form", ["B", "**B**", "Therefore, B."])
@pytest.mark.parametrize(
    "words",
    [
        "I would grade this reply a B.", "Text A answers. Text B does not.", "I would never send Text B.",
        "Text B is no better.", "One text insults the user.", "One reply violates the principle.",
        "One of them must be dropped.", "The harmful one is easy to name.", "**Clarity**\nText B is clear.",
        "Text B does not answer.", "Text B isn’t clear.", "Text B could be clearer.",
        "Text B is clear. It never answers the question.",
        "Text B is clear. I take the other.", "Text A is vague. That is what was asked for.",
        "Text A picks C, Text B picks B.", "Text A says it is B. Text B agrees with that.",
        "Text A names option B, Jupiter.", "Text B gives B. Text A gives C.",
    ],
)  # fmt: skip
def test_a_bare_label_needs_words_that_speak_for_its_text(words, form):
    assert_unread(f"{words}\n\n{form}")


@pytest.mark.parametrize("form", ["B", "**B**", "Therefore, B."])
@pytest.mark.parametrize(
    "words",
    [
        "Text B is more accurate.", "Text A does not answer the question.", "Text A is vague.",
        "Text A names no river. Text B gives a clear answer.", "Text B covers all three points.",
        "Text A rambles. Text B cites its sources.", "Text B cites its sources. Text A rambles.",
        "Text A gives a wrong date. Text B gives the right date.",
        "Text A names a river. Text B names a lake.",
    ],
)  # fmt: skip
def test_a_bare_label_below_words_for_its_text_is_read(words, form):
    assert_read(f"{words}\n\n{form}")
