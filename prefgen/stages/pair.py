"""Pair stage: every pairer makes pairs of the judged responses.

Reads  responses, scores, comparisons, flags
Adds   pairs, and a note that says why there are none

A pair whose preferred side is the harmful text that its prompt was made from is not made; that stands on the
ledger.
"""

from prefgen.errors import PluginError, ReplyError
from prefgen.kit.harm import is_harmful
from prefgen.stages.stage import (
    AskFor,
    Stage,
    applies_to,
    failure_of,
    plugin_errors,
    returned_items,
    select_responses,
)
from prefgen.types import Failure, Note, Pair, Record


async def run(stage: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    updated_record = record
    failures: list[Failure] = []
    for stage_plugin in stage.plugins:
        if not applies_to(stage_plugin.only, record):
            continue
        visible_record = record.replacing(
            responses=tuple(
                select_responses(
                    record, stage_plugin.responses or type(stage_plugin.plugin).default_responses
                )
            )
        )
        with plugin_errors(stage, stage_plugin, record):
            rng = ask_for(stage_plugin).rng(stage_plugin.name)
            made = stage_plugin.plugin.pair(visible_record, rng)
            items = returned_items(f"pairer {stage_plugin.name!r}", made, Pair)
        pairs = [pair.replacing(rule=stage_plugin.name) for pair in items]
        known_ids = {r.id for r in record.responses}
        for pair in pairs:
            if not {pair.chosen_id, pair.rejected_id} <= known_ids:
                raise PluginError(
                    f"pair {stage_plugin.name!r} paired a response that record {record.id[:12]} does not have"
                )
        safe_pairs = [pair for pair in pairs if not is_harmful(record, pair.chosen_id)]
        if len(safe_pairs) < len(pairs):
            message = (
                "the preferred answer would be, or hold, the harmful text that the prompt was made from "
                "(docs/safety.md)"
            )
            failures.append(
                failure_of(stage, stage_plugin, record, ReplyError(message, code="harmful_chosen"))
            )
        updated_record = updated_record.adding(pairs=safe_pairs)
        if not pairs:
            reason = stage_plugin.plugin.explain(visible_record)
            updated_record = updated_record.adding(notes=[Note(step=stage.label, reason=reason)])
    return updated_record, failures
