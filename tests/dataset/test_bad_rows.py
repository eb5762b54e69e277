"""Rows that cannot be taken do not take the file hostage. (prefgen/dataset/bad_rows.py)"""

import json

import pytest

from prefgen.dataset.check import Truncation, check_rows
from tests.support.cli import prefgen_here as prefgen
from tests.support.recipes import a_recipe, run

GOOD = {"prompt": "Name a river.", "chosen": "The Nile.", "rejected": "No."}
ROWS = [
    json.dumps(GOOD),
    "no json",
    json.dumps({**GOOD, "prompt": "And a lake?", "chosen": "Victoria.<|im_end|>"}),
    json.dumps({**GOOD, "prompt": "A sea?", "rejected": "The Nile."}),
    json.dumps({"prompt": "A pond?"}),
    json.dumps([1]),
    json.dumps({**GOOD, "prompt": "A hill?", "chosen": "Arthur's Seat.", "id": "h1"}),
]


@pytest.fixture
def mixed(tmp_path):
    (tmp_path / "pairs.jsonl").write_text("\n".join(ROWS))
    return tmp_path


def test_check_reports_all_of_them_with_their_places(mixed):
    done = prefgen("check", "pairs.jsonl", "--json", cwd=mixed)

    assert done.returncode == 4, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == 7
    places = {row["where"] for rule in found["broken"].values() for row in rule["all"]}
    assert places == {f"pairs.jsonl:{line}" for line in (2, 3, 4, 5, 6)}


def test_the_verdict_stands_first_and_rows_are_named_by_id(mixed):
    (mixed / "one.jsonl").write_text(json.dumps({**GOOD, "id": "r7", "rejected": ""}))

    broken = prefgen("check", "one.jsonl", cwd=mixed).stdout

    assert broken.startswith("one.jsonl: BROKEN in 1 of 1 rows")
    assert "one.jsonl:1 (id r7): rejected is empty" in broken


