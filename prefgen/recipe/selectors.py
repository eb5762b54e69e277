"""Which records and responses a plug-in is for: its `only` and `responses`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from prefgen.calls.models import model_label
from prefgen.errors import RecipeError, did_you_mean
from prefgen.recipe.load import LoadedRecipe, Where
from prefgen.recipe.models import BuiltModel
from prefgen.types import Origin


def parse_only(loaded: LoadedRecipe, value: Any, path: Where) -> dict[str, tuple[Any, ...]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RecipeError("only: expected {field: value or list}", loaded.place((*path, "only")))
    allowed_values = {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in value.items()}
    if any(
        isinstance(v, float) and not math.isfinite(v) for values in allowed_values.values() for v in values
    ):
        raise RecipeError("only: a value is no finite number", loaded.place((*path, "only")))
    return allowed_values


def parse_responses(
    loaded: LoadedRecipe, models: Mapping[str, BuiltModel], value: Any, path: Where
) -> dict[str, Any]:
    if value is None:
        return {}
    place = loaded.place((*path, "responses"))
    if not isinstance(value, Mapping) or set(value) - {"origin", "model", "which"}:
        raise RecipeError(
            "responses: expected {origin: [...], model: [...], which: all | first | last}", place
        )
    value = label_models(models, value)
    selector: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in value.items() if k != "which"
    }
    if "which" in value:
        if value["which"] not in ("all", "first", "last"):
            raise RecipeError(f"responses.which must be all, first or last, found {value['which']!r}", place)
        selector["which"] = value["which"]
    return selector


def check_selector(
    selector: Mapping[str, Any], models: Mapping[str, BuiltModel], *, has_other_models: bool
) -> None:
    """Raises RecipeError for what no response can be: of an origin that there is not, or of a model that
    the recipe does not have, where no response comes from elsewhere.
    """
    labels = [model_label(model.identity, model.simulated) for model in models.values()]
    known: list[tuple[str, Sequence[str]]] = [("origin", get_args(Origin))]
    if not has_other_models:
        known.append(("model", labels))
    for name, values in known:
        wanted = selector.get(name, ())
        for value in (wanted,) if isinstance(wanted, str) else wanted:
            if value not in values:
                shown = values if name == "origin" else [*models]
                raise RecipeError(f"{name}: no response is of {value!r}{did_you_mean(str(value), shown)}")


def label_models(models: Mapping[str, BuiltModel], selector: Mapping[str, Any]) -> dict[str, Any]:
    """Which responses are meant, with models as rows show them where the recipe says its own name for one."""
    model_value = selector.get("model")
    if not isinstance(model_value, str | Sequence):
        return dict(selector)
    labels = {name: model_label(model.identity, model.simulated) for name, model in models.items()}
    model_names = (model_value,) if isinstance(model_value, str) else model_value
    return {**selector, "model": [labels.get(name, name) for name in model_names]}
