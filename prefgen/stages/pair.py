"""Pair stage: every pairer makes pairs of the judged responses.

Reads  responses, scores, comparisons, flags
Adds   pairs, and a note that says why there are none

A pair whose preferred side is the harmful text that its prompt was made from is not made; that stands on the ledger.
"""

from prefgen.errors import PluginError, ReplyError
from prefgen.kit.harm import is_harmful
from prefgen.stages.stage import AskFor, Stage, applies_to, failure_of, plugin_errors, select_responses
from prefgen.types import Failure, Note, Record


async def run(step: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    grown = record
    lost: list[Failure] = []
    for plugged in step.plugins:
        if not applies_to(plugged.only, record):
            continue
        seen = record.replacing(
            responses=tuple(
                select_responses(record, plugged.responses or type(plugged.plugin).default_responses)
            )
        )
        with plugin_errors(step, plugged, record):
            pairs = [
                p.replacing(rule=plugged.name)
                for p in plugged.plugin.pair(seen, ask_for(plugged).rng(plugged.name))
            ]
        known = {r.id for r in record.responses}
        for pair in pairs:
            if not {pair.chosen_id, pair.rejected_id} <= known:
                raise PluginError(
                    f"pair {plugged.name!r} paired a response that record {record.id[:12]} does not have"
                )
        safe = [pair for pair in pairs if not is_harmful(record, pair.chosen_id)]
        if len(safe) < len(pairs):
            words = "the preferred answer would be, or hold, the harmful text that the prompt was made from (docs/safety.md)"
            lost.append(failure_of(step, plugged, record, ReplyError(words, code="harmful_chosen")))
        grown = grown.adding(pairs=safe)
        if not pairs:
            explain = getattr(plugged.plugin, "explain", None)
            grown = grown.adding(
                notes=[Note(step=step.label, reason=explain(seen) if explain else "no_pair")]
            )
    return grown, lost
