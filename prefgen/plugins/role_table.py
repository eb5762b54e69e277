"""The roles of plug-ins: ONE table from which folders, decorators, stages, contracts and schemas are derived.

A role is one method. Adding one means adding a row here, a Protocol in `prefgen.roles` and a folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PluginRole:
    """What can be plugged in. `arguments` are what the method is called with, `record` only where it has a
    parameter of that name.
    """

    name: str
    folder: str
    stage: str
    """The stage of a recipe that takes it; empty: none does (backends stand under `models`)."""
    method: str
    arguments: Sequence[str]


PLUGIN_ROLES = {
    role.name: role
    for role in (
        PluginRole("source", "sources", "prompts", "read", ("folder",)),
        PluginRole("synthesizer", "synthesizers", "prompts", "synthesize", ("seed", "ask", "pool")),
        PluginRole("curator", "curators", "curate", "curate", ("rows",)),
        PluginRole("sampler", "samplers", "sample", "sample", ("prompt", "ask")),
        PluginRole("reviser", "revisers", "revise", "revise", ("prompt", "response", "ask", "record")),
        PluginRole("judge", "judges", "judge", "judge", ("prompt", "responses", "ask", "record")),
        PluginRole("filter", "filters", "filter", "flag", ("record",)),
        PluginRole("pairer", "pairers", "pair", "pair", ("record", "rng")),
        PluginRole("backend", "backends", "", "connect", ()),
    )
}
"""By name."""
STAGE_NAMES = tuple(dict.fromkeys(role.stage for role in PLUGIN_ROLES.values() if role.stage))
"""The stages of a recipe, in the order in which they usually follow each other."""


def roles_of_stage(stage: str) -> tuple[str, ...]:
    """The roles whose plug-ins a stage takes."""
    return tuple(role.name for role in PLUGIN_ROLES.values() if role.stage == stage)
