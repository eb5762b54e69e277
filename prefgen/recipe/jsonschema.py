"""The JSON schema of recipes, made of the same classes that validate them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from prefgen.errors import PrefgenError
from prefgen.plugins.registry import find, names
from prefgen.recipe.schema import ROLES_OF_STAGE, Endpoint, ModelEntry, Recipe, Sampling


def recipe_schema(sections: Mapping[str, type[BaseModel]] | None = None) -> dict[str, Any]:
    """JSON Schema 2020-12: every stage, every plug-in that is installed, every field with its description.

    `sections` are the classes behind parts of a recipe that are read by who follows a run: `publish`, `train`.
    """
    schema = Recipe.model_json_schema()
    defs: dict[str, Any] = schema.setdefault("$defs", {})
    stages = []
    for stage, roles in ROLES_OF_STAGE.items():
        one = {"anyOf": [option for role in roles for option in _plugins_of(role, defs)] + [OF_ONES_OWN]}
        several = {
            "type": "object",
            "additionalProperties": one,
            "not": {"required": ["use"]},
            "minProperties": 1,
        }
        value = {"type": "array", "items": one} if stage == "curate" else {"anyOf": [one, several]}
        if stage == "curate":
            value = {"anyOf": [value, one]}
        stages.append(
            {
                "type": "object",
                "properties": {stage: value},
                "required": [stage],
                "additionalProperties": False,
            }
        )
    properties = schema["properties"]
    properties["stages"] = {**properties["stages"], "items": {"anyOf": stages}}
    model = _inlined(ModelEntry.model_json_schema(), defs)
    model["properties"] |= _backend_fields(defs)
    properties["models"] = {**properties["models"], "additionalProperties": model}
    endpoint = _inlined(Endpoint.model_json_schema(), defs)
    defs["Endpoint"] = {**endpoint, "properties": endpoint["properties"] | _backend_fields(defs)}
    for name, section in (sections or {}).items():
        properties[name] = {"anyOf": [_inlined(section.model_json_schema(), defs), {"type": "null"}]}
    properties["extends"] = {"type": "string", "description": "The path of a recipe that this one changes."}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "prefgen recipe"
    return schema


OF_ONES_OWN = {
    "type": "object",
    "properties": {"use": {"type": "string", "pattern": ":"}},
    "required": ["use"],
    "title": "a plug-in of your own",
}


def _plugins_of(role: str, defs: dict[str, Any]) -> list[dict[str, Any]]:
    options: list[dict[str, Any]] = []
    for name in names(role):
        try:
            plugin = find(role, name, Path.cwd())
        except PrefgenError:
            continue  # an installed plug-in that cannot be imported here
        one = _inlined(plugin.model_json_schema(), defs)
        shared: dict[str, Any] = {
            "use": {"const": name},
            "only": {"type": "object", "description": "Limits it to matching prompts: {category: [harm]}."},
            "responses": {
                "type": "object",
                "description": "Which responses it sees: {origin, model, which}.",
            },
        }
        sampling = _inlined(Sampling.model_json_schema(), defs)["properties"]
        override = {
            "type": "object",
            "properties": {"is": {"type": "string"}, **sampling},
            "required": ["is"],
            "additionalProperties": False,
        }
        own = dict(one.get("properties", {}))
        if "model" in own:
            own["model"] = {"anyOf": [own["model"], override]}
        options.append(
            {**one, "properties": {**shared, **own}, "required": ["use", *one.get("required", [])]}
        )
    return options


def _backend_fields(defs: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in names("backend"):
        fields |= _inlined(find("backend", name, Path.cwd()).model_json_schema(), defs).get("properties", {})
    return fields


def _inlined(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    defs.update(schema.pop("$defs", {}))
    return schema
