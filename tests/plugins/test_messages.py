"""What whoever wrote a plug-in is told: in their words, without what Python prints of types and objects, and
never of a plug-in that is not theirs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

import prefgen
from prefgen import Response, Score
from prefgen.errors import PluginError
from prefgen.plugins.registry import find, list_plugin_names
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.plugins.type_words import kind_of, type_in_words
from tests.support.cli import prefgen_here
from tests.support.recipes import a_recipe, run

LEAKS = re.compile(r"<(class|function|bound|coroutine|module)|object at 0x|NoneType|has no attribute")
BUNDLED = {name for role in PLUGIN_ROLES for name in list_plugin_names(role) if "_" in name} | {
    "ultrafeedback", "pairwise", "magpie", "inline",
}  # fmt: skip
"""Names of bundled plug-ins that are no words by themselves."""
GIVEN = {
    "nothing": None,
    "a text": "fine",
    "a number": 3,
    "the class": Score,
    "a list of texts": ["fine"],
    "a list of nothing": [None],
    "a list of classes": [Response],
    "an object": object(),
    "a mapping": {"value": 1},
    "a function": len,
}
MAKERS = {
    "sampler": lambda given: prefgen.sampler("test_messages")(_sample(given)),
    "reviser": lambda given: prefgen.reviser("test_messages")(_revise(given)),
    "judge": lambda given: prefgen.judge("test_messages")(_judge(given)),
    "filter": lambda given: prefgen.filter("test_messages")(_flag(given)),
    "pairer": lambda given: prefgen.pairer("test_messages")(_pair(given)),
    "curator": lambda given: prefgen.curator("test_messages")(_curate(given)),
}
STAGES = {
    "sampler": (1, {"sample": {"use": "test_messages"}}),
    "reviser": (2, {"revise": {"use": "test_messages"}}),
    "judge": (2, {"judge": {"mine": {"use": "test_messages"}}}),
    "filter": (3, {"filter": {"use": "test_messages"}}),
    "pairer": (3, {"pair": {"use": "test_messages"}}),
    "curator": (1, {"curate": [{"use": "test_messages"}]}),
}


def _sample(given):
    async def mine(prompt, ask):
        return given

    return mine


def _revise(given):
    async def mine(prompt, response, ask):
        return given

    return mine


def _judge(given):
    async def mine(prompt, responses, ask):
        return given

    return mine


def _flag(given):
    def mine(record):
        return given

    return mine


def _pair(given):
    def mine(record, rng):
        return given

    return mine


def _curate(given):
    def mine(rows):
        return given

    return mine


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("role", MAKERS)
async def test_what_a_plug_in_may_not_return_is_said_in_words(role, given, tmp_path):
    MAKERS[role](GIVEN[given])
    recipe = a_recipe(prompts=("One?",))
    place, stage = STAGES[role]
    recipe["stages"][3] = {"pair": {"use": "all_pairs"}}
    recipe["stages"][place : place + (role not in ("curator", "filter", "reviser"))] = [stage]

    try:
        stopped = (await run(recipe, tmp_path / "out")).stopped
    except PluginError as error:
        stopped = error

    said = str(stopped)
    assert isinstance(stopped, PluginError), said
    assert "test_messages" in said or "mine" in said
    assert not LEAKS.search(said), said
    assert not BUNDLED & set(re.findall(r"\w+", said)), said
    assert "\n" not in said


@pytest.mark.parametrize("role", list(PLUGIN_ROLES))
@pytest.mark.parametrize("given", [object(), 3, "text", len, dict])
def test_what_is_no_plug_in_is_refused_in_words(role, given):
    with pytest.raises(PluginError) as refused:
        getattr(prefgen, role)("test_messages")(given)

    assert f"@{role}('test_messages')" in str(refused.value)
    assert not LEAKS.search(str(refused.value)), refused.value


def test_a_file_that_holds_no_plug_in_is_refused_in_words(tmp_path):
    (tmp_path / "mine.py").write_text("class J: pass\nx = 3\n")
    for name in ("J", "x", "y"):
        recipe = a_recipe()
        recipe["stages"][2] = {"judge": {"q": {"use": f"./mine.py:{name}"}}}
        (tmp_path / "r.json").write_text(json.dumps(recipe))

        refused = prefgen_here("check", "r.json", cwd=tmp_path)

        assert refused.returncode != 0
        assert not LEAKS.search(refused.stdout + refused.stderr), refused.stderr
        assert not BUNDLED & set(re.findall(r"\w+", refused.stderr)), refused.stderr


@pytest.mark.parametrize(("role", "name"), [(r, n) for r in PLUGIN_ROLES for n in list_plugin_names(r)])
def test_fields_of_plug_ins_have_types_in_words(role, name):
    for field in find(role, name, Path.cwd()).model_fields.values():
        words = type_in_words(field.annotation)
        assert not re.search(r"<|typing|collections|prefgen|NoneType|Union|Literal|\bclass\b", words), words


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str | None, "str or null"),
        (Literal["a", "b"], '"a" or "b"'),
        (tuple[float, float], "[float, float]"),
        (tuple[str, ...], "list of str"),
        (Sequence[Mapping[str, int]], "list of mapping of str to int"),
        (Path, "path"),
        (Any, "anything"),
        (list, "list"),
    ],
)
def test_types_are_said_as_a_recipe_writes_them(annotation, words):
    assert type_in_words(annotation) == words


async def test_what_was_given_is_said_by_its_kind():
    async def forgotten():
        return 1

    waiting = forgotten()

    assert [kind_of(value) for value in (None, 1, [2], Score, waiting)] == [
        "nothing (None)", "an int", "a list", "the class Score itself", "a coroutine that nobody awaited",
    ]  # fmt: skip
    await waiting
