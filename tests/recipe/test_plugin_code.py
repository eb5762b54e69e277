"""Plug-ins that cannot be called are found while a recipe is built. (prefgen/recipe/plugin_code.py)"""

import re

import pytest

from prefgen.errors import RecipeError, RecipeErrors
from prefgen.plugins.registry import list_plugin_names
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe

RECIPE = """name: r
models:
  writer: {use: simulated}
stages:
  - prompts: {use: inline, prompts: [Hello]}
  - sample: {use: each, model: writer, n: 2}
  - judge:
      mine: USE
"""
CODE = """
import prefgen
from pydantic import model_validator

@prefgen.judge("few")
class Few(prefgen.Plugin):
    async def judge(self, question):
        return []

@prefgen.judge("many")
class Many(prefgen.Plugin):
    async def judge(self, a, b, c, d):
        return []

@prefgen.judge("keyword")
class Keyword(prefgen.Plugin):
    async def judge(self, prompt, responses, ask, *, temper):
        return []

@prefgen.judge("fewer_by_name")
class FewerByName(prefgen.Plugin):
    async def judge(self, responses):
        return []

@prefgen.judge("own_names")
class OwnNames(prefgen.Plugin):
    async def judge(self, a, b, c, record=None):
        return []

@prefgen.judge("none")
class NoMethod(prefgen.Plugin):
    pass

@prefgen.judge("failing")
class Failing(prefgen.Plugin):
    path: str = "none"
    @model_validator(mode="after")
    def look(self):
        return {}["no such key"]
    async def judge(self, prompt, responses, ask):
        return []

@prefgen.judge("hook")
class Hook(prefgen.Plugin):
    def validate(self):
        return 1 / 0
    async def judge(self, prompt, responses, ask):
        return []

@prefgen.curator("later")
class Later(prefgen.Plugin):
    async def curate(self, rows):
        return rows

@prefgen.curator("filled")
class Filled(prefgen.Plugin):
    def output_column(self):
        return "number"
    def curate(self, rows):
        return rows

class NoPlugin:
    pass
"""


def built(folder, recipe):
    (folder / "own.py").write_text(CODE)
    (folder / "missing.py").write_text("import no_such_module_at_all\n")
    (folder / "broken.py").write_text("def half(:\n")
    (folder / "bad.py").write_text(
        "import prefgen\n@prefgen.judge('x')\ndef judge(prompt, responses, wrods):\n    return []\n"
    )
    path = folder / "r.yaml"
    path.write_text(recipe)
    return build(load_recipe(path))


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (
            "./own.py:Few",
            r"cannot be called: `judge` takes question; a judge is handed prompt, responses, ask",
        ),
        ("./own.py:Many", r"cannot be called: `judge` takes a, b, c, d; .*missing a required argument: 'd'"),
        ("./own.py:Keyword", r"cannot be called: .*missing a required (keyword-only )?argument: 'temper'"),
        ("./own.py:NoMethod", r"has no method `judge`"),
        ("./own.py:NoPlugin", r"is no judge"),
        ("./own.py:Nobody", r"has no 'Nobody'"),
        ("./own.py:Failing", r"cannot be used: KeyError: 'no such key'"),
        ("./own.py:Hook", r"cannot be used: ZeroDivisionError"),
        ("./missing.py:Mine", r"ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("./broken.py:Mine", r"SyntaxError"),
        ("./bad.py:judge", r"parameter 'wrods' needs a type"),
        ("./nowhere.py:Mine", r"does not exist"),
        ("no_such_package.judges:Mine", r"cannot be found"),
    ],
)
def test_a_plug_in_that_cannot_be_called_has_its_place_in_the_recipe(tmp_path, use, says):
    with pytest.raises(RecipeError, match=says) as raised:
        built(tmp_path, RECIPE.replace("USE", f'{{use: "{use}"}}'))

    assert re.match(rf"{tmp_path}/r\.yaml:8:\d+: ", str(raised.value))
    assert "<class" not in str(raised.value)


@pytest.mark.parametrize("use", ["./own.py:FewerByName", "./own.py:OwnNames"])
def test_what_can_be_called_is_let_be(tmp_path, use):
    assert built(tmp_path, RECIPE.replace("USE", f'{{use: "{use}"}}'))


def test_all_of_them_are_said_at_once_beside_other_faults(tmp_path):
    stages = RECIPE.replace("mine: USE", 'a: {use: "./own.py:Few"}\n      b: {use: "./missing.py:B"}')
    stages = stages.replace("n: 2}", "n: two}").replace(
        "  - judge:", '  - curate: [{use: "./own.py:Later"}, {use: "./own.py:Filled"}]\n  - judge:'
    )

    with pytest.raises(RecipeErrors) as raised:
        built(tmp_path, stages)

    lines = str(raised.value).splitlines()
    expected = (
        r":6:\d+: n: ",
        "`curate` of .* is `async`",
        "no method `annotate`",
        "`judge` takes question",
        "no_such_module",
    )
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected, strict=True):
        assert re.search(pattern, line)


def test_every_shipped_plug_in_can_be_called():
    from prefgen.plugins.registry import find
    from prefgen.recipe.plugin_code import check_call
    from tests.support.paths import ROOT

    looked_at = 0
    for role in PLUGIN_ROLES:
        for name in list_plugin_names(role):
            made = find(role, name, ROOT)
            if made.__module__.startswith("prefgen.") and not any(
                f.is_required() for f in made.model_fields.values()
            ):
                check_call(made.model_construct(), name)
                looked_at += 1
    assert looked_at > 15
