"""What an answer comes to, and whether that is right. (prefgen/text/final_answer.py)"""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.text.final_answer import answer_of, check_answer, why_no_answer, why_no_mathematics
from prefgen.text.quantities import parse_quantity, without_thin_spaces


def is_right(text, reference):
    return check_answer(text, [reference], "number", 1e-6)[0]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("So x = 3.\nThe answer is 1,234.5.", "1234.5"),
        (r"Thus \boxed{\frac{3}{4}}", "3/4"),
        (r"\boxed{0.5}", r"\frac12"),
        (r"\boxed{\dfrac{1}{2}}", "0.5"),
        ("It is 42.", "42"),
        ("-2", "-2"),
        ("1e5", "100000"),
        (r"3\frac{1}{2}", "3 1/2"),
        ("3 / 4", "0.75"),
        ("$18", "18"),
        ("#### 1,234", "1234"),
        ("x = 5", "5"),
        ("The total is **$1,200.50**.", "1200.5"),
        ("The answer is 12 apples, since 3*4=12 and 5 were eaten", "12"),
        ("The answer is 50%", "0.5"),
        ("5 km", "5 km"),
        ("5 km/h", "5"),
    ],
)
def test_a_number_that_is_the_whole_answer_is_compared(text, reference):
    assert is_right(text, reference) is True
    assert is_right(text, "-77") is not True


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (r"So it is \boxed{\sqrt{2}}", "2"),
        (r"The answer is $2\pi$", "2"),
        (r"\boxed{x^2}", "2"),
        (r"\boxed{\frac{\sqrt{3}}{2}}", "2"),
        ("The answer is 3:45", "45"),
        (r"\boxed{(1,2)}", "2"),
        ("12,5", "12.5"),
        ("first 5, then 7", "7"),
        ("7-3", "3"),
        ("Answer: 5 or 6", "6"),
        ("about 1e5", "100000"),
        ("The answer is not 42", "42"),
        ("It was 3 in 1999", "1999"),
        ("The answer is " + "9" * 400, "9"),
        (r"\frac{1}{0}", "1"),
        ("1e999999", "1"),
        ("No idea.", "42"),
        ("", "42"),
        ("The answer is 50%", "50"),
        ("5 km", "5 m"),
        ("The answer is 42? No, it is 43.", "42"),
        ("The answer is 42.\nWait, it is 43.", "42"),
        ("The answer is 42.\n\nCorrection: 43", "42"),
        (r"First \boxed{41}. The answer is 42", "42"),
        (r"The answer is \boxed{42}. Not \boxed{41}.", "41"),
        ("x >= 42", "42"),
        ("x != 42", "42"),
        ("It is wrong that the total is 42", "42"),
        ("I'm not sure it is 42", "42"),
        ("x = 3, y = 4", "4"),
        ("The answer is x = 3 or x = 4", "4"),
        ("Ratio: 3 : 4", "4"),
        ("Confidence: 95", "95"),
        ("5 million", "5"),
        ("5k", "5"),
        ("5 hundred", "5"),
        ("3 dozen", "36"),
        ("2 pi", "2"),
        ("3x", "3"),
        ("5 squared", "5"),
        ("42 or more", "42"),
        ("5 minus one", "5"),
        ("3 fifths", "3"),
        ("- 42", "-42"),
    ],
)
def test_what_is_no_number_alone_is_unread(text, reference):
    assert is_right(text, reference) is None


def test_a_number_that_is_wrong_is_wrong():
    assert is_right("It is 41.", "42") is False
    assert is_right("The answer is 43.", "42") is False
    assert is_right("5%", "7") is False
    assert is_right("1000001", "1000000") is False
    assert is_right("0", "1e-7") is False


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("The answer is **Paris**.", "Paris"),
        (r"\boxed{\text{Paris}}", "Paris"),
        ('The answer is "Paris".', "paris"),
        ("Answer: (B)", "B"),
        ("U.S.", "U.S."),
        ("__init__", "__init__"),
    ],
)
def test_an_exact_answer_is_compared_without_the_marks_around_it(text, reference):
    assert check_answer(text, [reference], "exact", 0)[0] is True
    assert check_answer(text, ["Rome"], "exact", 0)[0] is False


def test_what_an_answer_ends_in():
    assert answer_of("We reason.\n\n**Answer: Paris.**") == "Paris"
    assert answer_of(r"so \boxed{x^{2}+1} holds") == "x^{2}+1"
    assert answer_of(r"\boxed{\frac{\sqrt{3}}{2}}") == r"\frac{\sqrt{3}}{2}"
    assert answer_of("") == ""


