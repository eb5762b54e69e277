"""Win rates of one model's answers against another's, as any judge of a run saw them; raw, and with the
length of the answers taken out. (prefgen/evaluation/winrate.py)
"""

from random import Random

import pytest

from prefgen.errors import RecipeError
from prefgen.evaluation.winrate import Game, summarize_games, win_rate
from prefgen.types import Comparison, Prompt, Record, Response, Score

OF = {"of": "new", "against": "old"}


def a_record(number, *judged):
    prompt = Prompt.of(f"Question {number}?")
    responses = tuple(
        Response.of(prompt, text, model=model)
        for model, text in (("new", "a longer answer"), ("old", "an answer"))
    )
    comparisons = tuple(
        Comparison(first_id=responses[i].id, second_id=responses[1 - i].id, probability=p, judge="better")
        for i, p in judged
    )
    return Record(prompt=prompt, responses=responses, comparisons=comparisons)


def test_both_orders_are_averaged_and_their_agreement_is_told():
    records = [
        a_record(1, (0, 0.9), (1, 0.3)),
        a_record(2, (0, 0.8), (1, 0.9)),
        a_record(3, (0, 0.5), (1, 0.5)),
    ]

    found = win_rate(records, **OF)

    assert found.raw[0] == pytest.approx(((0.9 + 0.7) / 2 + (0.8 + 0.1) / 2 + 0.5) / 3)
    assert (found.wins, found.ties, found.losses) == (1, 1, 1)
    assert found.consistent == pytest.approx(1 / 3)  # a tie is no winner


def test_scores_say_who_won_and_missing_ones_are_not_counted_as_lost():
    records = [a_record(i) for i in range(4)]
    scored = [
        record.replacing(
            scores=tuple(
                Score(response_id=r.id, aspect="a", value=v, scale=(1, 5), judge="points")
                for r, v in zip(record.responses, values, strict=False)
            )
        )
        for record, values in zip(records, [(5, 1), (2, 4), (3, 3), (4,)], strict=True)
    ]

    found = win_rate(scored, **OF)

    assert (found.prompts, found.unjudged, found.raw[0]) == (3, 1, 0.5)
    assert any("1 prompts are not counted" in note for note in found.notes)
    assert any("one order only" in note for note in found.notes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"of": "newer", "against": "old"}, "no answer is of 'newer'; there are answers of new, old"),
        ({**OF, "judge": "bettr"}, "no judge 'bettr' judged; there are better"),
    ],
)
def test_names_that_are_not_there(options, says):
    with pytest.raises(RecipeError, match=says):
        win_rate([a_record(1, (0, 0.9))], **options)


def test_length_is_taken_out():
    """A judge that likes nothing but length: at equal length nobody wins; and one that likes quality alone is
    left as it is.
    """
    rng = Random(0)
    lengths = [round(rng.gauss(150, 200)) for _ in range(800)]
    by_length = [Game(str(i), float(d > 0), d) for i, d in enumerate(lengths)]
    by_quality = [Game(str(i), float(rng.random() < 0.7), d) for i, d in enumerate(lengths)]

    vain, fair = summarize_games(by_length, **OF, judge="x"), summarize_games(by_quality, **OF, judge="x")

    assert vain.raw[0] > 0.7
    assert vain.length_controlled[0] == pytest.approx(0.5, abs=0.1)
    assert any("length decides much" in note for note in vain.notes)
    assert fair.length_controlled[0] == pytest.approx(0.7, abs=0.04)
    assert fair.length_controlled[1] < 0.7 < fair.length_controlled[2]


def test_one_who_always_wins_stays_finite():
    found = summarize_games([Game(str(i), 1.0, 5 if i % 2 else -5) for i in range(50)], **OF, judge="x")

    assert found.raw[0] == found.raw[2] == 1.0
    assert 0.9 < found.raw[1] < 1.0
    assert 0.99 < found.length_controlled[0] <= 1


def test_equal_length_that_was_never_seen_is_not_known():
    rng = Random(0)
    games = [Game(str(i), float(rng.random() < 0.8), round(rng.gauss(196, 20))) for i in range(500)]

    found = summarize_games(games, **OF, judge="x")

    assert found.length_controlled is None
    assert any("nothing is known of equal length" in note for note in found.notes)


def test_few_games_that_end_alike_are_not_beyond_doubt():
    assert summarize_games([Game("1", 1.0, 3)], **OF, judge="x").raw[1] < 0.5
    assert summarize_games([Game(str(i), 0.8, 0) for i in range(12)], **OF, judge="x").raw[1] < 0.8


def test_a_model_against_itself_and_judgments_that_all_failed():
    with pytest.raises(RecipeError, match="against itself"):
        win_rate([a_record(1, (0, 0.9))], of="new", against="new")
    with pytest.raises(RecipeError, match="no judgment is there"):
        win_rate([a_record(1, (0, 0.9)).replacing(comparisons=())], **OF)
