"""What several tests use: revisers: chains of revisions, what is kept of them, and what a lost reply
costs.
"""

from prefgen.testing import a_record


async def revised(reviser, ask, reply="Bad words.", **more):
    record = a_record("Say hello.", reply)
    return await reviser.revise(record.prompt, record.responses[0], ask, **more)
