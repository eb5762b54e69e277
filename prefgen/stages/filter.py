"""Filter stage: flag responses that pairers are to skip. There is no barrier: each record is filtered on its own.

Reads  everything so far
Adds   flags
"""

from prefgen.errors import PluginError
from prefgen.stages.step import AskFor, Step, applies, blaming
from prefgen.types import Failure, Record


async def run(step: Step, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    flags = []
    for plugged in step.plugged:
        if applies(plugged.only, record):
            with blaming(step, plugged, record):
                flags += plugged.plugin.flag(record)
    known = {record.id, *(r.id for r in record.responses)}
    strange = [flag.target_id for flag in flags if flag.target_id not in known]
    if strange:
        raise PluginError(
            f"{step.label}: a filter flagged {strange[0]!r}, which record {record.id[:12]} does not have"
        )
    return record.adding(flags=flags), []
