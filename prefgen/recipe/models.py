"""The models of a recipe: their backends, what keys hold of them, how they are reached, and what their tokens
cost.
"""

import os
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

from prefgen.calls.models import Leaks
from prefgen.errors import RecipeError, did_you_mean
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.registry import find
from prefgen.recipe.identity import model_identity
from prefgen.recipe.load import LoadedRecipe, Where
from prefgen.recipe.plugin_code import check_call, placed
from prefgen.recipe.problems import as_one
from prefgen.recipe.schema import Endpoint, ModelEntry, Recipe
from prefgen.recipe.validate import validate_data
from prefgen.version import notify_renamed

FOR_ALL = "default"
"""The name under `endpoints` of what holds for every model, unless a model is called so."""


@dataclass(frozen=True)
class BuiltModel:
    """A model of the recipe, ready to be connected. `identity` and `sampling` go into keys."""

    name: str
    backend: Plugin
    identity: Mapping[str, Any]
    sampling: Mapping[str, Any]
    endpoint: Endpoint
    simulated: bool
    leaks: Leaks = "strip"


def model_of(name: str, entry: Mapping[str, Any], recipe: Recipe, loaded: LoadedRecipe) -> BuiltModel:
    path: Where = ("models", name)
    use = entry.get("use")
    if not isinstance(use, str):
        raise RecipeError(f"model {name!r}: `use` must name a backend", loaded.place(path))
    with placed(use, loaded.place((*path, "use"))):
        backend_class = find("backend", use, loaded.folder)
    all_is_content = use in ("simulated", "scripted") or ":" in use
    content_fields = set(backend_class.model_fields) if all_is_content else set(backend_class.identity_fields)
    backend_fields = _backend_fields(name, entry, backend_class, content_fields, loaded)
    model = validate_data(
        ModelEntry,
        {k: v for k, v in entry.items() if k not in backend_fields},
        path,
        loaded,
        [*ModelEntry.model_fields, *content_fields],
    )
    endpoint = _endpoint_of(name, recipe, backend_class)
    if not all_is_content:
        endpoint = _with_moved(endpoint, backend_class)
    endpoint_fields = _endpoint_fields(name, endpoint, () if all_is_content else content_fields, loaded)
    location: dict[str, Any] = {}
    if "location" in backend_class.model_fields:
        location = {"location": model.name or name, "revision": model.revision}
    with placed(use, loaded.place(path)):
        backend: Any = validate_data(
            backend_class,
            {**backend_fields, **endpoint_fields, **location},
            path if backend_fields else ("run", "endpoints", name),
            loaded,
            [*backend_class.model_fields, *Endpoint.model_fields],
        )
    simulated = use == "simulated"
    identity = model_identity(
        model.name or name, model.revision, simulated, backend if all_is_content else None
    )
    with placed(use, _endpoint_place(name, recipe, loaded)):
        backend.validate()
    with placed(use, loaded.place(path)):
        check_call(backend, use)
        identity |= backend.identity_details()
    sampling = model.model_dump(exclude_none=True, exclude={"use", "name", "revision", "leaks"})
    return BuiltModel(name, backend, identity, sampling, endpoint, simulated, model.leaks)


def goes_to_batches(model: BuiltModel) -> bool:
    """Whether what a model is asked goes to its provider's batches; what is in this process has none."""
    backend = model.backend
    return model.endpoint.batch and not (backend.asks_nobody or backend.loads_weights)


def asked_live(model: BuiltModel) -> BuiltModel:
    """The model, asked at once whatever the recipe says of batches."""
    return replace(model, endpoint=model.endpoint.model_copy(update={"batch": False}))


def _endpoint_of(name: str, recipe: Recipe, backend_class: type[Plugin]) -> Endpoint:
    """How a model is reached: what `endpoints` says of it goes before what stands there for all, of which
    counts what its backend knows.
    """
    endpoints = recipe.run.endpoints
    own = endpoints.get(name, Endpoint())
    if FOR_ALL in recipe.models or FOR_ALL not in endpoints:
        return own
    known_keys = {*Endpoint.model_fields, *backend_class.model_fields}
    for_all = {
        key: value
        for key, value in endpoints[FOR_ALL].model_dump(exclude_unset=True).items()
        if key in known_keys
    }
    return Endpoint.model_validate({**for_all, **own.model_dump(exclude_unset=True)})


