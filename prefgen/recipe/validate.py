"""One thing of a recipe against its class: what is wrong first becomes an error with its place and the
nearest valid name.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from prefgen.errors import RecipeError, did_you_mean
from prefgen.recipe.load import LoadedRecipe, Where

S = TypeVar("S", bound=BaseModel)


def validate_data(
    model: type[Any], data: Any, path: Where, loaded: LoadedRecipe, known_keys: Sequence[str] | None = None
) -> Any:
    """`model` made of `data`; the first thing that is wrong becomes a RecipeError with its place."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        loc, message = describe_error(model, error, known_keys)
    raise RecipeError(message, loaded.place((*path, *loc)))


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
    loc = tuple(
        part
        for part in first_error["loc"]
        if not (isinstance(part, str) and part.startswith(("function-", "literal[")))
    )
    name = ".".join(str(part) for part in loc)
    if first_error["type"] == "extra_forbidden":
        nearest = did_you_mean(str(loc[-1]), list(known_keys or _fields_at(model, loc)))
        return loc, f"unknown key {loc[-1]!r}{nearest}"
    if first_error["type"] == "missing":
        return loc, f"{name!r} is missing"
    message = first_error["msg"].removeprefix("Value error, ")
    if not isinstance(first_error["input"], Mapping | list) and "found" not in message:
        message = f"{message}, found {first_error['input']!r}"
    return loc, f"{name or getattr(model, 'name', '') or 'recipe'}: {message[:1].lower()}{message[1:]}"


def _fields_at(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for part in loc[:-1]:
        info = getattr(current, "model_fields", {}).get(part)
        current = info.annotation if info else None
    return list(getattr(current, "model_fields", {}))
