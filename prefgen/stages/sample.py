"""Sample stage: every sampler answers the prompt.

Reads  prompt
Adds   responses

A draw that fails is lost alone and counted; the record goes on with the others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.roles import Ask
from prefgen.stages.stage import AskFor, Stage, StagePlugin, run_stage
from prefgen.types import Failure, Record, Response


async def run(step: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    return await run_stage(step, record, ask_for, _arguments, _adds)


def _arguments(record: Record, plugged: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
    return [(record.prompt, ask)]


def _adds(
    record: Record, plugged: StagePlugin, result: Any
) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
    responses = [r for r in result if isinstance(r, Response)]
    lost = [r for r in result if isinstance(r, ReplyError)]
    if len(responses) + len(lost) != len(result):
        odd = next(r for r in result if not isinstance(r, Response | ReplyError))
        raise PluginError(f"sampler {plugged.name!r} returned {type(odd).__name__}, not a Response")
    known: set[str] = set()
    for response in responses:
        if response.prompt_id != record.prompt.id:
            raise PluginError(
                f"sampler {plugged.name!r} returned a response to another prompt ({response.prompt_id[:12]})"
            )
        if response.id in known:
            raise PluginError(
                f"sampler {plugged.name!r} returned the response {response.id[:12]} twice: number draws with sample="
            )
        known.add(response.id)
    return {"responses": responses}, lost
