"""What several tests use: judges that ask no chat model: reward models, verifiers, juries, people's
labels.
"""

from prefgen.testing import Scripted
from prefgen.types import Score


def scores(verdicts):
    return {v.response_id: v.value for v in verdicts if isinstance(v, Score) and v.aspect != "disagreement"}


async def verdicts(jury, record):
    return list(jury.judge(record.prompt, record.responses, Scripted([""]), record=record))
