"""Win rates of one model's answers against another's, as any judge of a run saw them; raw, and with the
length of the answers taken out. (prefgen/evaluation/winrate.py)
"""

from random import Random

import numpy as np
import pytest

from prefgen.dataset.difficulty import PromptDifficulties
from prefgen.errors import RecipeError
from prefgen.evaluation.difficulty import MIN_MODELS_TO_NAME, Difficulty, difficulty_from_run
from prefgen.evaluation.winrate import Game, summarize_games, win_rate, win_rate_as_json
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
    assert not any("first place" in note for note in found.notes)


def scored(number, *rated):
    """A record on which `points` rated both answers: each of `rated` is (aspect, sample, places of both)."""
    record = a_record(number)
    scores = [
        Score(
            response_id=r.id, aspect=aspect, value=v, scale=(1, 5), judge="points", sample=sample, order=place
        )
        for aspect, sample, places in rated
        for r, v, place in zip(record.responses, (5, 2), places, strict=True)
    ]
    return record.replacing(scores=tuple(scores))


@pytest.mark.parametrize(
    ("rated", "is_said"),
    [
        ([("met", 0, (None, None))], False),  # a rule, or a reward: no place at all
        ([("help", 0, (0, 0))], False),  # one answer at a time
        ([("help", 0, (1, 0))], True),
        ([("help", 0, (1, 0)), ("help", 1, (0, 1))], False),
        ([("help", 0, (1, 0)), ("truth", 0, (0, 1))], True),  # each aspect in one order of its own
    ],
)
def test_a_preference_for_a_place_is_spoken_of_where_there_was_one(rated, is_said):
    found = win_rate([scored(i, *rated) for i in range(3)], **OF)

    assert any("first place is not taken out" in note for note in found.notes) is is_said


def test_comparisons_in_one_order_are_told_and_equal_texts_need_none():
    apart = a_record(1, (0, 0.9))
    same = [response.replacing(messages=apart.responses[0].messages) for response in apart.responses]

    told = win_rate([apart], **OF)
    equal = win_rate([apart.replacing(responses=tuple(same))], **OF)

    assert any("one order only" in note for note in told.notes)
    assert not any("one order only" in note for note in equal.notes)


def test_what_the_judges_of_a_jury_saw_is_what_it_saw():
    record = scored(1, ("help", 0, (1, 0)))
    rule = tuple(
        Score(response_id=r.id, aspect="met", value=1, scale=(0, 1), judge="rules") for r in record.responses
    )
    verdict = Comparison(
        first_id=record.responses[0].id, second_id=record.responses[1].id, probability=1, judge="all"
    )
    record = record.replacing(scores=(*record.scores, *rule), comparisons=(verdict,))

    listwise = win_rate([record], **OF, judge="all", members={"all": ("rules", "points.help")})
    rules = win_rate([record], **OF, judge="all", members={"all": ("rules",)})

    assert any("one order only" in note for note in listwise.notes)
    assert not any("one order only" in note for note in rules.notes)


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
    assert vain.equal_length[0] == pytest.approx(0.5, abs=0.1)
    assert any("length decides much" in note for note in vain.notes)
    assert fair.equal_length[0] == pytest.approx(0.7, abs=0.04)
    assert fair.equal_length[1] < 0.7 < fair.equal_length[2]


def test_one_who_always_wins_stays_finite():
    found = summarize_games([Game(str(i), 1.0, 5 if i % 2 else -5) for i in range(50)], **OF, judge="x")

    assert found.raw[0] == found.raw[2] == 1.0
    assert 0.9 < found.raw[1] < 1.0
    assert 0.99 < found.equal_length[0] <= 1


def test_equal_length_that_was_never_seen_is_not_known():
    rng = Random(0)
    games = [Game(str(i), float(rng.random() < 0.8), round(rng.gauss(196, 20))) for i in range(500)]

    found = summarize_games(games, **OF, judge="x")

    assert found.equal_length is None
    assert any("nothing is known of equal length" in note for note in found.notes)


def test_few_games_that_end_alike_are_not_beyond_doubt():
    assert summarize_games([Game("1", 1.0, 3)], **OF, judge="x").raw[1] < 0.5
    assert summarize_games([Game(str(i), 0.8, 0) for i in range(12)], **OF, judge="x").raw[1] < 0.8


def test_a_model_against_itself_and_judgments_that_all_failed():
    with pytest.raises(RecipeError, match="against itself"):
        win_rate([a_record(1, (0, 0.9))], of="new", against="new")
    with pytest.raises(RecipeError, match="no judgment is there"):
        win_rate([a_record(1, (0, 0.9)).replacing(comparisons=())], **OF)


