"""prefgen makes synthetic preference datasets for aligning language models.

    import prefgen
    result = prefgen.run("pipeline.yaml")      # or `await prefgen.arun(...)`

Everything public is here; it is imported when it is first used, so that `import prefgen` takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

from prefgen.version import __version__, notify_renamed

if TYPE_CHECKING:
    from prefgen.api.check import check
    from prefgen.api.datasets import diff, publish
    from prefgen.api.export import export
    from prefgen.api.mix import mix
    from prefgen.api.pairs import pairs
    from prefgen.api.recipes import plan, preview
    from prefgen.api.result import Result
    from prefgen.api.run import arun, run
    from prefgen.api.training import train
    from prefgen.errors import PrefgenError, RecipeError, ReplyError
    from prefgen.kit.gather import gather, gather_settled
    from prefgen.kit.replies import ask_and_parse
    from prefgen.kit.templates import render, render_text
    from prefgen.plugins.decorators import (
        backend,
        curator,
        filter,
        judge,
        pairer,
        reviser,
        sampler,
        source,
        synthesizer,
    )
    from prefgen.plugins.plugin import FromSeeds, Plugin
    from prefgen.roles import Ask, Revision
    from prefgen.tables import Dropped, Table
    from prefgen.types import (
        Comparison,
        Critique,
        Flag,
        Message,
        Pair,
        Prompt,
        Record,
        Reply,
        Response,
        Score,
        Seed,
    )

_HOMES = {
    "api.check": ("check",),
    "api.datasets": ("diff",),
    "api.export": ("export",),
    "api.mix": ("mix",),
    "api.pairs": ("pairs",),
    "api.recipes": ("plan", "preview"),
    "api.result": ("Result",),
    "api.run": ("arun", "run"),
    "api.training": ("train",),
    "errors": ("PrefgenError", "RecipeError", "ReplyError"),
    "plugins.plugin": ("FromSeeds", "Plugin"),
    "plugins.decorators": (
        "backend",
        "curator",
        "filter",
        "judge",
        "pairer",
        "reviser",
        "sampler",
        "source",
        "synthesizer",
    ),
    "kit.replies": ("ask_and_parse",),
    "roles": ("Ask", "Revision"),
    "tables": ("Dropped", "Table"),
    "kit.templates": ("render", "render_text"),
    "kit.gather": ("gather", "gather_settled"),
    "types": (
        "Comparison",
        "Critique",
        "Flag",
        "Message",
        "Pair",
        "Prompt",
        "Record",
        "Reply",
        "Response",
        "Score",
        "Seed",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = [
    "Ask",
    "Comparison",
    "Critique",
    "Dropped",
    "Flag",
    "FromSeeds",
    "Message",
    "Pair",
    "Plugin",
    "PrefgenError",
    "Prompt",
    "RecipeError",
    "Record",
    "Reply",
    "ReplyError",
    "Response",
    "Result",
    "Revision",
    "Score",
    "Seed",
    "Table",
    "__version__",
    "arun",
    "ask_and_parse",
    "backend",
    "check",
    "curator",
    "diff",
    "export",
    "filter",
    "gather",
    "gather_settled",
    "judge",
    "mix",
    "pairer",
    "pairs",
    "plan",
    "preview",
    "publish",
    "render",
    "render_text",
    "reviser",
    "run",
    "sampler",
    "source",
    "synthesizer",
    "train",
]


_RENAMED = {"Gone": "Dropped", "read": "ask_and_parse", "settled": "gather_settled", "together": "gather"}
"""Names of version 0.1.0, which are still found for one version."""


def __dir__() -> list[str]:
    """What a shell completes: the public names, those that were not used yet too."""
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        notify_renamed(f"prefgen.{name}", f"prefgen.{_RENAMED[name]}")
        name = _RENAMED[name]
    if name == "publish":  # the package, which can be called: importing any of it takes the name anyway
        return importlib.import_module("prefgen.publish")
    if name == "_publish":  # what it calls
        return importlib.import_module("prefgen.api.datasets").publish
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'prefgen' has no attribute {name!r}")
    return getattr(importlib.import_module(f"prefgen.{home}"), name)
