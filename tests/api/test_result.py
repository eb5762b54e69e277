"""What a run comes to, for Python. (prefgen/api/result.py)"""

import os
import shutil
from html.parser import HTMLParser

import pytest

import prefgen
from tests.support.recipes import a_recipe


class Texts(HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_a_result_is_shown_in_one_line_and_as_a_table(tmp_path):
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    result = prefgen.run(a_recipe(), out=folder, journal=tmp_path / "j.sqlite")
    page = Texts(result._repr_html_())

    assert repr(result) == (
        "Result(run: test, pairs: 3 of 3 prompts, lost: 0, cost: $0.0000 paid, $0.0000 if made anew, "
        f"folder: {folder}, state: complete)"
    )
    assert page.tags == {"table", "tbody", "tr", "th", "td"}
    assert str(folder) in page.texts
    assert os.fspath(result) == str(folder)


def test_prompts_without_a_pair_are_counted_as_lost(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"] = {"use": "scripted", "rules": [{"when": "", "say": "no rating"}]}

    result = prefgen.run(recipe, out=tmp_path / "out", journal=tmp_path / "j.sqlite")

    assert "pairs: 0 of 3 prompts, lost: 3," in repr(result)


def test_pairs_are_those_of_their_run_after_a_later_one_in_its_folder(tmp_path):
    places = {"out": tmp_path / "out", "journal": tmp_path / "j.sqlite"}
    first = prefgen.run(a_recipe(), **places)
    pairs = first.pairs

    second = prefgen.run(a_recipe(seed=2, prompts=("Four?", "Five?")), **places)

    assert [pair["prompt"][0]["content"] for pair in second.pairs] == ["Four?", "Five?"]
    assert first.pairs == pairs
    assert len(first.to_datasets()) == 3


def test_pairs_that_are_there_no_more_are_one_clear_error(tmp_path):
    places = {"out": tmp_path / "out", "journal": tmp_path / "j.sqlite"}
    first = prefgen.run(a_recipe(), **places)
    prefgen.run(a_recipe(prompts=["Four?"]), **places)
    shutil.rmtree(tmp_path / "out" / "previous")

    with pytest.raises(prefgen.PrefgenError, match=r"of this run \(row digest [0-9a-f]{32}\) .* no more"):
        _ = first.pairs
    with pytest.raises(prefgen.PrefgenError, match="no more"):
        first.to_datasets()


def test_an_incomplete_run_has_no_pairs_of_an_earlier_one(tmp_path):
    places = {"out": tmp_path / "out", "journal": tmp_path / "j.sqlite"}
    prefgen.run(a_recipe(), **places)

    result = prefgen.run(a_recipe(prompts=("One?", "Two?", "Three?", "Four?")), **places, offline=True)

    assert "state: incomplete: still without a reply: 2 replies of 1 prompts" in repr(result)
    with pytest.raises(prefgen.RecipeError, match="is not complete; run it again first"):
        _ = result.pairs
