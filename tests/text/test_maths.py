"""Whether two mathematical answers are the same. (prefgen/text/maths.py)"""

import time

import pytest

from prefgen.text.maths import MathsWorker


@pytest.fixture(scope="module")
def worker():
    pytest.importorskip("math_verify")
    worker = MathsWorker(seconds=3)
    yield worker
    worker.close()


@pytest.mark.parametrize(
    ("answer", "reference", "outcome"),
    [
        (r"\frac{\sqrt{3}}{2}", r"\frac{\sqrt{3}}{2}", True),
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        ("10^{6}", "1000000", True),
        ("x+1", "1+x", True),
        (r"\{1,2\}", r"\{2,1\}", True),
        (r"$0.5$", r"\frac12", True),
        ("(1,2)", "(1, 2)", True),
        (r"\sqrt{2}", "2", False),
        (r"2\pi", "2", False),
        ("x^2", "2", False),
        ("(1,2)", "2", False),
        ("3:45", "45", False),
        ("", "2", None),
        ("no idea", "2", None),
        ("2" * 2000, "2", None),
    ],
)
def test_expressions_are_compared_by_what_they_mean(worker, answer, reference, outcome):
    assert worker.is_same(answer, [reference]) is outcome


def test_one_of_several_references_is_enough(worker):
    assert worker.is_same("1/3", ["0.5", r"\frac{1}{3}"]) is True


def test_an_answer_that_takes_for_ever_is_not_decided_and_the_next_one_is(worker):
    started = time.monotonic()

    outcome = worker.is_same("9^{9^{9^{9^{9}}}}", ["2^{7^{7^{7^{7}}}}"])

    assert outcome in (None, False)
    assert time.monotonic() - started < 20
    assert worker.is_same("2", ["2"]) is True
