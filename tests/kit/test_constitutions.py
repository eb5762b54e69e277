"""Constitutions: principles with ids and wordings, as files under constitutions/.
(prefgen/kit/constitutions.py)
"""

import json
from collections import Counter

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


@pytest.mark.parametrize("path", sorted(shipped("constitutions").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_constitution_is_whole(path):
    assert constitution_findings(read_constitution(path)) == []


def test_what_is_wrong_is_pointed_out():
    long = (
        "Choose the reply that gives the person {} detail about the matter that they asked about, in plain "
        "words"
    )
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
    with pytest.raises(RecipeError, match="has 18 principles with a comparison, and 19 are wanted"):
        draw_principles("harmless", "comparison", 19, 0)


def test_either_all_principles_have_a_group_or_none():
    with pytest.raises(ValueError, match="'b' has no group"):
        Constitution(name="c", principles=(Principle(id="a", group="g"), Principle(id="b")))
