"""What several tests use: judges beside UltraFeedback: their formulas, what they lose, and what they never
make of it.
"""

import math

from prefgen.testing import a_record
from prefgen.types import Reply, Score, TokenChoice, TokenLogprob


def odds(**probabilities):
    """A reply whose first token has these alternatives."""
    top = tuple(TokenChoice(token=token, logprob=math.log(p)) for token, p in probabilities.items())
    return Reply(
        text=top[0].token,
        finish_reason="length",
        logprobs=(TokenLogprob(token=top[0].token, logprob=top[0].logprob, top=top),),
    )


async def judged(judge, ask, *responses, prompt="Q"):
    record = a_record(prompt, *responses)
    return list(await judge.judge(record.prompt, record.responses, ask))


def scores(verdicts):
    return {v.response_id: v.value for v in verdicts if isinstance(v, Score)}
