"""Draw several answers and keep the best by a reward model: best-of-n. (prefgen/samplers/best_of.py)"""

from prefgen.errors import TruncatedReply
from prefgen.samplers.best_of import BestOf
from prefgen.testing import Scripted
from prefgen.types import Response
from tests.support.sampled import PROMPT


async def test_best_of_keeps_what_the_reward_model_likes_and_counts_what_was_lost():
    draws = iter(["worse", " ", "best", "good"])

    def says(text):
        for word, score in (("worse", "0.1"), ("best", "0.9"), ("good", "0.5")):
            if word in text:
                return score
        return next(draws)

    kept = await BestOf(model="m", scorer="r", n=4, keep=2).sample(PROMPT, Scripted(says))

    assert [r.text for r in kept if isinstance(r, Response)] == ["best", "good"]
    assert [type(r) for r in kept if not isinstance(r, Response)] == [TruncatedReply]
