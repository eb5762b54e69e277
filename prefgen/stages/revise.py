"""Revise stage: every reviser rewrites the responses that it is shown.

Reads  prompt, responses
Adds   responses (each with its parent), critiques
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.kit.harm import SOURCE
from prefgen.roles import Ask, Revision
from prefgen.stages.stage import AskFor, Stage, StagePlugin, run_stage, select_responses
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Critique, Failure, Record, Response


async def run(step: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    return await run_stage(step, record, ask_for, _arguments, _adds)


def _arguments(record: Record, plugged: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
    """Each text is revised once: asking twice for the same would be one draw that looks like two."""
    return [(record.prompt, group[0], ask) for group in group_by_text(_shown(record, plugged))]


def _shown(record: Record, plugged: StagePlugin) -> list[Response]:
    return [
        r for r in select_responses(record, plugged.responses or {"which": "last"}) if r.principle != SOURCE
    ]


def _adds(
    record: Record, plugged: StagePlugin, result: Any
) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
    if not isinstance(result, Revision):
        raise PluginError(f"reviser {plugged.name!r} returned {type(result).__name__}, not a Revision")
    for response in result.responses:
        if response.prompt_id != record.prompt.id or response.parent_id is None:
            raise PluginError(
                f"reviser {plugged.name!r} returned a response without its parent, or to another prompt"
            )
    about = {*(r.parent_id for r in result.responses), *(c.response_id for c in result.critiques)}
    responses, critiques = list(result.responses), list(result.critiques)
    for revised, *twins in group_by_text(_shown(record, plugged)):
        for twin in twins if revised.id in about else ():
            copied, said = _copied(result, revised.id, twin)
            responses += copied
            critiques += said
    return {"responses": responses, "critiques": critiques}, result.lost


def _copied(result: Revision, root: str, twin: Response) -> tuple[list[Response], list[Critique]]:
    """The chain that was made of the response `root`, for another one with the same text."""
    now = {root: twin.id}
    copied = []
    for response in result.responses:
        fields = {
            k: v
            for k, v in response.__dict__.items()
            if k not in ("id", "prompt_id", "messages", "parent_id")
        }
        parent = now.get(response.parent_id or "", response.parent_id)
        made = Response.of(response.prompt_id, response.messages, **fields, parent_id=parent)
        now[response.id] = made.id
        copied.append(made)
    return copied, [
        c.replacing(response_id=now[c.response_id]) for c in result.critiques if c.response_id in now
    ]
