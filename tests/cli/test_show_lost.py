"""prefgen show lost, prefgen show dropped (prefgen/cli/show_lost.py)"""

import asyncio
import json

import pytest

from tests.support.cli import prefgen_here as prefgen
from tests.support.recipes import a_recipe, failures_of, run

PROMPTS = ("One?", "Two\x1b[2J?", "Three?", "Three?", *(f"Number {word}?" for word in "abcdefg"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run that lost fourteen answers and a judgment, and one prompt to a curator."""
    folder = tmp_path_factory.mktemp("lost")
    recipe = a_recipe(prompts=PROMPTS)
    recipe["stages"].insert(1, {"curate": [{"use": "dedupe"}]})
    recipe["models"]["grader"] = {
        "use": "scripted",
        "temperature": 0,
        "rules": [
            {"when": "Two", "say": ["I would\nrather not\x1b[2J\x9b1;1Hsay."]},
            *recipe["models"]["grader"]["rules"],
        ],
    }
    cut = {"when": "Number", "say": [""], "finish_reason": "length"}
    recipe["models"]["writer"]["rules"] = [cut, *recipe["models"]["writer"]["rules"]]
    asyncio.run(run(recipe, folder / "run"))
    return folder


def test_what_was_lost_is_listed_by_code_with_prompt_model_reason_and_replies(folder):
    rows = failures_of(folder / "run")
    [of_two] = [row for row in rows if row["code"] == "no_rating"]

    shown = prefgen("show", "lost", "run", cwd=folder).stdout

    headings = [line for line in shown.splitlines() if line and not line.startswith(" ")]
    assert headings == ["length: 14, 5 of them here (--sample)", "no_rating: 1"]
    block = shown.partition("no_rating: 1\n")[2]
    assert block.splitlines()[0] == f"  {of_two['record_id'][:12]}  judge: quality (grader)  “Two�[2J?”"
    assert of_two["reason"] in block
    assert "\n      reply 1: I would\n        rather not�[2J�1;1Hsay." in block
    assert "\x1b" not in shown
    assert "\x9b" not in shown


def test_a_code_and_json_give_every_row_whole(folder):
    shown = prefgen("show", "lost", "run", "--code", "length", "--json", cwd=folder).stdout
    two = prefgen("show", "lost", "run", "--code", "length", "--sample", "2", cwd=folder).stdout

    rows = [json.loads(line) for line in shown.splitlines()]
    expected = [row for row in failures_of(folder / "run") if row["code"] == "length"]
    assert [{**row, "prompt": None, "model": None} for row in rows] == [
        {**row, "prompt": None, "model": None} for row in expected
    ]
    assert sorted(row["prompt"] for row in rows) == [f"Number {word}?" for word in "aabbccddeeffgg"]
    assert two.startswith("length: 14, 2 of them here")
    assert two.count("“Number ") == 2
    assert "\x9b" not in prefgen("show", "lost", "run", "--json", cwd=folder).stdout


def test_a_code_that_nothing_was_lost_with_is_one_line_that_says_which_there_are(folder):
    shown = prefgen("show", "lost", "run", "--code", "refused", cwd=folder)

    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr == (
        "prefgen: --code: nothing was lost with 'refused' in 'run'; there are length (14), no_rating (1)\n"
    )


def test_what_curators_took_is_listed_with_who_took_it_and_why(folder):
    shown = prefgen("show", "dropped", "run", cwd=folder).stdout
    [row] = map(json.loads, prefgen("show", "dropped", "run", "--json", cwd=folder).stdout.splitlines())

    assert shown == (f"dedupe: 1\n  {row['id'][:12]}  duplicate, near {row['neighbour'][:12]}  “Three?”\n")
    assert (row["curator"], row["reason"], row["text"]) == ("dedupe", "duplicate", "Three?")


def test_a_run_that_lost_nothing_says_so_and_what_is_no_run_is_one_line(tmp_path):
    asyncio.run(run(a_recipe(), tmp_path / "run"))

    for command, said in (
        ("lost", "run lost nothing\n"),
        ("dropped", "no curator took anything out of run\n"),
    ):
        shown = prefgen("show", command, "run", cwd=tmp_path)
        nothing = prefgen("show", command, "nowhere", cwd=tmp_path)

        assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", said)
        assert (nothing.returncode, nothing.stdout) == (2, "")
        assert nothing.stderr == "prefgen: 'nowhere' is no run: it holds no manifest.json\n"


def test_the_beginning_of_an_id_shows_all_that_was_lost_of_that_record(folder):
    rows = [row for row in failures_of(folder / "run") if row["code"] == "length"]
    [drop] = map(json.loads, prefgen("show", "dropped", "run", "--json", cwd=folder).stdout.splitlines())

    lost = prefgen("show", "lost", "run", rows[0]["record_id"][:12], cwd=folder).stdout
    dropped = prefgen("show", "dropped", "run", drop["id"][:12], cwd=folder).stdout

    assert lost.startswith("length: 2\n")
    assert lost.count(rows[0]["record_id"][:12]) == 2
    assert dropped.startswith("dedupe: 1\n")
    for command in ("lost", "dropped"):
        shown = prefgen("show", command, "run", "zz", cwd=folder)
        assert (shown.returncode, shown.stderr) == (2, "prefgen: no id there begins with 'zz'\n")


def test_a_mix_is_not_taken_for_a_run(folder, tmp_path):
    assert prefgen("mix", folder / "run", "--out", "mixed", cwd=tmp_path).returncode == 0

    dropped = prefgen("show", "dropped", "mixed", cwd=tmp_path)
    assert (dropped.returncode, dropped.stderr) == (0, "no curator took anything out of mixed\n")
    for command in ("lost",):
        shown = prefgen("show", command, "mixed", cwd=tmp_path)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert shown.stderr == "prefgen: 'mixed' is a release or a mix: name the run's folder\n"