@given(st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=1000))
def test_a_number_is_read_as_it_was_written(number):
    spelled = (
        f"{number.numerator}/{number.denominator}" if number.denominator > 1 else f"{number.numerator:,}"
    )

    quantity = parse_quantity(spelled)

    assert quantity is not None
    assert quantity.value == Fraction(number)


@given(st.text(alphabet="0123456789.,/-+ $%\\{}frac()eE=km", max_size=30))
def test_any_text_is_a_number_or_none(text):
    quantity = parse_quantity(text)

    assert quantity is None or isinstance(quantity.value, Fraction)


@pytest.mark.parametrize(
    ("text", "reference", "is_right"),
    [
        ("The answer is B) Paris", "B", True),
        ("Answer: B. Paris", "B", True),
        ("**B. Paris**", "B", True),
        ("The correct answer is (B) Paris.", "B", True),
        ("The answer is option B.", "B", True),
        ("The answer is B because it is right", "B", True),
        ("The answer is C) Rome", "B", False),
        ("Paris", "B", None),
        ("A dog", "B", None),
        ("It’s", "It's", True),
        ("The answer is Paris, France.", "Paris", None),
        ("The answer is not Paris.", "Paris", None),
        ("Rome", "Paris", False),
    ],
)
def test_an_answer_that_is_not_certainly_another_one_is_not_wrong(text, reference, is_right):
    assert check_answer(text, [reference], "exact", 0)[0] is is_right


@pytest.mark.parametrize(
    ("answer", "reference", "reason"),
    [
        ("101_2", "101", "base"), ("5 cm", "5 m", "unit"), ("5, not 6", "5", "take its answer back"),
        ("x^2", "x^2", None), ("5 m", "5 m", None),
    ],
)  # fmt: skip
def test_mathematics_is_compared_where_it_is_of_one_kind(answer, reference, reason):
    found = why_no_mathematics(answer, [reference])
    assert reason in found if reason else found is None


def test_thin_spaces_are_no_part_of_a_number():
    assert without_thin_spaces(r"10\,000") == without_thin_spaces("10{,}000") == "10000"


def exact(text, reference):
    return check_answer(text, [reference], "exact", 1e-6)[0]


@pytest.mark.parametrize(
    "text", ["**Answer:**\n\nParis", "The answer is:\n\nParis\n", "Answer:\n\nParis\n\nThanks!"]
)
def test_a_statement_without_a_value_takes_the_next_line(text):
    assert exact(text, "Paris") is True
    assert is_right(text.replace("Paris", "42"), "42") is True
    assert answer_of(text.replace("Paris", "42")) == "42"


@pytest.mark.parametrize(
    "text",
    [
        "Paris\n\nLet me know if you have questions!",
        "Paris is the capital.\n\nHope this helps!",
        "The capital is Paris.\n\nIt lies on the Seine.",
        "Paris\n\n---",
        "Answer:\n\nIt is well known.\n\nParis",
    ],
)
def test_an_answer_of_several_lines_that_holds_the_reference_is_not_wrong(text):
    assert exact(text, "Paris") is None
    assert exact(text, "Rome") is False


@pytest.mark.parametrize(
    "text",
    [
        "Answer: A, C",
        "(B) or (C)",
        "(B) and (C)",
        "The answer is B, C, or D",
        "B, but maybe C",
        r"\boxed{B, C}",
        "A) is wrong, so it must be B.",
        "A: incorrect. B: correct.",
        "A, no wait: B",
        "I, for one, choose B",
        "b) or c",
    ],
)
@pytest.mark.parametrize("reference", ["A", "B", "C"])
def test_an_option_beside_another_one_or_beside_a_doubt_is_undecided(text, reference):
    assert exact(text, reference) is None


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("The correct option is B", True), ("B) A dog", True), ("B) I think so", True), ("C) It is so", False)],
)
def test_one_option_is_read(text, is_right):
    assert exact(text, "B") is is_right


@pytest.mark.parametrize(("text", "reference"), [("3²", "32"), ("2⁵", "25"), ("H₂", "H2")])
def test_what_stands_above_or_below_the_line_is_no_digit_of_it(text, reference):
    assert exact(text, reference) is False


