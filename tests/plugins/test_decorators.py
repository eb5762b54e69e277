"""The decorators of the roles: what types refuse, and what is refused when it runs.
(prefgen/plugins/decorators.py)
"""

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from prefgen import Plugin, Score, judge, pairer
from prefgen.errors import PluginError
from prefgen.plugins.decorators import sampler
from prefgen.plugins.registry import find
from prefgen.plugins.role_table import PLUGIN_ROLES
from tests.support.paths import ROOT

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
