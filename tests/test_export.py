"""Pairs in the forms of trainers, and several datasets made one."""

import csv
import json

import pytest

from prefgen.dataset.open_pairs import open_pairs
from prefgen.errors import RecipeError
from prefgen.publish.export import FORMS, export
from prefgen.publish.mix import mix, parse_part
from tests.support.cli import prefgen


def said(role, text):
    return {"role": role, "content": text}


ROWS = [
    {
        "prompt": [said("user", f"Question {i // 2}?")], "chosen": [said("assistant", f"Good {i}")], "rejected": [said("assistant", f"Bad {i}")],
        "score_chosen": 3.0 + i, "score_rejected": 1.0, "chosen_model": "m", "category": "c", "license": "MIT", "source": "s",
    }
    for i in range(4)
]  # fmt: skip


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def exported(form, tmp_path, rows=ROWS):
    export(((f"row {i}", row) for i, row in enumerate(rows)), form, tmp_path / "out.jsonl")
    return lines(tmp_path / "out.jsonl")


def test_each_form_has_its_columns(tmp_path):
    wanted = {
        "trl": {"prompt", "chosen", "rejected"},
        "trl-implicit": {"chosen", "rejected"},
        "ultrafeedback-binarized": {
            "prompt",
            "prompt_id",
            "chosen",
            "rejected",
            "messages",
            "score_chosen",
            "score_rejected",
        },
        "rewardbench": {"id", "chosen", "chosen_model", "rejected", "rejected_model", "subset"},
        "kto": {"prompt", "completion", "label"},
        "sft": {"messages"},
        "llama-factory": {"conversations", "chosen", "rejected"},
        "axolotl": {"messages", "chosen", "rejected"},
        "nemo-rl": {"context", "completions"},
        "openrlhf": {"prompt", "chosen", "rejected", "margin"},
    }
    assert {form: set(exported(form, tmp_path)[0]) for form in FORMS} == wanted


def test_the_rows_of_each_form_say_the_same(tmp_path):
    assert exported("trl-implicit", tmp_path)[1]["rejected"] == [
        said("user", "Question 0?"),
        said("assistant", "Bad 1"),
    ]
    assert exported("llama-factory", tmp_path)[0] == {
        "conversations": [{"from": "human", "value": "Question 0?"}], "chosen": {"from": "gpt", "value": "Good 0"},
        "rejected": {"from": "gpt", "value": "Bad 0"},
    }  # fmt: skip
    assert [c["rank"] for c in exported("nemo-rl", tmp_path)[0]["completions"]] == [0, 1]
    assert exported("sft", tmp_path) == [
        {"messages": [said("user", "Question 0?"), said("assistant", "Good 1")]},
        {"messages": [said("user", "Question 1?"), said("assistant", "Good 3")]},
    ]


def test_an_answer_that_is_chosen_and_rejected_has_no_label(tmp_path):
    rows = [ROWS[0], {**ROWS[1], "chosen": ROWS[0]["rejected"]}]

    assert {(r["completion"][0]["content"], r["label"]) for r in exported("kto", tmp_path, rows)} == {
        ("Good 0", True),
        ("Bad 1", False),
    }


