"""Weigh stage: a curator that needs a model asks about each prompt, before it sees the whole set.

Reads  prompt
Adds   a number or a vector in the prompt's metadata, under the name that the curator fills

A prompt whose reply is lost has no number: that is for the curator to treat, and is never a low one.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.roles import Ask
from prefgen.stages.step import AskFor, Plugged, Step, run_step
from prefgen.text.vectors import packed
from prefgen.types import Failure, Record


async def run(step: Step, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    weights: dict[str, float | str] = {}

    def adds(
        record: Record, plugged: Plugged, result: Any
    ) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
        if _finite(result):
            weights[plugged.plugin.fills()] = float(result)
        elif isinstance(result, Sequence) and result and all(map(_finite, result)):
            weights[plugged.plugin.fills()] = packed(result)
        else:
            raise PluginError(
                f"curator {plugged.name!r} weighed a prompt as {str(result)[:80]!r}: finite numbers are wanted"
            )
        return {}, ()

    grown, failures = await run_step(step, record, ask_for, _arguments, adds)
    asked = {plugged.plugin.fills() for plugged in step.plugged}
    known = {
        name: value for name, value in grown.prompt.metadata.items() if name not in asked
    }  # a number of before is not this one's
    return grown.replacing(prompt=grown.prompt.replacing(metadata={**known, **weights})), failures


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _arguments(record: Record, plugged: Plugged, ask: Ask) -> Sequence[tuple[Any, ...]]:
    return [(record.prompt, ask)]
