"""Sample stage: every sampler answers the prompt.

Reads  prompt
Adds   responses

A draw that fails is lost alone and counted; the record goes on with the others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.roles import Ask
from prefgen.stages.stage import AskFor, Stage, StagePlugin, returned_items, run_stage
from prefgen.types import Failure, Record, Response


async def run(stage: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    return await run_stage(stage, record, ask_for, _arguments, _read_result)


def _arguments(record: Record, stage_plugin: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
    return [(record.prompt, ask)]


def _read_result(
    record: Record, stage_plugin: StagePlugin, result: Any
) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
    items = returned_items(f"sampler {stage_plugin.name!r}", result, Response, ReplyError)
    responses = [r for r in items if isinstance(r, Response)]
    reply_errors = [r for r in items if isinstance(r, ReplyError)]
    known_ids: set[str] = set()
    for response in responses:
        if response.prompt_id != record.prompt.id:
            raise PluginError(
                f"sampler {stage_plugin.name!r} returned a response to another prompt "
                f"({response.prompt_id[:12]})"
            )
        if response.id in known_ids:
            raise PluginError(
                f"sampler {stage_plugin.name!r} returned the response {response.id[:12]} twice: number "
                "draws with sample="
            )
        known_ids.add(response.id)
    return {"responses": responses}, reply_errors
