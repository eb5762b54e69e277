"""Annotate stage: a curator that needs a model asks about each prompt, before it sees the whole set.

Reads  prompt
Adds   a number or a vector in the prompt's metadata, under the curator's output column

A prompt whose reply is lost has no number: that is for the curator to treat, and is never a low one.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.plugins.type_words import kind_of
from prefgen.roles import Ask
from prefgen.stages.stage import AskFor, Stage, StagePlugin, run_stage
from prefgen.text.vectors import pack_vector
from prefgen.types import Failure, Record


async def run(stage: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    annotations: dict[str, float | str] = {}

    def read_result(
        record: Record, stage_plugin: StagePlugin, result: Any
    ) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
        if _is_finite_number(result):
            annotations[stage_plugin.plugin.output_column()] = float(result)
        elif isinstance(result, Sequence) and result and all(map(_is_finite_number, result)):
            annotations[stage_plugin.plugin.output_column()] = pack_vector(result)
        else:
            raise PluginError(
                f"curator {stage_plugin.name!r} annotated a prompt with {_shown(result)}: finite numbers are "
                "wanted"
            )
        return {}, ()

    updated_record, failures = await run_stage(stage, record, ask_for, _arguments, read_result)
    output_columns = {stage_plugin.plugin.output_column() for stage_plugin in stage.plugins}
    other_metadata = {
        name: value for name, value in updated_record.prompt.metadata.items() if name not in output_columns
    }  # a number of before is not this one's
    return updated_record.replacing(
        prompt=updated_record.prompt.replacing(metadata={**other_metadata, **annotations})
    ), failures


def _shown(result: Any) -> str:
    """A number or a text as it is, anything else by its kind."""
    return repr(str(result)[:80]) if isinstance(result, str | int | float) else kind_of(result)


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _arguments(record: Record, stage_plugin: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
    return [(record.prompt, ask)]