def planted_games(models, prompts, seed=0):
    """({model: its games}, {model: its share at equal length}): where a prompt is easy to win, the answers
    are the longer ones.
    """
    rng = np.random.default_rng(seed)
    difficulty = 1.5 * rng.normal(size=prompts)
    played, truth = {}, {}
    for model in range(models):
        longer = rng.normal(60 * difficulty - 40, 100)
        base = rng.normal(-1, 0.8) + difficulty
        chance = 1 / (1 + np.exp(-(base + 1.5 * np.tanh(longer / longer.std()))))
        played[f"m{model}"] = [Game(str(i), chance[i], round(longer[i])) for i in range(prompts)]
        truth[f"m{model}"] = float((1 / (1 + np.exp(-base))).mean())
    return played, truth


def test_the_games_of_many_models_give_the_difficulty_that_length_hides_behind():
    played, truth = planted_games(MIN_MODELS_TO_NAME + 1, 120)
    games = played.pop("m0")

    known = difficulty_from_run(played, games)
    controlled = summarize_games(games, **OF, judge="x", difficulty=known)
    plain = summarize_games(games, **OF, judge="x")

    assert (known.source, known.models) == ("run", MIN_MODELS_TO_NAME)
    assert controlled.length_controlled[0] == pytest.approx(truth["m0"], abs=0.01)
    assert plain.length_controlled is None
    assert plain.equal_length[0] > truth["m0"] + 0.03


def test_few_models_give_none_and_some_do_not_make_it_length_controlled():
    played, _ = planted_games(9, 60)
    games = played.pop("m0")

    some = summarize_games(games, **OF, judge="x", difficulty=difficulty_from_run(played, games))
    few = difficulty_from_run({name: played[name] for name in ("m1", "m2")}, games)

    assert some.equal_length is not None
    assert some.length_controlled is None
    assert win_rate_as_json(some)["difficulty"] == {"source": "run", "models": 8, "prompts": 60}
    assert few is None
    assert difficulty_from_run({name: g[:20] for name, g in played.items()}, games) is None


def a_record_of_models(number, wins):
    prompt = Prompt.of(f"Question {number}?")
    responses = [Response.of(prompt, "an answer" + " more" * (number % 3), model="old")]
    responses += [Response.of(prompt, f"{m} says" + " so" * (number % 4), model=m) for m in wins]
    comparisons = tuple(
        Comparison(first_id=r.id, second_id=responses[0].id, probability=p, judge="better")
        for r, p in zip(responses[1:], wins.values(), strict=True)
    )
    return Record(prompt=prompt, responses=tuple(responses), comparisons=comparisons)


def test_a_run_of_several_models_is_fitted_and_a_file_stands_above_it():
    rng = Random(1)
    records = [a_record_of_models(i, {f"m{m}": rng.random() for m in range(9)}) for i in range(24)]
    ids = [record.prompt.id for record in records]
    file = PromptDifficulties("d.csv", {i: rng.gauss(0, 1) for i in ids[:20]}, {})
    fewer = PromptDifficulties("d.csv", dict.fromkeys(ids[:9], 1.0), {})

    fitted = win_rate(records, of="m0", against="old")
    given = win_rate(records, of="m0", against="old", difficulties=file)

    assert (fitted.difficulty.source, fitted.difficulty.models) == ("run", 8)
    assert set(fitted.difficulty.values) == set(ids)
    assert given.difficulty == Difficulty("file", file.by_id)
    assert given.length_controlled == given.equal_length
    assert any("4 prompts have no difficulty" in note for note in given.notes)
    assert given.raw == fitted.raw
    with pytest.raises(RecipeError, match=r"d\.csv: knows the difficulty of 9 of 24 prompts"):
        win_rate(records, of="m0", against="old", difficulties=fewer)


def test_without_difficulty_it_is_said_and_a_prior_moves_a_fit_that_is_in_doubt():
    rng = Random(0)
    games = [Game(str(i), float(rng.random() < 0.05), round(rng.gauss(-150, 200))) for i in range(200)]

    plain = summarize_games(games, **OF, judge="x")
    expecting = summarize_games(games, **OF, judge="x", expected_effect=1.4)

    assert plain.length_controlled is expecting.length_controlled is None
    assert any("the difficulty of the prompts is not known" in note for note in plain.notes)
    assert expecting.equal_length[0] > plain.equal_length[0] + 0.01
    assert win_rate_as_json(expecting)["expected_effect"] == 1.4
