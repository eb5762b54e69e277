"""The models of a run as asks know them: what keys hold of each, how it draws, and who answers for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prefgen.calls.budget import FREE, Price
from prefgen.calls.key import CanonicalJson
from prefgen.transport.request import ConnectedModel


@dataclass(frozen=True)
class ModelSpec:
    """A model of the recipe: its identity (what keys hold), its sampling, and the connection that answers for
    it.
    """

    name: str
    identity: Mapping[str, Any]
    sampling: Mapping[str, Any]
    model: ConnectedModel
    price: Price = FREE
    simulated: bool = False

    @cached_property
    def identity_json(self) -> CanonicalJson:
        """The identity as keys hold it, spelled once."""
        return CanonicalJson.of(self.identity)

    @property
    def label(self) -> str:
        return model_label(self.identity, self.simulated)


def model_label(identity: Mapping[str, Any], simulated: bool) -> str:
    """A model's name as rows show it; a simulated one says so."""
    adapter = identity.get("fields", {}).get("adapter")  # two adapters on one base are two models
    if simulated:
        return f"simulated/{identity['name']}"
    return f"{identity['name']}+{adapter}" if adapter else str(identity["name"])
