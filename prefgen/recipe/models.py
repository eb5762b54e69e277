"""The models of a recipe: their backends, what keys hold of them, how they are reached, and what their tokens cost."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from prefgen.calls.budget import price_of
from prefgen.errors import RecipeError
from prefgen.plugins.registry import Plugin, find
from prefgen.recipe.identity import model_identity
from prefgen.recipe.load import Loaded, Where
from prefgen.recipe.schema import Endpoint, ModelEntry, Recipe
from prefgen.recipe.validate import validated


@dataclass(frozen=True)
class BuiltModel:
    """A model of the recipe, ready to be connected. `identity` and `sampling` go into keys."""

    name: str
    backend: Plugin
    identity: Mapping[str, Any]
    sampling: Mapping[str, Any]
    endpoint: Endpoint
    simulated: bool


def model_of(name: str, entry: Mapping[str, Any], recipe: Recipe, loaded: Loaded) -> BuiltModel:
    path: Where = ("models", name)
    use = entry.get("use")
    if not isinstance(use, str):
        raise RecipeError(f"model {name!r}: `use` must name a backend", loaded.place(path))
    try:
        backend_class = find("backend", use, loaded.folder)
    except RecipeError as wrong:
        raise RecipeError(str(wrong), loaded.place((*path, "use"))) from wrong
    everything = use in ("simulated", "scripted") or ":" in use
    content = set(backend_class.model_fields) if everything else set(backend_class.identity_fields)
    own = {
        k: v for k, v in entry.items() if k in backend_class.model_fields and k not in ModelEntry.model_fields
    }
    for key in own.keys() - content:
        raise RecipeError(
            f"{key!r} says how the model is reached: it belongs under run: {{endpoints: {{{name}: ...}}}}",
            loaded.place((*path, key)),
        )
    model = validated(
        ModelEntry,
        {k: v for k, v in entry.items() if k not in own},
        path,
        loaded,
        [*ModelEntry.model_fields, *content],
    )
    endpoint = recipe.run.endpoints.get(name, Endpoint())  # pyright: ignore[reportCallIssue] - every field has a default
    reached = {
        k: _environment(v, loaded.place(("run", "endpoints", name, k)))
        for k, v in (endpoint.model_extra or {}).items()
    }
    for key in reached.keys() & content if not everything else ():
        raise RecipeError(
            f"{key!r} decides what the model says: it belongs under models: {name}",
            loaded.place(("run", "endpoints", name, key)),
        )
    at: Where = path if own else ("run", "endpoints", name)
    placed = (
        {"location": model.name or name, "revision": model.revision}
        if "location" in backend_class.model_fields
        else {}
    )
    backend: Any = validated(
        backend_class,
        {**own, **reached, **placed},
        at,
        loaded,
        [*backend_class.model_fields, *Endpoint.model_fields],
    )
    simulated = use == "simulated"
    identity = model_identity(model.name or name, model.revision, simulated, backend if everything else None)
    if hasattr(backend, "described"):
        try:
            identity |= backend.described()
        except RecipeError as wrong:
            raise RecipeError(str(wrong), loaded.place(path)) from wrong
    return BuiltModel(
        name=name,
        backend=backend,
        identity=identity,
        sampling=model.model_dump(exclude_none=True, exclude={"use", "name", "revision"}),
        endpoint=endpoint,
        simulated=simulated,
    )


_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


def _environment(value: Any, where: str) -> Any:
    """Replace ${env:NAME} in text, also inside lists and mappings. Raises RecipeError when the variable is not set."""
    if isinstance(value, str):

        def replace(match: re.Match[str]) -> str:
            found = os.environ.get(match[1])
            if found is None:
                raise RecipeError(f"the environment variable {match[1]} is not set", where)
            return found

        return _ENV.sub(replace, value)
    if isinstance(value, Mapping):
        return {k: _environment(v, where) for k, v in value.items()}
    return [_environment(v, where) for v in value] if isinstance(value, list) else value


def without_secrets(run: Any) -> Any:
    """`run:` as it is stored: with ${env:NAME} left as it stands, and without headers."""
    if isinstance(run, Mapping):
        return {k: without_secrets(v) for k, v in run.items() if k != "headers"}
    return run


def prices_of(recipe: Recipe, loaded: Loaded) -> Mapping[str, Mapping[str, Any]]:
    given = recipe.run.prices
    if given is None:
        return {}
    if isinstance(given, str):
        at = loaded.place(("run", "prices"))
        path = loaded.folder / given
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RecipeError(f"file of prices {given!r} does not exist", at) from None
        except yaml.YAMLError as wrong:
            raise RecipeError(f"not valid YAML: {' '.join(str(wrong).split())}", str(path)) from None
        if not isinstance(found, Mapping) or not all(isinstance(v, Mapping) for v in found.values()):
            raise RecipeError("a file of prices is {model: {input: ..., output: ...}}", str(path))
        given = found
    for model in given:
        price_of(str(model), given)
    return given
