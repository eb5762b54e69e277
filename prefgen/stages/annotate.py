"""Annotate stage: a curator that needs a model asks about each prompt, before it sees the whole set.

Reads  prompt
Adds   a number or a vector in the prompt's metadata, under the curator's output column

A prompt whose reply is lost has no number: that is for the curator to treat, and is never a low one.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.roles import Ask
from prefgen.stages.stage import AskFor, Stage, StagePlugin, run_stage
from prefgen.text.vectors import pack_vector
from prefgen.types import Failure, Record


async def run(step: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    annotations: dict[str, float | str] = {}

    def adds(
        record: Record, plugged: StagePlugin, result: Any
    ) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
        if _finite(result):
            annotations[plugged.plugin.output_column()] = float(result)
        elif isinstance(result, Sequence) and result and all(map(_finite, result)):
            annotations[plugged.plugin.output_column()] = pack_vector(result)
        else:
            raise PluginError(
                f"curator {plugged.name!r} annotated a prompt with {str(result)[:80]!r}: finite numbers are wanted"
            )
        return {}, ()

    grown, failures = await run_stage(step, record, ask_for, _arguments, adds)
    asked = {plugged.plugin.output_column() for plugged in step.plugins}
    known = {
        name: value for name, value in grown.prompt.metadata.items() if name not in asked
    }  # a number of before is not this one's
    return grown.replacing(prompt=grown.prompt.replacing(metadata={**known, **annotations})), failures


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _arguments(record: Record, plugged: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
    return [(record.prompt, ask)]
