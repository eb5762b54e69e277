"""The rows of a dataset that break no rule, as a dataset of their own. (prefgen/publish/clean.py)"""

import json
import re
import shlex

import pytest

from tests.support.cli import prefgen_here as prefgen

GOOD = {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "The Alps."}


def dataset(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "split",
    ["../../evil", "bad_rows", "a/b", "", ".", "Test", "license", "train\x00", "x" * 300, 5, ["a"], None],
)
def test_a_split_is_no_file_name(tmp_path, split):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    bad = {**GOOD, "prompt": "Name a lake.", "rejected": "the rhine."}
    dataset(tmp_path / "in" / "deep" / "a.jsonl", {**GOOD, "split": split}, bad)

    done = prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path / "in" / "deep")

    assert done.returncode == 0, done.stderr
    clean = tmp_path / "in" / "deep" / "clean"
    assert {path.name for path in clean.iterdir()} == {"pairs.jsonl", "bad_rows.jsonl"}
    assert lines(clean / "pairs.jsonl") == [{**GOOD, "split": split}]
    assert not list(tmp_path.glob("*.jsonl")) and not list((tmp_path / "in").glob("*.jsonl"))


def test_splits_of_usual_names_have_files_of_their_own(tmp_path):
    rows = [
        {**GOOD, "prompt": f"Name {i} rivers.", "chosen": f"{i}", "split": split}
        for i, split in enumerate(["train_sft", "validation", "test"])
    ]
    dataset(tmp_path / "a.jsonl", *rows)

    assert prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path).returncode == 0
    files = {path.name for path in (tmp_path / "clean").iterdir()}
    assert files == {"train_sft.jsonl", "validation.jsonl", "test.jsonl"}


LONG = "Explain to a new gardener why tomatoes split after rain, what helps against it, and what not to do"


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (
            [
                {**GOOD, "prompt": LONG, "split": "train"},
                {**GOOD, "prompt": LONG + " now", "split": "test"},
                {**GOOD, "prompt": LONG + " now", "split": "test", "rejected": "A hill."},
            ],
            [0],
        ),
        (
            [
                {**GOOD, "chosen": chosen, "rejected": rejected, "id": chosen}
                for chosen, rejected in ("ef", "ab", "bc", "ca")
            ],
            [0],
        ),
        ([{**GOOD, "rejected": ""}, {**GOOD, "chosen": "The Alps.", "rejected": "The Rhine."}], [1]),
    ],
)
def test_what_is_written_is_clean_and_no_more_is_left_out(tmp_path, rows, kept):
    dataset(tmp_path / "a.jsonl", *rows)

    done = prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    written = [row for path in (tmp_path / "clean").glob("*.jsonl") for row in lines(path) if "prompt" in row]
    assert written == [rows[i] for i in kept]
    assert prefgen("check", "clean", cwd=tmp_path).returncode == 0


def test_what_no_leaving_out_mends_is_said_and_not_written(tmp_path):
    rows = [{"prompt": f"Is {i} a number?", "chosen": "Yes", "rejected": f"No {i}"} for i in range(25)]
    dataset(tmp_path / "a.jsonl", *rows)

    done = prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path)

    assert done.returncode == 4
    assert "leaving out rows does not mend this" in done.stderr and "'Yes'" in done.stderr
    assert not (tmp_path / "clean").exists()
    found = json.loads(prefgen("check", "a.jsonl", "--json", cwd=tmp_path).stdout)["broken"][
        "repeated_chosen"
    ]
    assert found["rows"] == len(found["all"]) == 25


def test_an_empty_file_proves_nothing(tmp_path):
    dataset(tmp_path / "a.jsonl")

    done = prefgen("check", "a.jsonl", cwd=tmp_path)

    assert done.returncode == 4
    assert done.stdout.startswith("a.jsonl: BROKEN, no row")
    assert (
        "there is no row"
        in json.loads(prefgen("check", "a.jsonl", "--json", cwd=tmp_path).stdout)["notes"][-1]
    )


