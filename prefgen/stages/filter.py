"""Filter stage: flag responses that pairers are to skip. There is no barrier: each record is filtered on its own.

Reads  everything so far
Adds   flags
"""

from prefgen.stages.step import AskFor, Step, applies, blaming
from prefgen.types import Failure, Record


async def run(step: Step, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    flags = []
    for plugged in step.plugged:
        if applies(plugged.only, record):
            with blaming(step, plugged, record):
                flags += plugged.plugin.flag(record)
    return record.adding(flags=flags), []
