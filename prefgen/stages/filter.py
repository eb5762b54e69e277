"""Filter stage: flag responses that pairers are to skip. There is no barrier: each record is filtered on its own.

Reads  everything so far
Adds   flags
"""

from prefgen.stages.step import AskFor, Step, applies
from prefgen.types import Failure, Record


async def run(step: Step, record: Record, ask_for: AskFor) -> tuple[Record, list[Failure]]:
    flags = [f for p in step.plugged if applies(p.only, record) for f in p.plugin.flag(record)]
    return record.adding(flags=flags), []
