"""prefgen makes synthetic preference datasets for aligning language models.

    import prefgen
    result = prefgen.run("pipeline.yaml")      # or `await prefgen.arun(...)`

Everything public is here; it is imported when it is first used, so that `import prefgen` takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

from prefgen.version import __version__

if TYPE_CHECKING:
    from prefgen.api import Result, arun, run
    from prefgen.errors import PrefgenError, RecipeError, ReplyError
    from prefgen.kit.gather import settled, together
    from prefgen.kit.replies import read
    from prefgen.kit.templates import render, render_text
    from prefgen.plugins.registry import (
        FromSeeds,
        Plugin,
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
    from prefgen.roles import Ask, Revision
    from prefgen.tables import Gone, Table
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
    "api": ("Result", "arun", "run"),
    "errors": ("PrefgenError", "RecipeError", "ReplyError"),
    "plugins.registry": (
        "FromSeeds",
        "Plugin",
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
    "kit.replies": ("read",),
    "roles": ("Ask", "Revision"),
    "tables": ("Gone", "Table"),
    "kit.templates": ("render", "render_text"),
    "kit.gather": ("settled", "together"),
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
    "Flag",
    "FromSeeds",
    "Gone",
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
    "backend",
    "curator",
    "filter",
    "judge",
    "pairer",
    "read",
    "render",
    "render_text",
    "reviser",
    "run",
    "sampler",
    "settled",
    "source",
    "synthesizer",
    "together",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'prefgen' has no attribute {name!r}")
    return getattr(importlib.import_module(f"prefgen.{home}"), name)