def test_the_clean_set_is_written_with_what_was_left_out(mixed):
    done = prefgen("check", "pairs.jsonl", "--drop", "-o", "clean", cwd=mixed)

    assert done.returncode == 0, done.stderr
    kept = [json.loads(line) for line in (mixed / "clean" / "pairs.jsonl").read_text().splitlines()]
    left_out = [json.loads(line) for line in (mixed / "clean" / "bad_rows.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in kept] == ["Name a river.", "A hill?"]
    assert len({row["where"] for row in left_out}) == 5
    assert prefgen("check", "clean", cwd=mixed).returncode == 0
    assert prefgen("check", "pairs.jsonl", "--drop", "-o", "clean", cwd=mixed).returncode == 2


def test_export_and_mix_refuse_or_drop_what_check_calls_broken(mixed):
    export = ("export", "pairs.jsonl", "--to", "trl", "-o", "out.jsonl")

    refused = prefgen(*export, cwd=mixed)
    dropped = prefgen(*export, "--on-bad-rows", "drop", cwd=mixed)
    mixed_set = prefgen("mix", "pairs.jsonl", "-o", "m", "--test", "0", "--on-bad-rows", "drop", cwd=mixed)

    assert refused.returncode == 2
    assert "pairs.jsonl:2: not valid JSON" in refused.stderr
    assert dropped.returncode == 0, dropped.stderr
    assert "5 rows were left out" in dropped.stderr
    assert len((mixed / "out.jsonl").read_text().splitlines()) == 2
    assert len((mixed / "out.jsonl.bad_rows.jsonl").read_text().splitlines()) == 5
    assert mixed_set.returncode == 0, mixed_set.stderr
    assert json.loads((mixed / "m" / "mix.json").read_text())["bad_rows"] == 5


def test_what_is_allowed_is_taken(mixed):
    row = {**GOOD, "chosen": "It ends so.<|im_end|>"}
    (mixed / "about.jsonl").write_text(json.dumps(row))

    assert prefgen("check", "about.jsonl", cwd=mixed).returncode == 4
    assert prefgen("check", "about.jsonl", "--allow", "leak", cwd=mixed).returncode == 0
    assert prefgen("check", "about.jsonl", "--allow", "same", cwd=mixed).returncode == 2


@pytest.mark.parametrize("source", ["file", "records"])
async def test_a_run_leaves_them_out_and_lists_them(mixed, monkeypatch, source):
    monkeypatch.chdir(mixed)
    stages = a_recipe()["stages"][1:]
    reads = {"use": source, "path": "pairs.jsonl"}
    failing = a_recipe(stages=[{"prompts": reads}, *stages])
    dropping = a_recipe(stages=[{"prompts": {**reads, "on_bad_rows": "drop"}}, *stages])

    with pytest.raises(Exception, match="not valid JSON"):
        await run(failing, mixed / "failing")
    outcome = await run(dropping, mixed / "out")

    listed = [json.loads(line) for line in (mixed / "out" / "bad_rows.jsonl").read_text().splitlines()]
    assert outcome.complete
    assert outcome.manifest.yields.prompts + len({row["where"] for row in listed}) == len(ROWS)
    notices = json.loads((mixed / "out" / "log.jsonl").read_text().splitlines()[-1])["notices"]
    assert any("rows of the prompts were left out" in notice for notice in notices)


def numbered(*rows):
    return ((f"row {i}", row) for i, row in enumerate(rows, 1))


def test_sides_that_truncation_makes_equal_are_found():
    row = {**GOOD, "chosen": "one two three four", "rejected": "one two three five"}

    def found(max_length):
        return check_rows(numbered(row), truncation=Truncation(str.split, max_length)).findings.keys()

    assert found(6) == {"truncation"}
    assert found(100) == set()


def test_chosen_sides_that_are_much_longer_are_counted():
    rows = [{**GOOD, "prompt": f"{i}?", "chosen": "word " * i} for i in (1, 5, 9)]

    assert check_rows(numbered(*rows), most_longer=5).much_longer == 1
    assert check_rows(numbered(*rows)).much_longer is None


def test_contradictions_take_both_rows_out():
    rows = [GOOD, {**GOOD, "chosen": "No.", "rejected": "The Nile."}]

    report = check_rows(numbered(*rows))

    assert set(report.bad_places) == {"row 1", "row 2"}


@pytest.mark.parametrize("word", ["error", "content_filter", "load"])
def test_a_side_that_did_not_end_whole_is_broken(word):
    assert "truncated" in check_rows(numbered({**GOOD, "chosen_finish": word})).findings
    assert "truncated" in check_rows(numbered({**GOOD, "rejected_finish": "max_tokens"})).findings
    assert not check_rows(numbered({**GOOD, "chosen_finish": "eos", "rejected_finish": "stop"})).findings


def test_one_system_turn_for_all_makes_no_prompts_alike():
    system = {"role": "system", "content": "You are a careful assistant who answers in one sentence. " * 8}
    rows = [
        {**GOOD, "prompt": [system, {"role": "user", "content": text}], "split": split, "chosen": text}
        for text, split in (("Name a river in Peru.", "train"), ("Why is the sky blue?", "test"))
    ]

    assert not check_rows(numbered(*rows)).findings


def test_a_line_that_is_not_utf_8_is_one_bad_row(tmp_path):
    good = json.dumps(GOOD).encode()
    lines = [
        b"\xef\xbb\xbf" + good,
        b'{"prompt": "\xff", "chosen": "a", "rejected": "b"}',
        b"\xc2\xa0",
        json.dumps({**GOOD, "prompt": "Name another river."}).encode(),
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))

    check = prefgen("check", "a.jsonl", "--json", cwd=tmp_path)
    export = ("export", "a.jsonl", "--to", "trl", "-o", "o.jsonl")

    assert check.returncode == 4, check.stderr
    found = json.loads(check.stdout)
    assert found["rows"] == 3
    assert [row["where"] for row in found["broken"]["form"]["all"]] == ["a.jsonl:2"]
    assert "a.jsonl:2: not valid UTF-8" in prefgen(*export, cwd=tmp_path).stderr
    assert prefgen(*export, "--on-bad-rows", "drop", cwd=tmp_path).returncode == 0
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 2


def test_what_an_export_left_out_is_read_by_nobody_and_listed_anew(mixed):
    export = ("export", "--to", "trl", "-o", "out/o.jsonl")

    first = prefgen(*export, "pairs.jsonl", "--on-bad-rows", "drop", cwd=mixed)
    assert first.returncode == 0 and (mixed / "out" / "o.jsonl.bad_rows.jsonl").is_file()
    assert prefgen("check", "out", cwd=mixed).returncode == 0
    assert prefgen("export", "out", "--to", "trl", "-o", "again.jsonl", cwd=mixed).returncode == 0
    assert prefgen(*export, "again.jsonl", cwd=mixed).returncode == 0
    assert [path.name for path in (mixed / "out").iterdir()] == ["o.jsonl"]


@pytest.mark.parametrize(
    "row", [{"prompt": "Q"}, {"prompt": "Q", "response_1": "a", "response_2": "b", "preference_strength": 0}]
)
def test_rows_that_are_no_pairs_are_named_by_id(tmp_path, row):
    (tmp_path / "a.jsonl").write_text(json.dumps({**row, "id": "r7"}))

    assert "a.jsonl:1 (id r7): " in prefgen("check", "a.jsonl", cwd=tmp_path).stdout


@pytest.mark.parametrize("form", ["llama-factory", "rewardbench", "axolotl"])
def test_rows_for_which_a_form_has_no_place_are_left_out_as_others_are(tmp_path, form):
    later = [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": "The end."}]
    rounds = {side: [{"role": "assistant", "content": side}, *later] for side in ("chosen", "rejected")}
    rows = [GOOD, {**GOOD, "prompt": "Name a lake.", **rounds}, {**GOOD, "prompt": "Name a sea."}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    export = ("export", "a.jsonl", "--to", form, "-o", "o.jsonl")

    refused = prefgen(*export, cwd=tmp_path)
    dropped = prefgen(*export, "--on-bad-rows", "drop", cwd=tmp_path)

    assert refused.returncode == 2 and "takes one turn a side" in refused.stderr
    assert dropped.returncode == 0, dropped.stderr
    written = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert len(written) == 2 and [row.get("id", number) for number, row in enumerate(written)] == [0, 1]
    [listed] = (tmp_path / "o.jsonl.bad_rows.jsonl").read_text().splitlines()
    assert json.loads(listed)["where"] == "a.jsonl:2" and "takes one turn a side" in listed
