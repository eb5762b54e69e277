"""A model with other sampling for one stage: `model: {is: strong, max_tokens: 512}`."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import RecipeError
from prefgen.plugins.plugin import Plugin
from prefgen.recipe.load import LoadedRecipe, Where
from prefgen.recipe.schema import Sampling
from prefgen.recipe.validate import validate_data


def split_overrides(
    plugin_class: type[Plugin], fields: dict[str, Any], path: Where, loaded: LoadedRecipe
) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """{is: strong, max_tokens: 512} becomes the name `strong`, and the rest sampling for this stage
    alone.
    """
    overrides: dict[str, Mapping[str, Any]] = {}

    def take_override(value: Any, value_path: Where) -> Any:
        if isinstance(value, Mapping) and "is" in value:
            sampling = validate_data(
                Sampling, {k: v for k, v in value.items() if k != "is"}, value_path, loaded
            )
            name, settings = str(value["is"]), sampling.model_dump(exclude_unset=True)
            if overrides.setdefault(name, settings) != settings:
                message = (
                    f"model {name!r} is given two samplings in one plug-in: give it a second name under "
                    "`models`"
                )
                raise RecipeError(message, loaded.place(value_path))
            return value["is"]
        return value

    plain_fields = dict(fields)
    for key in fields:
        if key in plugin_class.model_fields:
            value = plain_fields[key]
            if isinstance(value, Sequence) and not isinstance(value, str):
                plain_fields[key] = [take_override(item, (*path, key, i)) for i, item in enumerate(value)]
            else:
                plain_fields[key] = take_override(value, (*path, key))
    return plain_fields, overrides
