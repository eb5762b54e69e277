"""The models of a run as asks know them: what keys hold of each, how it draws, and who answers for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

from prefgen.calls.budget import FREE, Price
from prefgen.calls.key import CanonicalJson
from prefgen.transport.openai_protocol import MOST_STOPS
from prefgen.transport.request import ConnectedModel, ModelHooks

Leaks = Literal["strip", "fail", "keep"]
"""What happens to what a server leaves in an answer (`prefgen.text.leaks`): taken out where it is certain
what the answer is, lost always, or not looked at.
"""
SAMPLED_ENDPOINTS = ("chat", "completion")
"""Endpoints whose answers are drawn: sampling, and the run's seed, are part of their keys."""


@dataclass(frozen=True, slots=True)
class WantedSampling:
    """The sampling that is wanted of a model, how keys hold it, whether it draws at all, and the texts at
    which an answer ends and of which its server is not told.
    """

    values: Mapping[str, Any]
    json: CanonicalJson
    random: bool
    unsent_stops: tuple[str, ...] = ()

    @classmethod
    def of(cls, endpoint: str, values: Mapping[str, Any]) -> Self:
        """Raises ValueError or TypeError for values that have no canonical form."""
        if endpoint not in SAMPLED_ENDPOINTS:
            return cls({}, CanonicalJson.of({}), random=False)
        values = {name: value for name, value in values.items() if value is not None}
        stops = values.get("stop") or ()
        unsent = () if isinstance(stops, str) else tuple(stops)[MOST_STOPS:]
        return cls(values, CanonicalJson.of(values), values.get("temperature") != 0, unsent)


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
    leaks: Leaks = "strip"
    batched: bool = False
    """Whether what is asked of it goes to its provider's batches."""

    @cached_property
    def identity_json(self) -> CanonicalJson:
        """The identity as keys hold it, spelled once."""
        return CanonicalJson.of(self.identity)

    @cached_property
    def fingerprint(self) -> str:
        """What each reply of the run's own server holds; empty where nobody says beforehand."""
        return self.model.fingerprint if isinstance(self.model, ModelHooks) else ""

    @property
    def label(self) -> str:
        return model_label(self.identity, self.simulated)


def model_label(identity: Mapping[str, Any], simulated: bool) -> str:
    """A model's name as rows show it; a simulated one says so."""
    adapter = identity.get("fields", {}).get("adapter")  # two adapters on one base are two models
    if simulated:
        return f"simulated/{identity['name']}"
    return f"{identity['name']}+{adapter}" if adapter else str(identity["name"])
