"""`prefgen.run(...)`: a run from Python, also inside a notebook's running loop. (prefgen/api/run.py)"""

import asyncio

import pytest

import prefgen
from tests.support.recipes import a_recipe
from tests.support.server import by_content

PRICES = {"w": {"input": 1, "output": 2}, "g": {"input": 3, "output": 10}}
OTHER_JUDGE = ("stages.2.judge.quality.aspects=[honesty]",)


def test_run_works_inside_a_running_loop(tmp_path):
    async def notebook():
        return prefgen.run(a_recipe(), out=tmp_path / "out", journal=tmp_path / "j.sqlite")

    assert len(asyncio.run(notebook()).pairs) == 3


def test_overrides_apply_to_a_recipe_that_is_data_and_leave_it_as_it_was(tmp_path):
    recipe, sets = a_recipe(), ["name=other", "stages.1.sample.n=3"]

    result = prefgen.run(recipe, out=tmp_path / "out", journal=tmp_path / "j.sqlite", sets=sets)

    assert result.manifest["name"] == "other"
    assert result.manifest["yield"]["responses"] == 9
    assert recipe == a_recipe()


async def _pays(call):
    """What a call from Python does, away from the loop of the server here."""
    return await asyncio.to_thread(call)


async def test_a_changed_recipe_that_costs_money_needs_yes(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    server.script = by_content
    recipe = a_recipe(url=server.url, run={"prices": PRICES})
    where = {"out": tmp_path / "out", "journal": tmp_path / "j.sqlite"}
    first = await _pays(lambda: prefgen.run(recipe, **where))
    asked = len(server.bodies)
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    told = (
        r"the recipe changed since the last run in .*out \(judge: changed; pair: follows a change\): about 3 "
        r"of 9 requests are new, for about \$0\.\d\d; the dataset that is in .*out moves to .*previous/\. "
        r"Give yes=True"
    )

    for call in (prefgen.run, lambda *a, **k: asyncio.run(prefgen.arun(*a, **k))):
        with pytest.raises(prefgen.RecipeError, match=told):
            await _pays(lambda call=call: call(recipe, sets=OTHER_JUDGE, **where))
    with pytest.raises(prefgen.RecipeError, match=r"about 2 of 6 requests .*\d\. Give yes=True to go on$"):
        await _pays(lambda: prefgen.preview(recipe, n=2, sets=OTHER_JUDGE, **where))

    assert len(server.bodies) == asked
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before
    second = await _pays(lambda: prefgen.run(recipe, sets=OTHER_JUDGE, yes=True, **where))
    assert (first.complete, second.complete, len(server.bodies)) == (True, True, asked + 3)


async def test_what_costs_nothing_or_is_new_needs_no_yes(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    server.script = by_content
    recipe, journal = a_recipe(url=server.url, run={"prices": PRICES}), tmp_path / "j.sqlite"
    await _pays(lambda: prefgen.run(recipe, out=tmp_path / "out", journal=journal))
    asked = len(server.bodies)

    margin = ("stages.3.pair.min_margin=0.5",)
    await _pays(lambda: prefgen.run(recipe, sets=margin, out=tmp_path / "out", journal=journal))
    assert len(server.bodies) == asked
    offline = await _pays(
        lambda: prefgen.run(recipe, sets=OTHER_JUDGE, offline=True, out=tmp_path / "out", journal=journal)
    )
    assert (offline.complete, len(server.bodies)) == (False, asked)
    await _pays(lambda: prefgen.run(recipe, sets=OTHER_JUDGE, out=tmp_path / "new", journal=journal))
    assert len(server.bodies) == asked + 3


@pytest.mark.parametrize("count", [0, -1])
def test_no_prompts_at_all_is_no_wish(tmp_path, count):
    where = {"out": tmp_path / "out", "journal": tmp_path / "j.sqlite"}
    for call, option in ((prefgen.run, "limit"), (prefgen.preview, "n"), (prefgen.plan, "sample")):
        with pytest.raises(prefgen.RecipeError, match=f"^{option} must be at least 1, found {count}$"):
            call(a_recipe(), **{option: count}, **where)
    with pytest.raises(prefgen.RecipeError, match=f"^limit must be at least 1, found {count}$"):
        asyncio.run(prefgen.arun(a_recipe(), limit=count, **where))

    assert list(tmp_path.iterdir()) == []
