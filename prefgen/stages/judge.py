"""Judge stage: ask every judge about the responses of a prompt.

Reads  prompt, responses
Adds   scores, comparisons, critiques, flags

A judge that cannot be read adds nothing: the failure is written down, and a response without a score is never
paired by it. A judge that asks about each response may lose one reply alone: its error stands in the result.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.roles import Ask
from prefgen.stages.stage import AskFor, Stage, StagePlugin, returned_items, run_stage, select_responses
from prefgen.types import Comparison, Critique, Failure, Flag, Record, Score


async def run(stage: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    return await run_stage(stage, record, ask_for, _arguments, _read_result)


def _arguments(record: Record, stage_plugin: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
    responses = select_responses(record, stage_plugin.responses)
    return [(record.prompt, responses, ask)] if responses else []


def _read_result(
    record: Record, stage_plugin: StagePlugin, result: Any
) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
    shown_ids = {r.id for r in select_responses(record, stage_plugin.responses)}
    name = stage_plugin.name
    verdicts = returned_items(f"judge {name!r}", result, Score, Comparison, Critique, Flag, ReplyError)
    if (
        all(type(verdict) is Score and verdict.judge == name for verdict in verdicts)
        and {s.response_id for s in verdicts} == shown_ids
    ):
        return {"scores": verdicts}, ()  # as nearly all are
    additions: dict[str, list[Any]] = {"scores": [], "comparisons": [], "critiques": [], "flags": []}
    covered_ids: set[str] = set()
    reply_errors: list[ReplyError] = []
    for verdict in verdicts:
        if isinstance(verdict, ReplyError):
            reply_errors.append(verdict)
            continue
        if isinstance(verdict, Score):
            additions["scores"].append(verdict.replacing(judge=name))
            target_ids = {verdict.response_id}
        elif isinstance(verdict, Comparison):
            additions["comparisons"].append(verdict.replacing(judge=name))
            target_ids = {verdict.first_id, verdict.second_id}
        elif isinstance(verdict, Critique):
            additions["critiques"].append(verdict.replacing(judge=name))
            target_ids = {verdict.response_id}
        else:
            additions["flags"].append(verdict)
            target_ids = {verdict.target_id} - {record.prompt.id}
        unknown_ids = target_ids - shown_ids
        if unknown_ids:
            raise PluginError(f"judge {name!r} judged {sorted(unknown_ids)[0]!r}, which it was not shown")
        if not isinstance(verdict, Critique):
            covered_ids |= target_ids
    missing_ids = shown_ids - covered_ids
    if missing_ids and not reply_errors:
        raise PluginError(
            f"judge {name!r} returned no verdict on {len(missing_ids)} of {len(shown_ids)} responses of "
            f"record {record.id[:12]}. A judge covers every response: by a Score (value=None where it does "
            "not apply), a Comparison or a Flag"
        )
    return additions, reply_errors
