"""`prefgen check`: every invariant is broken once and found; what peers were seen to publish is found too."""

import json
from random import Random

import pytest

from prefgen.dataset.check import check_rows
from tests.support.recipes import a_recipe, run

PROMPT = [{"role": "user", "content": "Q"}]


def said(text):
    return [{"role": "assistant", "content": text}]


def a_row(chosen="good", rejected="bad", **more):
    row = {
        "prompt": PROMPT,
        "chosen": said(chosen),
        "rejected": said(rejected),
        "source": "s",
        "license": "unknown",
        "chosen_model": "a",
        "rejected_model": "b",
        "score_chosen": 4.0,
        "score_rejected": 2.0,
        "margin": 2.0,
        "tie": False,
        "rule": "r",
    }
    return {**row, **more}


def broken(*rows, **options):
    return set(check_rows(((f"row {i}", r) for i, r in enumerate(rows)), **options).findings)


def test_a_sound_pair_passes():
    assert broken(a_row()) == set()


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (a_row("Same  Text", "same text"), "same"),
        (a_row("", "bad"), "empty"),
        (a_row("good", "  "), "empty"),
        ({"prompt": "Q"}, "form"),
        (a_row(chosen_model=None), "unknown"),
        (a_row(source=""), "unknown"),
        (a_row(prompt=[*PROMPT, *said("already answered")]), "turns"),
        (a_row(prompt=[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]), "turns"),
        (a_row(prompt=[{"role": "narrator", "content": "a"}, *PROMPT]), "turns"),
        (a_row() | {"chosen": [{"role": "user", "content": "x"}]}, "turns"),
        (a_row(score_chosen=float("nan")), "scores"),
        (a_row(score_chosen=float("inf")), "scores"),
        (a_row(score_chosen=1.0, margin=-1.0), "scores"),
        (a_row(score_chosen=None), "scores"),
        (a_row(margin=3.0), "scores"),
        (a_row(chosen_probability=1.2), "scores"),
        (a_row(chosen_probability=2), "scores"),
        (a_row(score_chosen=2.0, margin=0.0), "tie"),
        (a_row(chosen_finish="length", rejected_finish="stop"), "truncated"),
        (a_row("fine <|im_end|>"), "leak"),
        (a_row("fine", "[INST] bad"), "leak"),
        (a_row("<text 1>\nfine\n</text 1>"), "leak"),
        (a_row("Rating: 5\nfine"), "leak"),
        (a_row("<think>hm</think> fine"), "leak"),
    ],
)
def test_each_broken_row_is_found(row, rule):
    assert broken(row) == {rule}


def test_what_a_row_declares_is_allowed():
    assert broken(a_row("<think>hm</think> fine", "<think>so</think> bad", reasoning="kept")) == set()
    assert broken(a_row("<think>hm</think> fine", reasoning="kept")) == {"format"}
    assert broken(a_row("<think>hm</think> fine", reasoning="kept"), allow=("format",)) == set()
    assert broken(a_row(score_chosen=2.0, margin=0.0, tie=True)) == set()
    assert broken(a_row(chosen_finish="length", rejected_finish="length")) == set()
    assert broken(a_row(chosen_finish="length", rejected_finish="stop"), allow=("truncated",)) == set()


def test_contradictions_cycles_and_repetitions_are_found():
    assert broken(a_row("x", "y"), a_row("y", "x")) == {"contradiction"}
    assert broken(a_row("x", "y"), a_row("y", "z"), a_row("z", "x")) == {"contradiction"}
    assert broken(a_row("x", "y"), a_row("x", "y")) == {"twice"}
    assert broken(a_row("x", "y"), a_row("y", "x", rule="another")) == set()


def test_splits_that_share_a_prompt_are_found():
    assert broken(a_row("x", "y", split="train"), a_row("a", "b", split="test")) == {"splits"}


def test_splits_that_share_nearly_the_same_prompt_are_found():
    asked = (
        "Explain to a new gardener why tomatoes split after rain, what helps against it, and what to do "
        "with split fruit before it spoils, in a kitchen without a freezer and with little time."
    )

    def row(text, split):
        return a_row("x", "y", split=split, prompt=[{"role": "user", "content": text}])

    report = check_rows(
        (str(i), r) for i, r in enumerate([row(asked, "train"), row(asked.replace("new", "young"), "test")])
    )
    apart = check_rows(
        (str(i), r) for i, r in enumerate([row(asked, "train"), row("Explain why bread rises.", "test")])
    )
    within = check_rows(
        (str(i), r) for i, r in enumerate([row(asked, "train"), row(asked.replace("new", "young"), "train")])
    )

    assert "similarity 0." in report.findings["splits"].examples[0]
    assert not apart.findings
    assert not within.findings


def other(i, chosen, rejected, **more):
    return a_row(chosen, rejected, prompt=[{"role": "user", "content": f"Question {i}"}], **more)


def test_one_repeated_answer_is_found():
    """A released safety dataset has one refusal in 22 to 58 % of its rows."""
    rows = [
        other(i, "I cannot help with that." if i % 3 == 0 else f"Answer {i}", f"Bad {i}") for i in range(60)
    ]

    assert broken(*rows) == {"repeated_chosen"}
    assert broken(*rows, max_repeated_chosen=0.5) == set()


def test_a_shortcut_shows_in_the_probe_and_its_absence_too():
    rng = Random(1)
    words = lambda n: " ".join(rng.choice(["tea", "river", "stone", "cloud"]) for _ in range(n))  # noqa: E731
    longer = [
        other(i, words(rng.randint(60, 90)) + f" {i}", words(rng.randint(10, 50)) + f" {i}")
        for i in range(200)
    ]
    even = [
        other(
            i,
            words(rng.randint(20, 60)) + f" c{i}",
            words(rng.randint(20, 60)) + f" r{i}",
            rejected_model="a",
        )
        for i in range(400)
    ]

    found = [check_rows(((str(i), r) for i, r in enumerate(rows))).probe_auc for rows in (longer, even)]

    assert found[0] > 0.95
    assert 0.4 < found[1] < 0.6


def test_text_rows_and_implicit_prompts_are_read():
    assert broken({"prompt": "Q", "chosen": "good", "rejected": "bad"}) == set()
    assert broken({"chosen": [*PROMPT, *said("good")], "rejected": [*PROMPT, *said("bad")]}) == set()
    assert broken(
        {"chosen": [*PROMPT, *said("good")], "rejected": [{"role": "user", "content": "P"}, *said("bad")]}
    ) == {"turns"}
    assert broken({"chosen": "good", "rejected": "bad"}) == {"form"}


async def test_what_a_run_writes_passes_and_the_command_says_so(tmp_path):
    from typer.testing import CliRunner

    from prefgen.cli import app

    await run(a_recipe(prompts=[f"Question {i}?" for i in range(12)]), tmp_path / "out")
    (tmp_path / "bad.jsonl").write_text(json.dumps(a_row("same", "same")) + "\n")
    (tmp_path / "empty.jsonl").write_text("")

    good, bad, empty = (
        CliRunner().invoke(app, ["check", str(tmp_path / n), "--json"])
        for n in ("out", "bad.jsonl", "empty.jsonl")
    )

    assert (good.exit_code, bad.exit_code, empty.exit_code) == (0, 4, 4)
    assert json.loads(good.stdout)["passed"]
    assert json.loads(bad.stdout)["broken"]["same"]["rows"] == 1
