"""Constitutions: what is shipped is whole, and `check` says what is wrong with one."""

import json
from collections import Counter
from pathlib import Path

import pytest

from prefgen.errors import RecipeError
from prefgen.kit.constitutions import (
    Constitution,
    Principle,
    constitution_findings,
    draw_principles,
    read_constitution,
)
from prefgen.kit.templates import shipped
from tests.support.cli import prefgen


@pytest.mark.parametrize("path", sorted(shipped("constitutions").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_constitution_is_whole(path):
    assert constitution_findings(read_constitution(path)) == []


def test_what_is_wrong_is_pointed_out():
    long = "Choose the reply that gives the person {} detail about the matter that they asked about, in plain words"
    made = Constitution(
        name="c",
        principles=(
            Principle(id="a", comparison=long.format("more"), critique="x"),
            Principle(id="b", comparison=long.format("less")),
            Principle(id="c", comparison=long.format("more") + "."),
        ),
    )

    found = constitution_findings(made)

    assert any("2 of 3 principles have no critique: b, c" in words for words in found)
    assert any(words.startswith("a and b may contradict") for words in found)
    assert any(words.startswith("a and c repeat") for words in found)


def test_draws_follow_weights_and_one_more_principle_moves_only_its_share(tmp_path, monkeypatch):
    (tmp_path / "constitutions").mkdir()

    def write(*weights):
        principles = [{"id": f"p{i}", "weight": w, "comparison": "Choose."} for i, w in enumerate(weights)]
        (tmp_path / "constitutions" / f"c{len(weights)}.yaml").write_text(
            json.dumps({"name": "c", "principles": principles})
        )

    from prefgen.kit.templates import set_recipe_folder

    write(1, 3)
    write(1, 3, 1)
    set_recipe_folder(tmp_path)
    two = [draw_principles("c2", "comparison", 1, 0, f"prompt {i}")[0].id for i in range(2000)]
    three = [draw_principles("c3", "comparison", 1, 0, f"prompt {i}")[0].id for i in range(2000)]
    set_recipe_folder(None)

    assert 0.70 < Counter(two)["p1"] / 2000 < 0.80
    assert {after for before, after in zip(two, three, strict=True) if before != after} == {"p2"}


def test_more_principles_than_there_are_is_one_line():
    with pytest.raises(RecipeError, match="has 16 principles with a comparison, and 17 are wanted"):
        draw_principles("harmless", "comparison", 17, 0)


def test_the_command_reads_a_constitution(tmp_path):
    good = prefgen("check", shipped("constitutions") / "harmless.yaml", cwd=tmp_path)
    (tmp_path / "bad.yaml").write_text(
        "name: x\nprinciples:\n  - {id: a, critique: x}\n  - {id: b, comparison: y}\n"
    )
    (tmp_path / "twice.yaml").write_text("name: x\nprinciples:\n  - {id: a}\n  - {id: a}\n")
    bad = prefgen("check", "bad.yaml", "--json", cwd=tmp_path)
    twice = prefgen("check", "twice.yaml", cwd=tmp_path)

    assert (good.returncode, bad.returncode, twice.returncode) == (0, 4, 2)
    assert "16 principles, ok" in good.stdout
    assert len(json.loads(bad.stdout)["findings"]) == 2
    assert "'a' stands twice" in twice.stderr


ANSWERS = ("Do as you like; it is your choice.", "Please take care of yourself, dear.")


def by_group(body, _):
    """A judge for which liberty prefers the first answer, and every other group the second."""
    text = body["messages"][-1]["content"]
    first = text.index(ANSWERS[0]) < text.index(ANSWERS[1])
    liberty = "adult who decides" in text or "room for views" in text
    label = "A" if first == liberty else "B"
    top = [{"token": label, "logprob": -0.1}, {"token": "AB".replace(label, ""), "logprob": -2.35}]
    choice = {"index": 0, "message": {"role": "assistant", "content": label}, "finish_reason": "stop"}
    return {
        "choices": [choice | {"logprobs": {"content": [{**top[0], "top_logprobs": top}]}}],
        "model": "g",
        "usage": {},
    }


def plural(url, score, **judge):
    from tests.support.recipes import a_recipe

    completions = [{"response": text, "model": name} for text, name in zip(ANSWERS, "ab", strict=True)]
    Path("answers.jsonl").write_text(json.dumps({"prompt": "May I?", "completions": completions}) + "\n")
    return a_recipe(url=url) | {
        "stages": [
            {"prompts": {"use": "records", "path": "answers.jsonl"}},
            {"judge": {"values": {"use": "pairwise", "model": "grader", "constitution": "plural", **judge}}},
            {"pair": {"use": "best_vs_worst", "score": score}},
        ]
    }


async def test_groups_are_asked_for_themselves_and_kept_apart_as_columns(tmp_path, server):
    from prefgen.dataset.read_run import read_pairs, read_records
    from tests.support.recipes import run

    server.script = by_group
    outcome = await run(plural(server.url, "values.liberty"), tmp_path / "liberty")
    await run(plural(server.url, {"mean": ["values.care", "values.truth"]}), tmp_path / "both")

    assert outcome.complete
    assert len(server.bodies) == 2 * 5  # both orders, five groups; the second run asks nothing new
    [record] = read_records(tmp_path / "liberty")
    assert {c.aspect for c in record.comparisons} == {"care", "liberty", "fairness", "tradition", "truth"}
    [pair] = read_pairs(tmp_path / "liberty")
    assert pair["chosen"][0]["content"] == ANSWERS[0]
    assert pair["chosen_probability"] == pytest.approx(0.905, abs=0.01)
    preferred = json.loads(pair["aspects"])["preferred"]
    assert preferred["values.liberty"] == pytest.approx(0.905, abs=0.01)
    assert preferred["values.care"] == pytest.approx(0.095, abs=0.01)
    [pair] = read_pairs(tmp_path / "both")
    assert pair["chosen"][0]["content"] == ANSWERS[1]


async def test_no_pair_mixes_them_where_no_score_is_looked_at(tmp_path, server):
    from prefgen.dataset.read_run import read_pairs
    from tests.support.recipes import run

    server.script = by_group
    recipe = plural(server.url, "values.care")
    recipe["stages"][2] = {"pair": {"use": "fixed", "chosen": {"model": ["a"]}, "rejected": {"model": ["b"]}}}

    await run(recipe, tmp_path / "out")

    assert [row["chosen_probability"] for row in read_pairs(tmp_path / "out")] == [None]


@pytest.mark.parametrize(
    "score",
    [
        "values",
        {"mean": ["values.cares"]},
        {},
        {"mean": ["values.care"], "veto": {"values": 0.5}},
        {"veto": {"values.care": 0.5}},
    ],
)
def test_they_are_never_merged_without_being_named(tmp_path, score):
    from prefgen.recipe.build import build
    from prefgen.recipe.load import recipe_from_data

    with pytest.raises(
        RecipeError,
        match=r"keeps care, liberty, fairness, tradition, truth apart: name what is meant, such as values\.care",
    ):
        build(recipe_from_data(plural("http://localhost:1/v1", score), tmp_path))


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        ({"group": "caring"}, "has no group 'caring'"),
        ({"schedule": "swiss"}, "a tournament needs one ranking"),
        ({"group": "care", "constitution": "harmless"}, "has no group 'care' (its groups: none)"),
        ({"group": "care", "principles": 3}, "has 2 principles of group 'care'"),
    ],
)
def test_a_group_that_there_is_not_is_named(tmp_path, judge, message):
    from prefgen.recipe.build import build
    from prefgen.recipe.load import recipe_from_data

    with pytest.raises(RecipeError) as wrong:
        build(recipe_from_data(plural("http://localhost:1/v1", "values", **judge), tmp_path))
    assert message in str(wrong.value)


def test_a_reviser_must_choose_a_group():
    from prefgen.plugins.registry import find

    reviser = find("reviser", "constitution", Path())
    with pytest.raises(RecipeError, match="keeps its groups apart"):
        reviser(model="m", constitution="plural").validate()
    reviser(model="m", constitution="plural", group="truth").validate()


def test_either_all_principles_have_a_group_or_none():
    with pytest.raises(ValueError, match="'b' has no group"):
        Constitution(name="c", principles=(Principle(id="a", group="g"), Principle(id="b")))
