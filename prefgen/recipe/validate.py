"""One thing of a recipe against its class: whatever is wrong becomes an error with its place and the nearest
valid name.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from prefgen.errors import RecipeError, did_you_mean
from prefgen.recipe.load import LoadedRecipe, Where
from prefgen.recipe.problems import as_one

S = TypeVar("S", bound=BaseModel)


def validate_data(
    model: type[Any], data: Any, path: Where, loaded: LoadedRecipe, known_keys: Sequence[str] | None = None
) -> Any:
    """`model` made of `data`. Raises RecipeError, or RecipeErrors, with the place of whatever is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        described = describe_errors(model, error, data, known_keys)
    raise as_one([RecipeError(message, loaded.place((*path, *loc))) for loc, message in described])


def parse_section(
    model: type[S], name: str, data: Any, overrides: Mapping[str, Any], place: str | None = None
) -> S:
    """A part of a recipe that is read by who follows a run: `data` stands there, at `place`, and `overrides`
    go before it. Raises RecipeError.
    """
    if data is not None and not isinstance(data, Mapping):
        raise RecipeError(f"{name}: expected a mapping, found {type(data).__name__}", place)
    try:
        return model.model_validate({**(data or {}), **overrides})
    except ValidationError as error:
        _, message = describe_error(model, error)
    raise RecipeError(f"{name}: {message}", place)


def describe_error(
    model: type[BaseModel], error: ValidationError, known_keys: Sequence[str] | None = None
) -> tuple[Where, str]:
    """(where it is, in words) of the first thing that is wrong, with the nearest of `known_keys` to a key
    that there is not.
    """
    errors = error.errors(include_url=False)
    first_error = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    return _describe(model, first_error, known_keys)


def describe_errors(
    model: type[BaseModel], error: ValidationError, data: Any, known_keys: Sequence[str] | None = None
) -> list[tuple[Where, str]]:
    """The same of everything that is wrong: one line of a value that fits none of several types, and none of
    a key that is missing because it is misspelled.
    """
    errors = error.errors(include_url=False)
    described: dict[Where, tuple[Where, str]] = {}
    for one_error in sorted(errors, key=lambda one: one["type"] != "extra_forbidden"):
        loc, message = _describe(model, one_error, known_keys)
        if one_error["type"] != "missing":
            described.setdefault(_path_in_data(data, loc), (loc, message))
        elif not any(text.endswith(f"Did you mean {loc[-1]!r}?") for _, text in described.values()):
            described[loc] = (loc, message)
    return list(described.values())


def _describe(
    model: type[BaseModel], one_error: Mapping[str, Any], known_keys: Sequence[str] | None
) -> tuple[Where, str]:
    loc = tuple(
        part
        for part in one_error["loc"]
        if not (isinstance(part, str) and part.startswith(("function-", "literal[")))
    )
    name = ".".join(str(part) for part in loc)
    if one_error["type"] == "extra_forbidden":
        nearest = did_you_mean(str(loc[-1]), list(known_keys or _fields_at(model, loc)))
        return loc, f"unknown key {loc[-1]!r}{nearest}"
    if one_error["type"] == "missing":
        return loc, f"{name!r} is missing"
    message = one_error["msg"].removeprefix("Value error, ")
    if not isinstance(one_error["input"], Mapping | list) and "found" not in message:
        message = f"{message}, found {one_error['input']!r}"
    return loc, f"{name or getattr(model, 'name', '') or 'recipe'}: {message[:1].lower()}{message[1:]}"


def _path_in_data(data: Any, loc: Where) -> Where:
    """The part of `loc` that is a path in the data: what follows are names of types that were tried."""
    for depth, part in enumerate(loc):
        try:
            data = None if isinstance(data, str) else data[part]
        except (KeyError, IndexError, TypeError):
            return loc[:depth]
    return loc


def _fields_at(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for part in loc[:-1]:
        info = getattr(current, "model_fields", {}).get(part)
        current = info.annotation if info else None
    return list(getattr(current, "model_fields", {}))
