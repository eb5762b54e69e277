"""What stands behind a first label is read by its clauses: none may speak against the label's own text, or be
praise of another one or a decision for it. (prefgen/kit/label_first.py)
"""

import pytest

from tests.kit.test_label_reasons import FIRST, assert_read, assert_unread
from tests.kit.test_whose_verdict import exchanged


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
        "Text B is clear to nobody.", "Text B is accurate about nothing.", "Text B could be clearer.",
        "Text B covers all points, but it is rude.", "Text B is on topic, yet it lies.", "Text B is rude.",
        "Text B covers it. Text A is clear and complete.", "Text B covers it. Text A is excellent.",
        "Text B covers it. My pick is Text A.", "Text B covers it. I take A.",
        "Text B covers it. A nails it.",
        "Text B covers it. Both are equally good.", "Text B covers it. The other text does too.",
    ],
)  # fmt: skip
def test_a_word_against_its_text_makes_a_first_label_unread(form, reasons):
    assert_unread(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text B hides nothing.", "Text B digresses.", "Text B rambles.", "Text A names no river.",
    ],
)  # fmt: skip
def test_of_one_text_alone_a_fault_or_a_denial_must_be_certain(form, reasons):
    """What is said of the label's own text without a denial is its reason, whatever it is."""
    if reasons == "Text B digresses.":
        assert_read(form.format(reasons))
    else:
        assert_unread(form.format(reasons))


WINS = [
    "Text B covers all three points.", "Text B cites its sources.", "Text B gives the right date.",
    "Text B stays within the word limit.", "Text B names the river.",
]  # fmt: skip
LOSES = [
    "Text A rambles.", "Text A lectures the user.", "Text A invents dates.", "Text A stops half-way.",
    "Text A does not answer.",
]  # fmt: skip


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(("praise", "fault"), list(zip(WINS, LOSES, strict=True)))
def test_a_first_label_is_read_with_reasons_in_either_order(form, praise, fault):
    for reasons in (praise, f"{praise} {fault}", f"{fault} {praise}", f"{praise}\n\n{fault}"):
        assert_read(form.format(reasons))


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
        "Text A is vague, but it is correct.",
    ],
)  # fmt: skip
def test_a_clause_that_may_decide_for_the_other_makes_a_first_label_unread(form, reasons):
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


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text A is brief, but still more useful than Text B.",
        "Text A names the right river, but Text B is too brief.",
    ],
)  # fmt: skip
def test_a_turn_behind_another_text_may_be_one_against_its_own(form, reasons):
    assert_unread(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text A is wrong, but Text B is right.", "Text A names the wrong river, but Text B answers.",
        "Text A is shorter, but Text B explains each step.",
        "Text A is vague. However, Text B is more accurate.", "Text B is more useful than Text A.",
    ],
)  # fmt: skip
def test_a_turn_behind_a_fault_of_the_other_text_is_read(form, reasons):
    assert_read(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Although Text B is vague, it is accurate. Text A invents a quote.",
        "Although Text B is less detailed, it follows the format. Text A ignores the format.",
        "Text B is not perfect, but it covers both parts. Text A covers one.",
        "Text B is a bit long, but it is more accurate than Text A.",
        "Though Text B lacks sources, it is correct. Text A is wrong.",
        "Text B has a typo, but it answers the question, while Text A does not.",
        "Text B is too long. However, it names each river. Text A names one.",
    ],
)
def test_a_fault_that_is_conceded_of_a_text_speaks_for_it(form, reasons):
    assert_read(form.format(reasons))
    assert_read(exchanged(form).format(exchanged(reasons)), "A")
    assert_unread(form.format(exchanged(reasons)))
    assert_unread(exchanged(form).format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Although Text B is accurate, it rambles. Text A is on topic.",
        "Although Text B is vague, it is clear that A is the weaker one.",
        "Text B is not perfect, but it is worse on style. Text A covers one.",
        "Text B is too long, but it could be cut. Text A is short.",
    ],
)
def test_what_may_count_against_a_text_behind_a_concession_leaves_it_unread(form, reasons):
    assert_unread(form.format(reasons))


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize(
    "reasons",
    [
        "Text A stays on topic. That is what counts here. Text B drifts off.",
        "Text A offers a full plan. This helps the user most. Text B only lists ideas.",
        "Text B offers ideas. Text A offers a full plan. This is what the user needs.",
    ],
)
def test_a_sentence_that_makes_praise_of_the_one_before_it_turns_a_label(form, reasons):
    assert_unread(form.format(reasons))
    assert_unread(exchanged(form).format(exchanged(reasons)))


@pytest.mark.parametrize("form", FIRST)
def test_a_sentence_that_makes_a_fault_of_the_one_before_it_turns_none(form):
    reasons = "Text A uses jargon. This makes it hard to read. Text B is plain."

    assert_read(form.format(reasons))
    assert_read(exchanged(form).format(exchanged(reasons)), "A")
