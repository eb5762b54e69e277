"""The JSON schema of recipes, made of the same classes that validate them. (prefgen/recipe/jsonschema.py)"""

import json
from pathlib import Path

from prefgen.plugins.registry import find, list_plugin_names
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.recipe.jsonschema import recipe_schema


def test_the_schema_knows_every_plug_in_and_its_fields():
    text = json.dumps(recipe_schema())

    stages = [role.name for role in PLUGIN_ROLES.values() if role.stage]
    names = [(role, name) for role in stages for name in list_plugin_names(role)]
    assert len(names) > 50
    for role, name in names:
        if name.startswith("test_"):
            continue
        assert f'"{name}"' in text, f"{role} {name}"
        for field in find(role, name, Path()).model_fields:
            assert f'"{field}"' in text, f"{role} {name}: {field}"
