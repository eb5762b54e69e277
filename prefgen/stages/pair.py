"""Pair stage: every pairer makes pairs of the judged responses.

Reads  responses, scores, comparisons, flags
Adds   pairs, and a note that says why there are none
"""

from prefgen.errors import PluginError
from prefgen.harm import is_harmful
from prefgen.stages.step import AskFor, Step, applies, blaming, selected
from prefgen.types import Failure, Note, Record


async def run(step: Step, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    grown = record
    for plugged in step.plugged:
        if not applies(plugged.only, record):
            continue
        seen = record.replacing(responses=tuple(selected(record, plugged.responses or type(plugged.plugin).shown)))
        with blaming(step, plugged, record):
            pairs = [p.replacing(rule=plugged.name) for p in plugged.plugin.pair(seen, ask_for(plugged).rng(plugged.name))]
        known = {r.id for r in record.responses}
        for pair in pairs:
            if not {pair.chosen_id, pair.rejected_id} <= known:
                raise PluginError(f"pair {plugged.name!r} paired a response that record {record.id[:12]} does not have")
            if is_harmful(record, pair.chosen_id):
                raise PluginError(
                    f"pair {plugged.name!r} would write the harmful text that record {record.id[:12]} was made from as the preferred answer. "
                    "Pair by principle: rejected: {principle: [source]} (docs/safety.md)"
                )
        grown = grown.adding(pairs=pairs)
        if not pairs:
            explain = getattr(plugged.plugin, "explain", None)
            grown = grown.adding(notes=[Note(step=step.label, reason=explain(seen) if explain else "no_pair")])
    return grown, []
