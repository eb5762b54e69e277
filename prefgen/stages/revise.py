"""Revise stage: every reviser rewrites the responses that it is shown.

Reads  prompt, responses
Adds   responses (each with its parent), critiques
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.roles import Ask, Revision
from prefgen.stages.step import AskFor, Plugged, Step, run_step, selected
from prefgen.types import Failure, Record


async def run(step: Step, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    return await run_step(step, record, ask_for, _arguments, _adds)


def _arguments(record: Record, plugged: Plugged, ask: Ask) -> Sequence[tuple[Any, ...]]:
    wanted = plugged.responses or {"which": "last"}
    return [(record.prompt, response, ask) for response in selected(record, wanted)]


def _adds(record: Record, plugged: Plugged, result: Any) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
    if not isinstance(result, Revision):
        raise PluginError(f"reviser {plugged.name!r} returned {type(result).__name__}, not a Revision")
    for response in result.responses:
        if response.prompt_id != record.prompt.id or response.parent_id is None:
            raise PluginError(f"reviser {plugged.name!r} returned a response without its parent, or to another prompt")
    return {"responses": result.responses, "critiques": result.critiques}, result.lost
