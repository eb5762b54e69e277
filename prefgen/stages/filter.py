"""Filter stage: flag responses that pairers are to skip. There is no barrier: each record is filtered on its own.

Reads  everything so far
Adds   flags
"""

from prefgen.errors import PluginError
from prefgen.stages.stage import AskFor, Stage, applies_to, plugin_errors
from prefgen.types import Failure, Record


async def run(step: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    flags = []
    for plugged in step.plugins:
        if applies_to(plugged.only, record):
            with plugin_errors(step, plugged, record):
                flags += plugged.plugin.flag(record)
    known = {record.id, *(r.id for r in record.responses)}
    strange = [flag.target_id for flag in flags if flag.target_id not in known]
    if strange:
        raise PluginError(
            f"{step.label}: a filter flagged {strange[0]!r}, which record {record.id[:12]} does not have"
        )
    return record.adding(flags=flags), []
