"""The decorators of the roles: what types refuse, and what is refused when it runs.
(prefgen/plugins/decorators.py)
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

import prefgen
from prefgen import Flag, Pair, Plugin, Response, Score, filter, judge, pairer
from prefgen.errors import PluginError
from prefgen.plugins.decorators import sampler
from prefgen.plugins.registry import find
from prefgen.plugins.role_table import PLUGIN_ROLES
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe

RIGHT = '''
from collections.abc import Sequence

from prefgen import Ask, Plugin, Prompt, Response, Score, judge


@judge("right")
class Right(Plugin):
    """Judges."""

    async def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Score]:
        return [Score(response_id=r.id, aspect="length", value=1.0, scale=(0, 1)) for r in responses]
'''
WRONG = {
    "without `judge`": RIGHT.replace("async def judge", "async def rate"),
    "with another result": RIGHT.replace("-> Sequence[Score]:", "-> int:")
    .replace("return [", "return 1 or len([")
    .replace("for r in responses]", "for r in responses])"),
    "without its arguments": RIGHT.replace(
        "self, prompt: Prompt, responses: Sequence[Response], ask: Ask", "self"
    ),
}


def test_pyright_refuses_a_judge_without_judge(tmp_path):
    files = {"right": RIGHT, **WRONG}
    for number, text in enumerate(files.values()):
        (tmp_path / f"judge_{number}.py").write_text(text)
    (tmp_path / "pyrightconfig.json").write_text(
        json.dumps({"extraPaths": [str(ROOT)], "reportMissingModuleSource": False})
    )
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "-p",
        str(tmp_path),
    ]

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    found = json.loads(done.stdout)["generalDiagnostics"]
    refused = {line["file"].rpartition("_")[2] for line in found if line["severity"] == "error"}
    assert refused == {f"{number}.py" for number in range(1, len(files))}, found


def test_a_function_becomes_a_plug_in_with_its_parameters_as_fields():
    @judge("test_decorated_length")
    def decorated_length(responses: Sequence, *, at_least: int = 3) -> list[Score]:
        """How long it is."""
        return [
            Score(response_id=r.id, aspect="length", value=float(len(r.text) >= at_least), scale=(0, 1))
            for r in responses
        ]

    plugin = find("judge", "test_decorated_length", ROOT)
    assert issubclass(plugin, Plugin) and plugin.__doc__ == "How long it is."
    assert plugin(at_least=5).at_least == 5 and plugin().at_least == 3
    assert plugin.source_function is not None


def test_a_parameter_without_a_type_is_refused_with_what_the_role_hands_in():
    with pytest.raises(PluginError, match=r"parameter 'least' needs a type.*prompt, responses, ask, record"):

        @judge("test_decorated_untyped")
        def untyped(responses, least):
            return []


def test_what_is_no_plug_in_is_refused():
    with pytest.raises(PluginError, match="must be a function, or derive from prefgen.Plugin"):
        pairer("test_decorated_class")(type("NoPlugin", (), {}))
    with pytest.raises(PluginError, match="must be a function, or derive"):
        sampler("test_decorated_text")("text")


def test_every_role_has_a_decorator():
    from prefgen.plugins import decorators

    assert all(callable(getattr(decorators, role)) for role in PLUGIN_ROLES)


def test_a_class_is_handed_its_arguments_by_name_as_a_function_is(tmp_path):
    @sampler("test_named_sampler")
    class NamedSampler(Plugin):
        async def sample(self, ask, prompt):
            return [Response.of(prompt, text, model="none") for text in ("a", "bb")]

    @judge("test_named_judge")
    class NamedJudge(Plugin):
        def judge(self, record, responses):
            shown = {r.id for r in responses}
            lengths = {r.id: float(len(r.text)) for r in record.responses if r.id in shown}
            return [
                Score(response_id=id_, aspect="length", value=length, scale=(0, 100))
                for id_, length in lengths.items()
            ]

    @filter("test_named_filter")
    class NamedFilter(Plugin):
        def flag(self, *, record):
            return [Flag(target_id=record.id, rule="seen")]

    @pairer("test_named_pairer")
    class NamedPairer(Plugin):
        def pair(self, rng, record):
            first, second = sorted(record.responses, key=lambda r: len(r.text))
            return [Pair(chosen_id=second.id, rejected_id=first.id, rule="", margin=1.0)]

    recipe = a_recipe()
    recipe["stages"] = [
        recipe["stages"][0],
        {"sample": {"use": "test_named_sampler"}},
        {"judge": {"length": {"use": "test_named_judge"}}},
        {"filter": {"use": "test_named_filter"}},
        {"pair": {"use": "test_named_pairer"}},
    ]

    result = prefgen.run(recipe, out=tmp_path / "out", journal=tmp_path / "j.sqlite")

    assert [pair["chosen"][0]["content"] for pair in result.pairs] == ["bb"] * 3


def test_a_method_with_names_of_its_own_takes_them_in_the_role_s_order():
    @judge("test_own_names")
    class OwnNames(Plugin):
        async def judge(self, question, answers, _ask):
            return [question, answers, _ask]

    with pytest.raises(PluginError, match="takes answers, prompt, ask; a judge is handed prompt, responses"):

        @judge("test_mixed_names")
        class MixedNames(Plugin):
            async def judge(self, answers, prompt, ask):
                return []

    assert asyncio.run(OwnNames().judge("q", "a", "ask")) == ["q", "a", "ask"]
