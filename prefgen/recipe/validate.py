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
        errors = error.errors(include_url=False)
    first_error = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    loc = tuple(
        part
        for part in first_error["loc"]
        if not (isinstance(part, str) and part.startswith(("function-", "literal[")))
    )
    where = loaded.place((*path, *loc))
    name = ".".join(str(part) for part in loc) or (getattr(model, "name", "") or "recipe")
    if first_error["type"] == "extra_forbidden":
        fields = list(known_keys or _fields_at(model, loc))
        raise RecipeError(f"unknown key {loc[-1]!r}{did_you_mean(str(loc[-1]), fields)}", where)
    if first_error["type"] == "missing":
        raise RecipeError(f"{name!r} is missing", where)
    message = first_error["msg"].removeprefix("Value error, ")
    found_text = (
        f", found {first_error['input']!r}"
        if not isinstance(first_error["input"], Mapping | list) and "found" not in message
        else ""
    )
    raise RecipeError(f"{name}: {message[:1].lower()}{message[1:]}{found_text}", where)


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
        raise RecipeError(f"{name}: {describe_error(model, error)}", place) from None


def describe_error(model: type[BaseModel], error: ValidationError) -> str:
    """The first thing that is wrong, in words, with the nearest valid name of a key that there is not."""
    errors = error.errors(include_url=False)
    first_error = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    name = ".".join(map(str, first_error["loc"]))
    if first_error["type"] == "extra_forbidden":
        return f"unknown key {name!r}{did_you_mean(str(first_error['loc'][-1]), _fields_at(model, first_error['loc']))}"
    message = first_error["msg"].removeprefix("Value error, ")
    return f"{name}: {message}, found {first_error['input']!r}" if name else message


def _fields_at(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for part in loc[:-1]:
        info = getattr(current, "model_fields", {}).get(part)
        current = info.annotation if info else None
    return list(getattr(current, "model_fields", {}))
