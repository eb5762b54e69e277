"""Filter stage: flag responses that pairers are to skip. There is no barrier: each record is filtered on its
own.

Reads  everything so far
Adds   flags
"""

from prefgen.errors import PluginError
from prefgen.stages.stage import AskFor, Stage, applies_to, plugin_errors, returned_items
from prefgen.types import Failure, Flag, Record


async def run(stage: Stage, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    flags: list[Flag] = []
    for stage_plugin in stage.plugins:
        if applies_to(stage_plugin.only, record):
            with plugin_errors(stage, stage_plugin, record):
                flagged = stage_plugin.plugin.flag(record)
                flags += returned_items(f"filter {stage_plugin.name!r}", flagged, Flag)
    known_ids = {record.id, *(r.id for r in record.responses)}
    unknown_ids = [flag.target_id for flag in flags if flag.target_id not in known_ids]
    if unknown_ids:
        raise PluginError(
            f"{stage.label}: a filter flagged {unknown_ids[0]!r}, which record {record.id[:12]} does not have"
        )
    return record.adding(flags=flags), []
