"""Win rates of judged answers, items from files, and what a protected task may lose."""

import json
from random import Random

import pytest

from prefgen.errors import RecipeError
from prefgen.evaluation.items import read_items
from prefgen.evaluation.tasks import ItemOutcome, compare_outcomes, verdict
from prefgen.evaluation.winrate import Game, summarize_games, win_rate
from prefgen.types import Comparison, Prompt, Record, Response, Score
from tests.support.cli import prefgen
from tests.support.paths import ROOT

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
        record.replacing(scores=tuple(Score(response_id=r.id, aspect="a", value=v, scale=(1, 5), judge="points") for r, v in zip(record.responses, values, strict=False)))
        for record, values in zip(records, [(5, 1), (2, 4), (3, 3), (4,)], strict=True)
    ]  # fmt: skip

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
    """A judge that likes nothing but length: at equal length nobody wins; and one that likes quality alone is left as it is."""
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


def test_one_lost_item_is_not_beyond_doubt():
    assert not compare_outcomes("x", outcomes([1]), outcomes([0]), limit=1.0).failed
    assert compare_outcomes("x", outcomes([1] * 12), outcomes([0] * 12), limit=1.0).failed


def test_a_win_rate_from_a_run(tmp_path):
    done = prefgen("run", "winrate.yaml", "--out", str(tmp_path / "run"), "-q", "-y", cwd=ROOT / "pipelines")
    assert done.returncode == 0, done.stderr

    found = prefgen("eval", "win", "run", "--of", "trained", "--against", "base", "--json", cwd=tmp_path)
    shown = prefgen("eval", "win", "run", "--of", "trained", "--against", "base", cwd=tmp_path)
    wrong = prefgen("eval", "win", "run", "--of", "trained", "--against", "bass", cwd=tmp_path)

    rate = json.loads(found.stdout)
    assert rate["raw"]["low"] <= rate["raw"]["value"] <= rate["raw"]["high"]
    assert rate["raw"]["value"] > 0.5  # the planted skill is higher
    assert rate["simulated"]
    assert shown.stdout.startswith("SIMULATED")
    assert wrong.returncode == 2
    assert "no answer is of 'bass'" in wrong.stderr


def items_of(tmp_path, *rows, name="items.jsonl"):
    (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_items(tmp_path / name)


def test_items_of_every_form_are_read_as_one(tmp_path):
    items = items_of(
        tmp_path,
        {"prompt": "Be kind?", "corrects": ["Yes.", "Always."], "incorrects": ["No."], "category": "kind"},
        {"question": "A bird?", "choices": ["oak", "wren"], "answer": 1},
        {"question": "A bird?", "choices": ["oak", "wren"], "answer": "B"},
        {"question": "A bird?", "choices": {"text": ["oak", "wren"], "label": ["1", "2"]}, "answerKey": "2"},
        {"question": "A bird?", "choices": ["oak", "wren"], "answer": "wren"},
        {"input": "2+2?", "target_scores": {"5": 0, "4": 1}},
        {"prompt": [{"role": "user", "content": "Hi"}], "chosen": [{"role": "assistant", "content": "Hello"}], "rejected": [{"role": "assistant", "content": "Go"}]},
    )  # fmt: skip

    assert [sorted(item.right) for item in items] == [[0, 1], [1], [1], [1], [1], [1], [0]]
    assert items[0].category == "kind"
    assert items[1].choices[1][0]["content"] == "wren"
    assert len({item.id for item in items}) == len(items)  # the same item again is another one

    (tmp_path / "task.json").write_text(
        json.dumps({"name": "t", "examples": [{"input": "2+2?", "target_scores": {"5": 0, "4": 1}}]})
    )
    assert read_items(tmp_path / "task.json")[0].id == items[5].id
    (tmp_path / "numbers.json").write_text("[1, 2]")
    with pytest.raises(RecipeError, match="is no item|expected"):
        read_items(tmp_path / "numbers.json")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"question": "A?", "choices": ["x", "y"], "answer": 5}, "names no choice of 2"),
        ({"question": "A?", "choices": ["x", "y"], "answer": "zebra"}, "is none of the choices"),
        ({"question": "A?", "choices": ["x"], "answer": 0}, "needs a right and a wrong answer"),
        ({"prompt": "A?", "corrects": ["x"], "incorrects": []}, "found 1 answers of which 1 are right"),
        ({"text": "A?"}, "items.jsonl:1"),
        ({"question": "A?", "choices": ["x", ""], "answer": 0}, "an answer is ''"),
        ({"prompt": "A?", "corrects": "Yes", "incorrects": "No"}, "expected a list of answers, found 'Yes'"),
        ({"question": "A?", "choices": "AB", "answer": 0}, "expected a list of answers, found 'AB'"),
        ({"input": "A?", "target_scores": ["x", "y"]}, "target_scores is no"),
    ],
)
def test_what_is_no_item_is_told_with_its_place(tmp_path, row, says):
    with pytest.raises(RecipeError) as found:
        items_of(tmp_path, row)

    assert says in str(found.value)
    assert "items.jsonl:1" in str(found.value)


def test_the_shipped_questions_that_only_look_harmful():
    from prefgen.kit.templates import shipped

    items = read_items(shipped("prompts") / "evaluation" / "over_refusal.jsonl")

    assert len(items) == len({item.id for item in items}) == 40
    assert len({item.category for item in items}) == 10


def outcomes(right):
    return [ItemOutcome(str(i), float(value)) for i, value in enumerate(right)]


def test_a_task_fails_when_its_whole_interval_is_below_the_limit():
    before = outcomes([1] * 300)
    lost = compare_outcomes("maths", before, outcomes([0] * 30 + [1] * 270), limit=1.0)
    kept = compare_outcomes("words", before, outcomes([1] * 300), limit=1.0)
    few = compare_outcomes("few", outcomes([1] * 30), outcomes([0, *[1] * 29]), limit=1.0)

    assert lost.change[0] == pytest.approx(-10)
    assert lost.failed
    assert not kept.failed
    assert few.doubtful

    found = verdict([lost, kept])
    assert found.worst is lost
    assert found.mean == pytest.approx(-5)
    assert len(found.failed) == 1
    assert "limit 1" in found.failed[0]
    assert "cannot tell from chance" in verdict([few]).notes[0]
    assert verdict([compare_outcomes("x", before, before)]) is None  # nothing is protected


def test_many_small_losses_count_together():
    tasks = [
        compare_outcomes(f"t{i}", outcomes([1] * 60), outcomes([0, *[1] * 59]), limit=1.0) for i in range(6)
    ]

    assert not any(task.failed for task in tasks)
    assert "all protected tasks together lost 1.7 points" in verdict(tasks).failed[0]


def test_the_same_items_or_none():
    with pytest.raises(RecipeError, match="did not answer the same items"):
        compare_outcomes("x", outcomes([1, 1]), outcomes([1]))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("base",), "which tasks?"),
        (("base", "none.jsonl"), "there is no file 'none.jsonl'"),
        (("base", "--protect", "x.jsonl=lots"), "--protect wants TASK or TASK=POINTS"),
        (("base", "--protect", "x.jsonl"), "give --base"),
        (("base", "x.jsonl", "--scoring", "meen"), "Did you mean 'mean'"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, arguments, says):
    pytest.importorskip("torch", reason="torch is wanted first")

    done = prefgen("eval", "tasks", *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