def numbered(count, first=0, **changes):
    return [
        {"prompt": f"Is {i} a number?", "chosen": f"Yes, {i} is.", "rejected": f"No {i}", **changes}
        for i in range(first, first + count)
    ]


SAID = [
    # an answer that is repeated through rows that are bad anyway
    ([*numbered(30), *numbered(10, 30, chosen="Yes", rejected="yes")], "in 10 of 40 rows", True),
    ([*numbered(30), *[GOOD] * 10], "in 9 of 40 rows", True),
    # a row that breaks three rules is one row, and one that a bad row contradicts is none
    ([*numbered(30), {**GOOD, "rejected": ""}, {**GOOD, "rejected": ""}], "in 2 of 32 rows", True),
    (
        [*numbered(30), GOOD, {**GOOD, "chosen": "The Alps.", "rejected": "The Rhine.", "margin": -1}],
        "in 1 of 32 rows",
        True,
    ),
    # one that is repeated though nothing else is wrong, which bad rows neither hide nor stand for
    (numbered(30, chosen="Yes"), "as a whole", False),
    ([*numbered(30, chosen="Yes"), {**GOOD, "rejected": ""}], "in 1 of 31 rows and as a whole", False),
    (
        [*numbered(28), *numbered(2, 28, chosen="Yes"), *numbered(30, 30, rejected="")],
        "in 30 of 60 rows and as a whole",
        False,
    ),
]


@pytest.mark.parametrize(("rows", "said", "is_mended"), SAID)
def test_as_many_rows_are_called_broken_as_go(tmp_path, rows, said, is_mended):
    dataset(tmp_path / "a.jsonl", *rows)

    shown = prefgen("check", "a.jsonl", cwd=tmp_path).stdout
    done = prefgen("check", "a.jsonl", "--drop", "-o", "clean", cwd=tmp_path)

    verdict = shown.partition(":")[2].partition(":")[0].partition(", but")[0]
    assert verdict == f" BROKEN {said}"
    assert done.returncode == (0 if is_mended else 4)
    if is_mended:
        went = len({row["where"] for row in lines(tmp_path / "clean" / "bad_rows.jsonl")})
        assert f"in {went} of" in said and f"; {went} rows were left out" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("mix", "my pairs.jsonl", "-o", "out"),
        ("export", "my pairs.jsonl", "-o", "out.jsonl", "--to", "trl"),
    ],
)
def test_whoever_is_refused_is_told_commands_that_work(tmp_path, command):
    rows = [{"prompt": f"Q{i}?", "my best": f"Good {i}.", "rejected": f"Bad {i}."} for i in range(6)]
    rows[3]["rejected"] = rows[3]["my best"]
    rows[4]["rejected"] = " "
    (tmp_path / "my pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    named = (*command, "--columns", "chosen=my best")

    refused = prefgen(*named, cwd=tmp_path)

    assert refused.returncode == 2
    assert refused.stderr.startswith("prefgen: my pairs.jsonl:4: chosen and rejected are the same: ")
    look, option, write = re.findall("`(.+?)`", refused.stderr)
    looked = prefgen(*shlex.split(look)[1:], cwd=tmp_path)
    assert looked.returncode == 4 and "BROKEN in 2 of 6 rows" in looked.stdout
    assert prefgen(*named, *option.split(), cwd=tmp_path).returncode == 0
    assert prefgen(*shlex.split(write)[1:], cwd=tmp_path).returncode == 0
    others = {"my pairs.jsonl": "NEW", "out": "again", "out.jsonl": "again.jsonl"}
    of_clean = [others.get(word, word) for word in command]
    assert prefgen(*of_clean, cwd=tmp_path).returncode == 0

    misspelled = prefgen(*command, "--columns", "chosen=best", cwd=tmp_path)
    assert "there is no column 'best'" in misspelled.stderr and "drop" not in misspelled.stderr
