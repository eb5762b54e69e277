"""Judge stage: ask every judge about the responses of a prompt.

Reads  prompt, responses
Adds   scores, comparisons, critiques, flags

A judge that cannot be read adds nothing: the failure is written down, and a response without a score is never paired by it. A judge that
asks about each response may lose one reply alone: its error stands in the result.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.roles import Ask
from prefgen.stages.stage import AskFor, Stage, StagePlugin, run_stage, select_responses
from prefgen.types import Comparison, Critique, Failure, Flag, Record, Score


async def run(step: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    return await run_stage(step, record, ask_for, _arguments, _adds)


def _arguments(record: Record, plugged: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
    responses = select_responses(record, plugged.responses)
    return [(record.prompt, responses, ask)] if responses else []


def _adds(
    record: Record, plugged: StagePlugin, result: Any
) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
    shown = {r.id for r in select_responses(record, plugged.responses)}
    name = plugged.name
    verdicts = list(result)
    if (
        all(type(verdict) is Score and verdict.judge == name for verdict in verdicts)
        and {s.response_id for s in verdicts} == shown
    ):
        return {"scores": verdicts}, ()  # as nearly all are
    kinds: dict[str, list[Any]] = {"scores": [], "comparisons": [], "critiques": [], "flags": []}
    covered: set[str] = set()
    lost: list[ReplyError] = []
    for verdict in verdicts:
        if isinstance(verdict, ReplyError):
            lost.append(verdict)
            continue
        if isinstance(verdict, Score):
            kinds["scores"].append(verdict.replacing(judge=name))
            about = {verdict.response_id}
        elif isinstance(verdict, Comparison):
            kinds["comparisons"].append(verdict.replacing(judge=name))
            about = {verdict.first_id, verdict.second_id}
        elif isinstance(verdict, Critique):
            kinds["critiques"].append(verdict.replacing(judge=name))
            about = {verdict.response_id}
        elif isinstance(verdict, Flag):
            kinds["flags"].append(verdict)
            about = {verdict.target_id} - {record.prompt.id}
        else:
            raise PluginError(
                f"judge {name!r} returned {type(verdict).__name__}: expected Score, Comparison, Critique or Flag"
            )
        strange = about - shown
        if strange:
            raise PluginError(f"judge {name!r} judged {sorted(strange)[0]!r}, which it was not shown")
        if not isinstance(verdict, Critique):
            covered |= about
    missing = shown - covered
    if missing and not lost:
        raise PluginError(
            f"judge {name!r} returned no verdict on {len(missing)} of {len(shown)} responses of record {record.id[:12]}. "
            "A judge covers every response: by a Score (value=None where it does not apply), a Comparison or a Flag"
        )
    return kinds, lost
