"""What tokens cost: the user's own prices, and where they name a model not, the public list prices that are
shipped (list_prices.json: as LiteLLM has them, with the day).

A list price is the provider's. A server on this machine is the user's own: no list price is held against it.
"""

import json
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from prefgen.calls.budget import FREE, Price, price_of
from prefgen.errors import RecipeError
from prefgen.recipe.load import LoadedRecipe
from prefgen.recipe.models import BuiltModel
from prefgen.recipe.schema import Recipe

LIST_PRICES = Path(__file__).with_name("list_prices.json")


@cache
def list_prices() -> Mapping[str, Any]:
    """The shipped table: {source, date, prices: {model: {input, output, cached_input}}}."""
    return json.loads(LIST_PRICES.read_text(encoding="utf-8"))


def prices_of(recipe: Recipe, loaded: LoadedRecipe) -> Mapping[str, Mapping[str, Any]]:
    """The user's own prices, of the recipe or of a file that it names. Raises RecipeError with its place."""
    prices = recipe.run.prices
    if prices is None:
        return {}
    if not isinstance(prices, str):
        for model in prices:
            _check_price(str(model), prices, loaded.place(("run", "prices", model)))
        return prices
    place = loaded.place(("run", "prices"))
    path = loaded.folder / prices
    try:
        price_table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"file of prices {prices!r} does not exist", place) from None
    except yaml.YAMLError as error:
        raise RecipeError(f"not valid YAML: {' '.join(str(error).split())}", str(path)) from None
    if not isinstance(price_table, Mapping) or not all(isinstance(v, Mapping) for v in price_table.values()):
        raise RecipeError("a file of prices is {model: {input: ..., output: ...}}", str(path))
    for model in price_table:
        _check_price(str(model), price_table, str(path))
    return price_table


def _check_price(model: str, prices: Mapping[str, Mapping[str, Any]], place: str) -> None:
    try:
        price_of(model, prices)
    except RecipeError as error:
        raise RecipeError(str(error), place) from None


def model_price(model: BuiltModel, own_prices: Mapping[str, Mapping[str, Any]]) -> Price | None:
    """What a model's tokens cost; None where nobody says it. What is simulated is free, and so are weights in
    this process, and servers of one's own, where no price is given.
    """
    if model.simulated:
        return FREE
    name = str(model.identity["name"])
    price = price_of(name, own_prices)
    if price is None and (model.backend.loads_weights or model.backend.self_hosted):
        return FREE
    if price is None and has_list_price(model):
        return price_of(name, list_prices()["prices"])
    return price


def has_list_price(model: BuiltModel) -> bool:
    """Whether the shipped table has a price of this model that is held against its server."""
    backend = model.backend
    if backend.asks_nobody or backend.loads_weights or backend.self_hosted:
        return False
    address = getattr(model.backend, "base_url", None) or ""
    return (
        not _is_this_machine(urlsplit(address).hostname or "")
        and str(model.identity["name"]) in list_prices()["prices"]
    )


def _is_this_machine(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified


def price_notes(models: Mapping[str, BuiltModel], own_prices: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What should be known of prices before anything is paid, a line each."""
    real = {name: model for name, model in models.items() if not model.backend.asks_nobody}
    unknown = [name for name, model in real.items() if model_price(model, own_prices) is None]
    listed = [
        name
        for name, model in real.items()
        if str(model.identity["name"]) not in own_prices and has_list_price(model)
    ]
    notes: list[str] = []
    if listed:
        notes.append(
            f"prices of {', '.join(listed)}: public list prices of {list_prices()['date']}; yours, under "
            "run.prices, win"
        )
    if unknown:
        notes.append(
            f"no price is known of {', '.join(unknown)}: what they cost is not counted. Give it under "
            "run.prices (USD a million tokens; 0 for your own server)"
        )
    return notes
