"""Constitutions: what is shipped is whole, and `check` says what is wrong with one."""

import json
from collections import Counter

import pytest

from prefgen.constitutions import Constitution, Principle, drawn_principles, findings, read_constitution
from prefgen.errors import RecipeError
from prefgen.templates import shipped
from tests.test_cli import prefgen


@pytest.mark.parametrize("path", sorted(shipped("constitutions").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_constitution_is_whole(path):
    assert findings(read_constitution(path)) == []


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

    found = findings(made)

    assert any("2 of 3 principles have no critique: b, c" in words for words in found)
    assert any(words.startswith("a and b may contradict") for words in found)
    assert any(words.startswith("a and c repeat") for words in found)


def test_draws_follow_weights_and_one_more_principle_moves_only_its_share(tmp_path, monkeypatch):
    (tmp_path / "constitutions").mkdir()

    def write(*weights):
        principles = [{"id": f"p{i}", "weight": w, "comparison": "Choose."} for i, w in enumerate(weights)]
        (tmp_path / "constitutions" / f"c{len(weights)}.yaml").write_text(json.dumps({"name": "c", "principles": principles}))

    from prefgen.templates import use_texts_beside

    write(1, 3)
    write(1, 3, 1)
    use_texts_beside(tmp_path)
    two = [drawn_principles("c2", "comparison", 1, 0, f"prompt {i}")[0].id for i in range(2000)]
    three = [drawn_principles("c3", "comparison", 1, 0, f"prompt {i}")[0].id for i in range(2000)]
    use_texts_beside(None)

    assert 0.70 < Counter(two)["p1"] / 2000 < 0.80
    assert {after for before, after in zip(two, three, strict=True) if before != after} == {"p2"}


def test_more_principles_than_there_are_is_one_line():
    with pytest.raises(RecipeError, match="has 16 principles with a comparison, and 17 are wanted"):
        drawn_principles("harmless", "comparison", 17, 0)


def test_the_command_reads_a_constitution(tmp_path):
    good = prefgen("check", shipped("constitutions") / "harmless.yaml", cwd=tmp_path)
    (tmp_path / "bad.yaml").write_text("name: x\nprinciples:\n  - {id: a, critique: x}\n  - {id: b, comparison: y}\n")
    (tmp_path / "twice.yaml").write_text("name: x\nprinciples:\n  - {id: a}\n  - {id: a}\n")
    bad = prefgen("check", "bad.yaml", "--json", cwd=tmp_path)
    twice = prefgen("check", "twice.yaml", cwd=tmp_path)

    assert (good.returncode, bad.returncode, twice.returncode) == (0, 4, 2)
    assert "16 principles, ok" in good.stdout
    assert len(json.loads(bad.stdout)["findings"]) == 2
    assert "'a' stands twice" in twice.stderr
