"""The JSON schema of recipes, made of the same classes that validate them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from prefgen.errors import PrefgenError
from prefgen.plugins.registry import find, list_plugin_names
from prefgen.plugins.role_table import STAGE_NAMES, roles_of_stage
from prefgen.recipe.schema import Endpoint, ModelEntry, Recipe, Sampling


def recipe_schema(sections: Mapping[str, type[BaseModel]] | None = None) -> dict[str, Any]:
    """JSON Schema 2020-12: every stage, every plug-in that is installed, every field with its description.

    `sections` are the classes behind parts of a recipe that are read by who follows a run: `publish`,
    `train`.
    """
    schema = Recipe.model_json_schema()
    defs: dict[str, Any] = schema.setdefault("$defs", {})
    stage_schemas = []
    for stage in STAGE_NAMES:
        roles = roles_of_stage(stage)
        plugin_schema = {
            "anyOf": [option for role in roles for option in _plugin_schemas(role, defs)]
            + [CUSTOM_PLUGIN_SCHEMA]
        }
        named_plugins_schema = {
            "type": "object",
            "additionalProperties": plugin_schema,
            "not": {"required": ["use"]},
            "minProperties": 1,
        }
        stage_schema = (
            {"type": "array", "items": plugin_schema}
            if stage == "curate"
            else {"anyOf": [plugin_schema, named_plugins_schema]}
        )
        if stage == "curate":
            stage_schema = {"anyOf": [stage_schema, plugin_schema]}
        stage_schemas.append(
            {
                "type": "object",
                "properties": {stage: stage_schema},
                "required": [stage],
                "additionalProperties": False,
            }
        )
    properties = schema["properties"]
    properties["stages"] = {**properties["stages"], "items": {"anyOf": stage_schemas}}
    model_schema = _hoist_definitions(ModelEntry.model_json_schema(), defs)
    model_schema["properties"] |= _backend_fields(defs)
    properties["models"] = {**properties["models"], "additionalProperties": model_schema}
    endpoint_schema = _hoist_definitions(Endpoint.model_json_schema(), defs)
    defs["Endpoint"] = {
        **endpoint_schema,
        "properties": endpoint_schema["properties"] | _backend_fields(defs),
    }
    for name, section in (sections or {}).items():
        properties[name] = {
            "anyOf": [_hoist_definitions(section.model_json_schema(), defs), {"type": "null"}]
        }
    properties["extends"] = {"type": "string", "description": "The path of a recipe that this one changes."}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "prefgen recipe"
    return schema


CUSTOM_PLUGIN_SCHEMA = {
    "type": "object",
    "properties": {"use": {"type": "string", "pattern": ":"}},
    "required": ["use"],
    "title": "a plug-in of your own",
}


def _plugin_schemas(role: str, defs: dict[str, Any]) -> list[dict[str, Any]]:
    schemas: list[dict[str, Any]] = []
    for name in list_plugin_names(role):
        try:
            plugin = find(role, name, Path.cwd())
        except PrefgenError:
            continue  # an installed plug-in that cannot be imported here
        plugin_schema = _hoist_definitions(plugin.model_json_schema(), defs)
        common_properties: dict[str, Any] = {
            "use": {"const": name},
            "only": {"type": "object", "description": "Limits it to matching prompts: {category: [harm]}."},
            "responses": {
                "type": "object",
                "description": "Which responses it sees: {origin, model, which}.",
            },
        }
        sampling = _hoist_definitions(Sampling.model_json_schema(), defs)["properties"]
        override = {
            "type": "object",
            "properties": {"is": {"type": "string"}, **sampling},
            "required": ["is"],
            "additionalProperties": False,
        }
        properties = dict(plugin_schema.get("properties", {}))
        if "model" in properties:
            properties["model"] = {"anyOf": [properties["model"], override]}
        schemas.append(
            {
                **plugin_schema,
                "properties": {**common_properties, **properties},
                "required": ["use", *plugin_schema.get("required", [])],
            }
        )
    return schemas


def _backend_fields(defs: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in list_plugin_names("backend"):
        fields |= _hoist_definitions(find("backend", name, Path.cwd()).model_json_schema(), defs).get(
            "properties", {}
        )
    return fields


def _hoist_definitions(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    defs.update(schema.pop("$defs", {}))
    return schema
