"""Pairs from wherever they are. (prefgen/api/pairs.py)"""

import json
from pathlib import Path

import pytest

import prefgen
from tests.support.cli import prefgen_here
from tests.support.export import dataset
from tests.support.recipes import a_recipe


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    recipe = a_recipe(prompts=[f"Why is number {i} odd?" for i in range(8)])
    return prefgen.run(recipe, out=folder / "run", journal=folder / "j.sqlite")


@pytest.fixture
def mine(tmp_path):
    rows = [{"id": f"r{i}", "prompt": f"Q{i}?", "chosen": f"yes {i}", "rejected": "no"} for i in range(7)]
    return dataset(tmp_path / "mine.jsonl", rows)


def shown_by_command(*words, cwd):
    said = prefgen_here("show", "pairs", *words, cwd=cwd)
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_pairs_of_a_run_are_those_that_show_prints(result, tmp_path):
    pairs = prefgen.pairs(result)

    printed = shown_by_command(result.path, "--sample", "99", "--json", cwd=tmp_path)
    assert [json.loads(line) for line in printed.splitlines()] == list(pairs)
    assert len(pairs) == 8 and pairs[0] == pairs[0:1][0] and pairs[-1] == list(pairs)[-1]
    assert [row["prompt"] for row in pairs] == [row["prompt"] for row in result.pairs]


def test_pairs_are_chosen_as_on_the_command_line(result, mine, tmp_path):
    [row] = prefgen.pairs(mine, where=["prompt~q3"])
    assert row["chosen"] == "yes 3"
    assert [row["id"] for row in prefgen.pairs(mine, row_id="r5")] == ["r5"]
    assert len(prefgen.pairs(result, where="chosen_model!=writer")) == 0
    for seed in (0, 1):
        printed = shown_by_command(mine, "--sample", "3", "--seed", seed, "--json", cwd=tmp_path)
        drawn = prefgen.pairs(mine, sample=3, seed=seed)
        assert [json.loads(line)["id"] for line in printed.splitlines()] == [row["id"] for row in drawn]
    with pytest.raises(prefgen.RecipeError, match="there is no field 'promt'"):
        prefgen.pairs(mine, where=["promt~q3"])


def test_pairs_have_columns_by_their_names_and_say_what_is_none(tmp_path):
    rows = [{"q": "Why?", "chosen": "a", "rejected": "b"}, {"q": "Why not?", "chosen": "a"}]
    theirs = dataset(tmp_path / "theirs.jsonl", rows)

    with pytest.raises(prefgen.RecipeError, match="theirs.jsonl:2: "):
        prefgen.pairs(theirs, columns={"prompt": "q"})
    pairs = prefgen.pairs(theirs, columns={"prompt": "q"}, on_bad_rows="drop")

    assert [row["prompt"] for row in pairs] == ["Why?"]
    assert len(pairs.bad_rows) == 1
    assert f"{theirs}: 1 pairs\n1 row is no pair: " in str(pairs)


def test_pairs_are_shown_as_show_prints_them(mine, tmp_path):
    first, *shown = str(prefgen.pairs(mine)).split("\n")

    assert first == f"{mine}: 7 pairs, 5 of them drawn"
    assert "\n".join(shown) == shown_by_command(mine, cwd=tmp_path).rstrip("\n")


def test_pairs_of_a_run_that_is_not_whole_say_so(tmp_path):
    recipe = a_recipe(prompts=("One?", "Two?"))
    more = prefgen.run(recipe, out=tmp_path / "run", journal=tmp_path / "none.sqlite", offline=True)
    assert not more.complete

    with pytest.warns(UserWarning, match="PARTIAL: "):
        pairs = prefgen.pairs(more)

    assert pairs.partial and str(pairs).startswith(f"{pairs.partial}\n")


def test_a_run_is_not_taken_for_another_in_its_folder(tmp_path):
    recipe = a_recipe(prompts=("One?", "Two?"))
    first = prefgen.run(recipe, out=tmp_path / "run", journal=tmp_path / "j.sqlite")
    second = prefgen.run(
        {**recipe, "seed": 2}, out=tmp_path / "run", journal=tmp_path / "none.sqlite", offline=True
    )
    assert not second.complete

    with pytest.raises(prefgen.RecipeError, match="the dataset that stands there is of an earlier one"):
        prefgen.pairs(second)
    before = [row["id"] for row in prefgen.pairs(first)]
    third = prefgen.run({**recipe, "seed": 2}, out=tmp_path / "run", journal=tmp_path / "j.sqlite", yes=True)

    assert third.complete and [row["id"] for row in prefgen.pairs(first)] == before
    assert Path(first).parent == tmp_path / "run" / "previous"
