"""The one table of roles, and what follows from it. (prefgen/plugins/role_table.py)"""

import inspect

from prefgen import roles as protocols
from prefgen.cli.show import app
from prefgen.plugins.registry import find, list_plugin_names
from prefgen.plugins.role_table import PLUGIN_ROLES, STAGE_NAMES, roles_of_stage
from tests.support.paths import ROOT


def test_each_role_has_its_folder_its_protocol_and_its_command():
    commands = {command.name for command in app.registered_commands}
    for name, role in PLUGIN_ROLES.items():
        assert (ROOT / "prefgen" / role.folder).is_dir()
        assert name in commands
        if role.stage:
            assert hasattr(getattr(protocols, name.title()), role.method)


def test_every_shipped_plug_in_takes_what_its_role_hands_in():
    for name, role in PLUGIN_ROLES.items():
        for plugin in list_plugin_names(name):
            made = find(name, plugin, ROOT)
            if not made.__module__.startswith("prefgen."):  # a test of this process has made it
                continue
            method = getattr(made, role.method)
            taken = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
            assert set(taken) <= set(role.arguments), (name, plugin, taken)


def test_stages_stand_in_the_order_in_which_they_follow_each_other():
    assert STAGE_NAMES == ("prompts", "curate", "sample", "revise", "judge", "filter", "pair")
    assert roles_of_stage("prompts") == ("source", "synthesizer")
    assert roles_of_stage("pair") == ("pairer",)