@pytest.mark.parametrize(
    "text",
    [
        "The farmer makes $18.\n\nShe had 16 eggs.", "18.\n\nShe has 9 eggs.",
        "**18**\n\nThere were 16 eggs.",
        "She earns 18 dollars.\n\nIt takes 2 days.", "x = 18\n\nHence y = 3.",
        "She earns $18.00!\nShe had 9 eggs.",
        "**Total: 18 dollars**\n\nThere were 16 eggs.", "18\n\nShe counts 3 days.\n\nThere were 9 eggs.",
    ],
)  # fmt: skip
def test_a_last_line_behind_one_that_ends_on_the_reference_is_no_wrong_answer(text):
    assert check_answer(text, ["18"], "number", 1e-6)[0] is None


@pytest.mark.parametrize(
    "text",
    [
        "She has 9 eggs.\n\nSo she makes 20 dollars.", "20", "She had 18 eggs, and 3 broke.\n\nSo 15.",
        "18\nThe answer is 16.", "18\n\\boxed{16}", "It takes 9.\n\n20",
    ],
)  # fmt: skip
def test_a_last_line_or_a_stated_answer_that_differs_is_wrong(text):
    assert check_answer(text, ["18"], "number", 1e-6)[0] is False


OF_NOBODY = [
    "The answer is not \\boxed{18}.",
    "It can't be \\boxed{18}.",
    "Not \\boxed{18}",
    "\\boxed{18}?",
    "If x>0: \\boxed{18}",
    "\\boxed{18}\n\nHmm, that can't be right.",
    "\\boxed{18}\n\nBut the tax makes it 20.",
    "\\boxed{18}\n\nThis contradicts the assumption.",
    "One would expect \\boxed{18}, but that is false.",
    "I don't think the answer is 18.",
    "It is false that the answer is 18.",
    "We cannot conclude that the answer is 18.",
    "This does not mean that the answer is 18.",
    "I doubt that the answer is 18.",
    "You might think the answer is 18.",
    "Many students believe that the answer is 18.",
    "I used to think the answer is 18.",
    "The book says that the answer is 18.",
    "Suppose that the answer is 18.",
    "If x > 0, then the answer is 18.",
    "Had she eaten none, the answer is 18.",
    "Maybe, the answer is 18.",
    "Bob claims that the answer is 18.",
    "So it may be \\boxed{18}.",
    "Hence x cannot possibly be $\\boxed{18}$.",
    "Thus $x \\neq \\boxed{18}$.",
    "It isn’t true that the answer is 18.",
    "Unless it rains, the answer is 18.",
    "Let us check that the answer is 18.",
    "\\boxed{18}\n\nHowever, the tax is missing.",
    "\\boxed{18}\n\nWith tax: 20",
    "\\boxed{18}\n\nThe total with tax is 20 dollars.",
    "#### 18\n#### 20",
    "<answer>I don't think the answer is 18.</answer>",
    "The answer is 18.\n\nCheck: 9*2 = 20.",
    "The answer is 18.\n\nCheck: it should be 18.",
    "\\[\\text{It is not }\\boxed{18}\\]",
    "A common mistake is \\boxed{18}.",
    "The tempting answer would be \\boxed{18}.",
    "I don't believe that it is \\boxed{18}.",
    "We cannot really say that x is \\boxed{18}.",
    "I refuse to say \\boxed{18}.",
    "The answer differs from \\boxed{18}.",
    "It is not <answer>18</answer>",
    "I would not write <answer>18</answer>",
    "The wrong one is <answer>18</answer>",
    "The student wrote <answer>18</answer>",
    "Example: <answer>18</answer>",
    "Use the format\n<answer>18</answer> is wrong, for instance:\n<answer>18</answer>",
    "Not sure, a guess: <answer>18</answer>",
    "If x=2: <answer>18</answer>",
    "<answer>17</answer>\n<answer>18</answer>",
    "#### 20\n<answer>18</answer>",
    "The answer is 17. <answer>18</answer>",
    "\\boxed{17} <answer>18</answer>",
    "\\boxed{20}\n\n<final_answer>18</final_answer>",
]


@pytest.mark.parametrize("text", OF_NOBODY)
@pytest.mark.parametrize("reference", ["18", "20"])
def test_an_answer_that_is_denied_supposed_or_anothers_is_none(text, reference):
    assert is_right(text, reference) is None
    assert answer_of(text) is None


@pytest.mark.parametrize(
    "text", [text for text in OF_NOBODY if "answer is 18." in text and "Check:" not in text]
)
def test_so_is_one_in_words(text):
    assert exact(text.replace("18", "Paris"), "Paris") is None


