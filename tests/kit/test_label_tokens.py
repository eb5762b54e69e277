"""Labels by log-probabilities: what is stepped over, what is followed, and what is no label.
(prefgen/kit/label_tokens.py)
"""

import math
from itertools import product

import pytest

from prefgen.kit.label_tokens import label_probabilities_in
from prefgen.kit.parse_failure import ParseFailure
from prefgen.types import Reply, TokenChoice, TokenLogprob
from tests.support.judges import odds

RATINGS = [str(number) for number in range(1, 11)]


def places(*tops: dict[str, float]) -> Reply:
    """A reply of several tokens, each with its alternatives; the first is the one that was written."""
    made = []
    for top in tops:
        choices = tuple(
            TokenChoice(token=token, logprob=math.log(p) if p else -math.inf) for token, p in top.items()
        )
        made.append(TokenLogprob(token=choices[0].token, logprob=choices[0].logprob, top=choices))
    return Reply(text="".join(place.token for place in made), logprobs=tuple(made))


def test_two_labels_are_normalised_against_each_other():
    assert label_probabilities_in(odds(A=0.6, B=0.2, The=0.1), ("A", "B")) == pytest.approx([0.75, 0.25])
    assert label_probabilities_in(Reply(text="A"), ("A", "B")) is None


def test_spellings_of_a_label_count_together():
    top = {"A": 0.3, " A": 0.2, "(B": 0.25, "b": 0.25}
    assert label_probabilities_in(odds(**top), ("A", "B")) == pytest.approx([0.5, 0.5])
    pieces = {"\u2581A": 0.3, "\u0120A": 0.3, "\u2581B": 0.2}
    assert label_probabilities_in(odds(**pieces), ("A", "B")) == pytest.approx([0.75, 0.25])


def test_a_label_that_is_not_among_the_alternatives_has_no_more_than_what_is_left():
    [first, second] = label_probabilities_in(odds(A=0.9, The=0.06), ("A", "B"))

    assert second == pytest.approx(0.04 / 0.94)
    assert first > second > 0


def test_an_alternative_without_any_probability_is_nearly_none():
    [first, second] = label_probabilities_in(places({"A": 1.0, "B": 0.0}), ("A", "B"))
    assert first == pytest.approx(1) and 0 < second < 1e-6


@pytest.mark.parametrize(
    "before",
    [
        [{"(": 0.98, "B": 0.01, "A": 0.0002}],
        [{"**": 0.75, "A": 0.17, "B": 0.06}],
        [{"\n": 0.7, "A": 0.25, "B": 0.05}],
        [{"Text": 0.97, "A": 0.01}],
        [{"Answer": 0.98, "A": 0.01}, {":": 1.0}],
        [{"The": 0.9, "A": 0.05}, {" better": 1.0}, {" text": 1.0}, {" is": 1.0}],
    ],
)
def test_what_is_written_before_a_label_is_stepped_over(before):
    reply = places(*before, {" B": 0.9, " A": 0.1})
    assert label_probabilities_in(reply, ("A", "B")) == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    "tops",
    [
        [{"I": 0.99, "B": 1e-5, "A": 1e-6}, {" cannot": 0.9, " A": 0.05}],
        [{"Neither": 0.9, "Both": 0.05}],
        [{"It": 0.9, "A": 0.05}, {" is": 1.0}, {" A": 0.9, " B": 0.1}],
        [{"**": 1.0}],
        [{"A": 0.9, "B": 0.1}, {":": 1.0}, {" bad": 1.0}],
        [{"A": 0.9, "B": 0.1}, {" or": 1.0}, {" B": 1.0}],
        [{"Not": 0.5, "A": 0.3, "B": 0.05}, {" A": 0.9}],
    ],
)
def test_labels_among_other_words_are_no_answer(tops):
    with pytest.raises(ParseFailure):
        label_probabilities_in(places(*tops), ("A", "B"))


def test_ten_in_two_tokens_is_followed_into_the_next_place():
    """Qwen, Gemma, Mistral and DeepSeek write 10 so: the best answer had the worst score."""
    superb = places({"1": 0.90, "9": 0.08, "8": 0.02}, {"0": 0.99, "<eos>": 0.01})

    probabilities = label_probabilities_in(superb, RATINGS)

    assert probabilities[9] == pytest.approx(0.9 * 0.99, abs=1e-6)
    assert probabilities[0] == pytest.approx(0.9 * 0.01, abs=1e-6)
    one = places({"1": 0.90, "2": 0.1}, {"<eos>": 0.99, "0": 0.01})
    assert label_probabilities_in(one, RATINGS)[0] == pytest.approx(0.891, abs=1e-6)


def test_ten_of_one_token_leaves_one_what_it_is():
    probabilities = label_probabilities_in(places({"10": 0.6, "1": 0.3, "9": 0.1}), RATINGS)
    assert [probabilities[0], probabilities[8], probabilities[9]] == pytest.approx([0.3, 0.1, 0.6], abs=1e-6)


def test_a_one_that_was_not_written_and_may_have_been_a_ten_is_unread_unless_it_is_small():
    with pytest.raises(ParseFailure, match="cannot tell 1 from 10"):
        label_probabilities_in(places({"9": 0.6, "1": 0.4}, {"<eos>": 1.0}), RATINGS)
    small = label_probabilities_in(places({"9": 0.99, "1": 0.01}, {"<eos>": 1.0}), RATINGS)
    assert small[8] == pytest.approx(0.99, abs=1e-3)


def test_the_followed_rating_is_that_of_the_whole_tree_of_tokens():
    """Against a model of two places, summed over by hand: any split of 1 and 10."""
    for first, zero in product((0.2, 0.5, 0.9), (0.0, 0.3, 1.0)):
        reply = places({"1": first, "2": 1 - first}, {"0": zero, "<eos>": 1 - zero})
        if first < 0.5:
            continue  # the server would have written 2
        probabilities = label_probabilities_in(reply, RATINGS)
        mean = sum(number * p for number, p in enumerate(probabilities, 1))
        assert mean == pytest.approx(first * zero * 10 + first * (1 - zero) + (1 - first) * 2, abs=1e-4)


@pytest.mark.parametrize(
    "tops", [[{"1": 0.9}, {".": 1.0}, {"5": 1.0}], [{"4": 0.9}, {"5": 1.0}], [{"-": 1.0}, {"1": 0.9}]]
)
def test_a_part_of_another_number_is_no_rating(tops):
    with pytest.raises(ParseFailure):
        label_probabilities_in(places(*tops), RATINGS)