def _endpoint_place(name: str, recipe: Recipe, loaded: LoadedRecipe) -> str:
    """Where the recipe says how a model is reached: its address, else its own endpoint, the one for all, or
    the model.
    """
    own, for_all = ("run", "endpoints", name), ("run", "endpoints", FOR_ALL)
    is_for_all = FOR_ALL not in recipe.models
    wanted: list[Where] = [(*own, "base_url"), *([(*for_all, "base_url")] if is_for_all else []), own]
    return loaded.place(next((path for path in wanted if path in loaded.places), ("models", name)))


def _with_moved(endpoint: Endpoint, backend_class: type[Plugin]) -> Endpoint:
    """The endpoint, in which what stands under `models` today has the name that its backend keeps for earlier
    recipes.
    """
    said = endpoint.model_dump(exclude_unset=True)
    moved = {key: name for key, name in backend_class.moved_to_models.items() if key in said}
    for key in moved:
        notify_renamed(f"run: {{endpoints: {{MODEL: {{{key}}}}}}}", f"models: {{MODEL: {{{key}}}}}")
    if not moved:
        return endpoint
    return Endpoint.model_validate({moved.get(key, key): value for key, value in said.items()})


def check_endpoints(recipe: Recipe, models: Mapping[str, BuiltModel], loaded: LoadedRecipe) -> None:
    """Raises RecipeError, or RecipeErrors, for models that the recipe does not have, and for what no backend
    of its models knows.
    """
    names = list(recipe.models)
    errors = [
        RecipeError(
            f"endpoints: there is no model {name!r}{did_you_mean(name, [*names, FOR_ALL])}",
            loaded.place(("run", "endpoints", name)),
        )
        for name in recipe.run.endpoints
        if name not in (*names, FOR_ALL)
    ]
    if len(models) == len(names) and FOR_ALL not in names and FOR_ALL in recipe.run.endpoints:
        known_keys = {key for model in models.values() for key in type(model.backend).model_fields}
        errors += [
            RecipeError(
                f"unknown key {key!r}{did_you_mean(key, sorted({*known_keys, *Endpoint.model_fields}))}",
                loaded.place(("run", "endpoints", FOR_ALL, key)),
            )
            for key in recipe.run.endpoints[FOR_ALL].model_extra or {}
            if key not in known_keys
        ]
    if errors:
        raise as_one(errors)


def _backend_fields(
    name: str,
    entry: Mapping[str, Any],
    backend_class: type[Plugin],
    content_fields: Container[str],
    loaded: LoadedRecipe,
) -> dict[str, Any]:
    """What a model's entry says of its backend. Raises RecipeError for what says how the model is reached."""
    fields = {
        k: v for k, v in entry.items() if k in backend_class.model_fields and k not in ModelEntry.model_fields
    }
    for key in fields:
        if key not in content_fields:
            raise RecipeError(
                f"{key!r} says how the model is reached: it belongs under run: {{endpoints: {{{name}: "
                "...}}",
                loaded.place(("models", name, key)),
            )
    return fields


def _endpoint_fields(
    name: str, endpoint: Endpoint, content_fields: Container[str], loaded: LoadedRecipe
) -> dict[str, Any]:
    """What a model's endpoint says of its backend. Raises RecipeError for what decides what the model
    says.
    """
    path: Where = ("run", "endpoints", name)
    fields = {
        key: _substitute_environment(value, loaded.place((*path, key)))
        for key, value in (endpoint.model_extra or {}).items()
    }
    for key in fields:
        if key in content_fields:
            raise RecipeError(
                f"{key!r} decides what the model says: it belongs under models: {name}",
                loaded.place((*path, key)),
            )
    return fields


_ENV_REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


def _substitute_environment(value: Any, where: str) -> Any:
    """Replace ${env:NAME} in text, also inside lists and mappings. Raises RecipeError when the variable is
    not set.
    """
    if isinstance(value, str):

        def replace(match: re.Match[str]) -> str:
            variable = os.environ.get(match[1])
            if variable is None:
                raise RecipeError(f"the environment variable {match[1]} is not set", where)
            return variable

        return _ENV_REFERENCE.sub(replace, value)
    if isinstance(value, Mapping):
        return {k: _substitute_environment(v, where) for k, v in value.items()}
    return [_substitute_environment(v, where) for v in value] if isinstance(value, list) else value


def without_secrets(run: Any) -> Any:
    """`run:` as it is stored: with ${env:NAME} left as it stands, and without headers and the environment of
    servers that the run starts.
    """
    if isinstance(run, Mapping):
        return {k: without_secrets(v) for k, v in run.items() if k not in ("headers", "env")}
    return run