@pytest.mark.parametrize(
    "text",
    [
        "I think the answer is 18.",
        "So we conclude that the answer is 18.",
        "This means that the answer is 18.",
        "Well, the answer is 18.",
        "Since x is not negative, the answer is 18.",
        "If we add nothing, it is 9, so the answer is 18.",
        "Suppose she eats none. Then the answer is 18.",
        "If each costs 2, she makes \\boxed{18} dollars.",
        "The number of orders in which it is not first is \\boxed{18}.",
        "Thus the only false statement is number \\boxed{18}.",
        "Kim could buy \\boxed{18} oranges.",
        "It is not 16. So it is \\boxed{18}.",
        "\\boxed{18}\n\nTherefore, Janet makes 18 dollars.",
        "\\boxed{18}, achieved for all $x$ from $8$ to $12$.",
        "\\boxed{18}. Note that $x = 3$ is possible.",
        "Answer: 18\n\nCheck: 16 - 3 - 4 = 9, 9 * 2 = 18. Correct.",
        "Answer: 18\n\nLet me verify: 9*2=18 ✓",
        "The answer is 18.\n\nTo check: 36 / 2 = 18.",
        "<answer>18</answer>",
        "It is 9 * 2.\n<answer>\n18\n</answer>",
        "<answer>The answer is 18.</answer>",
        "The answer is 18 apples.\n<answer>18</answer>",
        "The answer is found by adding 9 and 9.\n<answer>18</answer>",
        "So the answer is <answer>18</answer>",
        "We verify that 9 * 2 = 18\n\n<answer>18</answer>",
        "It is not 17, so it is <answer>18</answer>",
        "Final:\n<answer>18</answer>",
        "\\boxed{18}\n<answer>18</answer>",
        "The relative error is \\boxed{18}",
        "The number of wrong answers is \\boxed{18}.",
        "The most common number is \\boxed{18}",
        "Answer: 18 (rounded)",
        "\\boxed{18^\\circ}",
        "#### 18\n#### 18",
        "#### Step 1\nDouble it.\n#### Step 2\nDone.\n\n#### 18",
        "#### 1. First\nDouble it.\n\nThe answer is 18.",
    ],
)
def test_an_answer_of_whoever_writes_is_read(text):
    assert is_right(text, "18") is True


@pytest.mark.parametrize(
    ("before", "is_right"),
    [("The answer is London.", None), ("The answer is Paris, France.", True), ("I thought of London.", True)],
)
def test_words_between_tags_are_read_where_no_others_are_stated_before(before, is_right):
    assert exact(f"{before}\n<answer>Paris</answer>", "Paris") is is_right


def test_a_rounded_answer_is_not_certainly_another():
    assert is_right("Answer: 18 (rounded)", "17.8") is None


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 18" + "." * 30_000,
        "\\boxed{18}" + " but" * 10_000,
        "\\boxed{18}\n" + ": 1" * 20_000,
        "<answer>" * 10_000,
        "<answer>17</answer> " * 2_000,
        "I don't say " * 5_000 + "<answer>18</answer>",
        "that " * 20_000 + "the answer is 18",
        "\\boxed{18}\nCheck" + " 18" * 20_000 + "x",
        "The answer is 18" + " " * 30_000 + "y",
        "x" + "\t" * 30_000 + "y",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_an_answer_that_runs_away_is_read_in_no_time(text):
    began = time.perf_counter()
    answer_of(text)
    check_answer(text, ["18"], "number", 0)
    check_answer(text, ["eighteen"], "exact", 0)

    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        "Some would say <answer>18</answer>", "Many people write <answer>18</answer>",
        "The student's answer: <answer>18</answer>", "Tom's first guess: <answer>18</answer>",
    ],
)  # fmt: skip
def test_a_tag_of_somebody_else_is_no_answer(text):
    assert why_no_answer(text)


@pytest.mark.parametrize(
    "text",
    [
        "I would say <answer>18</answer>", "Final answer: <answer>18</answer>", "Answer: <answer>18</answer>",
        "We do not write the sign and get \\boxed{18}", "You might not believe it but it's \\boxed{18}",
        "The answer is not 17.\n<answer>18</answer>",
    ],
)  # fmt: skip
def test_an_answer_of_ones_own_is_read(text):
    assert answer_of(text) == "18"


def test_an_option_in_words_and_its_letter_between_tags_are_one_answer():
    assert answer_of("The answer is Paris.\n<answer>B</answer>") == "B"
    assert answer_of("The answer is not Lyon.\n<answer>Paris</answer>") == "Paris"
    assert answer_of("The answer is A.\n<answer>B</answer>") is None
    assert answer_of("The answer is Lyon.\n<answer>Paris</answer>") is None
