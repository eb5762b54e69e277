"""Revise stage: every reviser rewrites the responses that it is shown.

Reads  prompt, responses
Adds   responses (each with its parent), critiques
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.kit.harm import SOURCE
from prefgen.plugins.type_words import kind_of
from prefgen.roles import Ask, Revision
from prefgen.stages.stage import AskFor, Stage, StagePlugin, run_stage, select_responses
from prefgen.text.near_duplicates import group_by_text
from prefgen.types import Critique, Failure, Record, Response


async def run(stage: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    return await run_stage(stage, record, ask_for, _arguments, _read_result)


def _arguments(record: Record, stage_plugin: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
    """Each text is revised once: asking twice for the same would be one draw that looks like two."""
    return [(record.prompt, group[0], ask) for group in group_by_text(_shown_responses(record, stage_plugin))]


def _shown_responses(record: Record, stage_plugin: StagePlugin) -> list[Response]:
    return [
        r
        for r in select_responses(record, stage_plugin.responses or {"which": "last"})
        if r.principle != SOURCE
    ]


def _read_result(
    record: Record, stage_plugin: StagePlugin, result: Any
) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
    if not isinstance(result, Revision):
        raise PluginError(f"reviser {stage_plugin.name!r} returned {kind_of(result)}, not a Revision")
    for response in result.responses:
        if response.prompt_id != record.prompt.id or response.parent_id is None:
            raise PluginError(
                f"reviser {stage_plugin.name!r} returned a response without its parent, or to another prompt"
            )
    target_ids = {*(r.parent_id for r in result.responses), *(c.response_id for c in result.critiques)}
    responses, critiques = list(result.responses), list(result.critiques)
    for original, *duplicates in group_by_text(_shown_responses(record, stage_plugin)):
        for duplicate in duplicates if original.id in target_ids else ():
            copied_responses, copied_critiques = _copy_chain(result, original.id, duplicate)
            responses += copied_responses
            critiques += copied_critiques
    return {"responses": responses, "critiques": critiques}, result.lost


def _copy_chain(result: Revision, root_id: str, duplicate: Response) -> tuple[list[Response], list[Critique]]:
    """The chain that was made of the response `root_id`, for another one with the same text."""
    new_ids = {root_id: duplicate.id}
    copies = []
    for response in result.responses:
        fields = {
            k: v
            for k, v in response.__dict__.items()
            if k not in ("id", "prompt_id", "messages", "parent_id")
        }
        parent_id = new_ids.get(response.parent_id or "", response.parent_id)
        copied_response = Response.of(response.prompt_id, response.messages, **fields, parent_id=parent_id)
        new_ids[response.id] = copied_response.id
        copies.append(copied_response)
    return copies, [
        c.replacing(response_id=new_ids[c.response_id]) for c in result.critiques if c.response_id in new_ids
    ]