def test_what_check_reads_is_what_export_writes(tmp_path):
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    for form in sorted(FORMS.keys() - {"kto", "sft"}):  # which hold no pairs
        done = prefgen("export", "pairs.jsonl", "--to", form, "-o", f"{form}.jsonl", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        checked = prefgen("check", f"{form}.jsonl", cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout
        again = json.loads(prefgen("diff", "pairs.jsonl", f"{form}.jsonl", "--json", cwd=tmp_path).stdout)
        assert {kind: n for kind, n in again["pairs"].items() if n} in ({"kept": 4}, {"changed": 4}), (
            form
        )  # scores are not in every form
        assert again["prompts"] == {"added": 0, "removed": 0, "kept": 2}


def test_csv_holds_lists_as_json(tmp_path):
    export((("r", row) for row in ROWS), "trl", tmp_path / "out.csv")

    with (tmp_path / "out.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert json.loads(first["prompt"]) == ROWS[0]["prompt"]


@pytest.mark.parametrize(
    ("form", "name", "rows", "says"),
    [
        ("trel", "a.jsonl", ROWS, "Did you mean 'trl'"),
        ("trl", "a.xlsx", ROWS, "must end in"),
        ("trl", "a.jsonl", [], "no pair to export"),
        ("trl", "a.jsonl", [{"text": "x"}], "expected chosen and rejected, found the columns text"),
        (
            "rewardbench",
            "a.jsonl",
            [{**ROWS[0], "prompt": [said("system", "s"), said("user", "u")]}],
            "takes user and assistant in turns",
        ),
        (
            "llama-factory",
            "a.jsonl",
            [{**ROWS[0], "prompt": [said("user", "s"), said("user", "u")]}],
            "this prompt is user, user",
        ),
        (
            "llama-factory",
            "a.jsonl",
            [{**ROWS[0], "prompt": [said("user", "s"), said("assistant", "u")]}],
            "in turns",
        ),
        (
            "axolotl",
            "a.jsonl",
            [{**ROWS[0], "prompt": [said("developer", "s"), said("user", "u")]}],
            "knows no role 'developer'",
        ),
        ("nemo-rl", "a.csv", ROWS, "lists would be text"),
    ],
)
def test_what_cannot_be_exported_is_said_and_nothing_is_left_behind(tmp_path, form, name, rows, says):
    with pytest.raises(RecipeError, match=says):
        export((("row 1", row) for row in rows), form, tmp_path / name)

    assert not (tmp_path / name).exists()


def dataset(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def pairs(name, count, word):
    return [
        {
            "prompt": f"{word} {i} {word} {i * 7} how does it come about?",
            "chosen": f"{name} good {i}",
            "rejected": f"{name} bad {i}",
            "license": name,
        }
        for i in range(count)
    ]


def test_a_mix_takes_as_much_as_is_wanted_and_no_prompt_twice(tmp_path):
    one = dataset(tmp_path / "one.jsonl", pairs("A", 100, "rain"))
    two = dataset(tmp_path / "two.jsonl", [*pairs("B", 60, "snow"), *pairs("B", 40, "rain")])

    found = mix([parse_part(one), parse_part(f"{two}:80")], tmp_path / "out", test=0.2, seed=3)

    rows = [row for _, row in open_pairs(str(tmp_path / "out")).rows]
    prompts = [row["prompt"][0]["content"] for row in rows]
    assert len(prompts) == len(set(prompts)) == sum(found["counts"].values())
    assert found["mixed_of"][0]["left"] == 100
    assert found["mixed_of"][1]["taken"] == 80
    assert found["licenses"] == {"A": 100, "B": found["mixed_of"][1]["left"]}
    assert {row["split"] for row in rows} == {"train", "test"}
    assert prefgen("check", str(tmp_path / "out" / "data" / "preferences"), cwd=tmp_path).returncode == 0


def test_a_share_is_one_of_prompts_and_stays_when_others_are_added(tmp_path):
    small, large = (
        dataset(tmp_path / "s.jsonl", pairs("A", 50, "rain")),
        dataset(tmp_path / "l.jsonl", pairs("A", 100, "rain")),
    )

    mix([parse_part(f"{small}:0.5")], tmp_path / "small", test=0, seed=0)
    mix([parse_part(f"{large}:0.5")], tmp_path / "large", test=0, seed=0)

    few, many = (
        {row["prompt_id"] for _, row in open_pairs(str(tmp_path / name)).rows} for name in ("small", "large")
    )
    assert few < many
    assert 15 <= len(few) <= 35


@pytest.mark.parametrize(("words", "says"), [("x:1.5", "at most 1.0"), ("x:0", "at least 1")])
def test_an_amount_that_is_none_is_refused(words, says):
    with pytest.raises(RecipeError, match=says):
        parse_part(words)


def test_more_pairs_than_there_are_is_said(tmp_path):
    with pytest.raises(RecipeError, match="has 4 pairs, and 9 are wanted"):
        mix([parse_part(dataset(tmp_path / "a.jsonl", ROWS) + ":9")], tmp_path / "out", test=0, seed=0)


BAD = [
    (
        {"chosen": [said("assistant", "Same")], "rejected": [said("assistant", " same ")]},
        "chosen and rejected are the same",
    ),
    ({"score_chosen": float("nan")}, "score_chosen is nan"),
    ({"score_chosen": "high"}, "score_chosen is 'high'"),
    ({"chosen_probability": 1.5}, "probabilities lie within 0 to 1"),
    ({"weight": -1.0}, "weights are not below 0"),
    ({"chosen": [{"role": "assistant", "content": None}]}, "no text as its content"),
    (
        {"chosen": [{"role": "assistant", "content": [{"type": "text", "text": "hi"}]}]},
        "no text as its content",
    ),
    ({"chosen": ["hi"]}, "neither text nor a list of messages"),
    ({"chosen": [{"content": "hi"}]}, "has no role"),
    ({"prompt": 1}, "neither text nor a list of messages"),
    ({"chosen": 3}, "neither text nor a list of messages"),
    ({"chosen": [said("assistant", "  ")]}, "chosen is empty"),
    ({"prompt": [said("user", "half \ud800")]}, "half of a surrogate pair"),
]


@pytest.mark.parametrize(("change", "says"), BAD)
def test_what_is_no_pair_is_neither_exported_nor_mixed(tmp_path, change, says):
    path = dataset(tmp_path / "a.jsonl", [ROWS[0], {**ROWS[1], **change}])

    for arguments in (
        ("export", path, "--to", "trl", "-o", "out.jsonl"),
        ("mix", path, "-o", "mixed"),
        ("diff", path, path),
    ):
        done = prefgen(*arguments, cwd=tmp_path)
        if arguments[0] != "diff":  # what is sound is not its matter
            assert done.returncode == 2
            assert says in done.stderr
            assert "a.jsonl:2" in done.stderr
        assert "Traceback" not in done.stderr
    assert prefgen("check", path, cwd=tmp_path).returncode == 4
    assert [found.name for found in tmp_path.iterdir()] == ["a.jsonl"]  # nothing is left behind


@pytest.mark.parametrize("form", ["llama-factory", "axolotl", "rewardbench"])
def test_answers_of_several_turns_are_not_cut_to_their_last(tmp_path, form):
    sides = {name: [said("assistant", first), said("user", "Go on"), said("assistant", "The end")] for name, first in (("chosen", "A"), ("rejected", "B"))}  # fmt: skip
    same_start = {
        name: [said("assistant", "Start"), said("user", "Go on"), said("assistant", name)]
        for name in ("chosen", "rejected")
    }

    with pytest.raises(RecipeError, match="takes one turn a side, and a side of this pair has 3"):
        exported(form, tmp_path, [{**ROWS[0], **sides}])
    [row] = exported(form, tmp_path, [{**ROWS[0], **same_start}])
    assert len(row.get("conversations") or row.get("messages") or row["chosen"][:-1]) == 3


def test_a_mix_does_not_say_where_its_parts_stood(tmp_path):
    (tmp_path / "secret-place").mkdir()
    one = dataset(tmp_path / "secret-place" / "one.jsonl", pairs("A", 10, "rain"))

    found = mix([parse_part(one)], tmp_path / "out", test=0, seed=0)

    assert found["mixed_of"][0]["name"] == "one.jsonl"
    assert all(
        b"secret-place" not in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )


def test_one_source_twice_gives_each_pair_once(tmp_path):
    one = dataset(tmp_path / "one.jsonl", [*pairs("A", 10, "rain"), *pairs("A", 4, "rain")])

    found = mix([parse_part(one), parse_part(one)], tmp_path / "out", test=0, seed=0)

    assert found["counts"] == {"train": 10}
    assert [source["left"] for source in found["mixed_of"]] == [10, 0]


def test_a_mix_is_written_anew_and_nothing_else_is(tmp_path):
    one = dataset(tmp_path / "one.jsonl", pairs("A", 40, "rain"))
    mix([parse_part(one)], tmp_path / "out", test=0.5, seed=0)
    mix([parse_part(one)], tmp_path / "out", test=0, seed=0)

    assert {row["split"] for _, row in open_pairs(str(tmp_path / "out")).rows} == {"train"}
    assert prefgen("check", "out", cwd=tmp_path).returncode == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(RecipeError, match="is there already, and is no mix"):
        mix([parse_part(one)], tmp_path / "mine", test=0, seed=0)
    with pytest.raises(RecipeError, match="expected a dataset, found ''"):
        parse_part("")


def test_a_split_of_a_file(tmp_path):
    path = dataset(
        tmp_path / "a.jsonl", [{**row, "split": "test" if i else "train"} for i, row in enumerate(ROWS)]
    )

    done = prefgen("export", path, "--to", "trl", "--split", "test", "-o", "out.jsonl", cwd=tmp_path)
    wrong = prefgen("export", path, "--to", "trl", "--split", "dev", "-o", "out2.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert len(lines(tmp_path / "out.jsonl")) == 3
    assert "has no split 'dev'; its splits: test, train" in wrong.stderr
    assert not (tmp_path / "out2.jsonl").exists()


def test_columns_by_other_names(tmp_path):
    rows = [{"question": f"Q{i}?", "win": f"Good {i}", "lose": f"Bad {i}"} for i in range(3)]
    path = dataset(tmp_path / "a.jsonl", rows)
    names = ("--columns", "prompt=question", "--columns", "chosen=win", "--columns", "rejected=lose")

    assert prefgen("check", path, *names, cwd=tmp_path).returncode == 0
    assert prefgen("export", path, "--to", "trl", "-o", "out.jsonl", *names, cwd=tmp_path).returncode == 0
    assert lines(tmp_path / "out.jsonl")[2]["chosen"] == [said("assistant", "Good 2")]
    wrong = prefgen("check", path, "--columns", "prompt=questoin", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "there is no column 'questoin'; there are question, win, lose" in wrong.stderr
    assert "OURS=THEIRS" in prefgen("check", path, "--columns", "prompt", cwd=tmp_path).stderr


def test_a_mix_that_fails_leaves_the_earlier_one(tmp_path):
    one = dataset(tmp_path / "one.jsonl", pairs("A", 10, "rain"))
    mix([parse_part(one)], tmp_path / "out", test=0, seed=0)

    with pytest.raises(RecipeError, match="11 are wanted"):
        mix([parse_part(f"{one}:11")], tmp_path / "out", test=0, seed=0)
    again = mix(
        [parse_part(str(tmp_path / "out"))], tmp_path / "out", test=0, seed=0
    )  # a part may be what is written anew

    assert again["counts"] == {"train": 10}
    assert len(list(open_pairs(str(tmp_path / "out")).rows)) == 10
