"""What stands behind a first label is read by its clauses: each one must be certain praise of the label's own
text, or a certain fault of another. (prefgen/kit/label_first.py)
"""

import pytest

from tests.kit.test_label_reasons import FIRST, assert_read, assert_unread


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text A has no errors.", "Text A is not harmful.", "Text A does not violate the principle.",
        "Text A misses nothing.", "Text A is not vague.", "Text A has fewer mistakes. Text B is clear.",
        "Text A makes hardly any mistakes.", "Text A is rarely wrong.", "Text A avoids errors.",
        "Text A is unbiased.", "Text A understands the request.", "Text A corrects the user's mistake.",
        "Text A warns that this is wrong.", "Text A refuses the harmful request.", "Text A fixes the issue.",
        "Text A is short, as asked.", "Text A is not only accurate, it is complete.",
        "Text A is less vague.", "Text A does not ignore the question.",
    ],
)  # fmt: skip
def test_praise_of_another_text_is_no_fault_of_it(form, reasons):
    assert_unread(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text B isn't accurate.", "Text B isn’t accurate.", "Text B doesn't answer correctly.",
        "Text B is never accurate.", "Text B is seldom correct.", "Text B is scarcely correct.",
        "Text B hides the correct answer.", "Text B contradicts correct facts.",
        "Text B completely made it up.", "Text B is clearly racist.", "Text B is clearly off.",
        "Text B answers with a lie.", "Text B answers another question.", "Text B follows another request.",
        "Text B is clear to nobody.", "Text B is accurate about nothing.",
    ],
)  # fmt: skip
def test_negated_praise_is_none(form, reasons):
    assert_unread(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text B is clear. So A.", "Text B is clear. A takes it.", "Text B is clear. I have to give it to A.",
        "Text B is clear. That makes Text A my choice.", "Text B is clear. The point goes to A.",
        "Text B is clear. A is even clearer.", "Text B is clear. But A does all of this and more.",
        "Text B is clear. Text A is excellent.", "Text B is clear. Text A is on point.",
        "Text A has a minor error. It is my pick.", "Text A has an error. I prefer it.",
        "Text A has an error. Still it wins.", "Text A lacks a greeting. It gives the only working code.",
        "Text B is better. Or is it. Text A is not wrong.", "Text A is vague. It is complete.",
        "Text A is vague, but it is correct.", "Text B is clear. Overall the choice is easy.",
    ],
)  # fmt: skip
def test_a_clause_that_is_neither_praise_nor_fault_makes_a_first_label_unread(form, reasons):
    assert_unread(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text B is clear and complete.", "Text A is vague. It ignores the question.",
        "Text A is too verbose.", "Text B is more concise and to the point.",
        "Text A does not accurately execute the instruction.",
        "Text B follows the instructions, whereas Text A does not.", "Text A contains several errors.",
        "Text B gives a more accurate answer.",
        "Text B is more accurate than Text A.", "Text A fails to answer the question.",
        "Text B correctly answers the question. Text A is wrong.",
    ],
)  # fmt: skip
def test_certain_praise_and_certain_faults_are_read(form, reasons):
    assert_read(form.format(reasons))
