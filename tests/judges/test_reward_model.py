"""Score each answer by a reward model: a classifier behind a server's score, pooling or classify route, or in
this process. (prefgen/judges/reward_model.py)
"""

import math

import pytest

from prefgen.errors import UnreadableReply
from prefgen.judges.reward_model import RewardModel
from prefgen.testing import Scripted, a_record
from tests.support.panel_judges import scores


async def test_rewards_become_shares_in_the_same_order():
    record = a_record("Q", "low", "middle", "high")
    rewards = {"low": "-3", "middle": "0", "high": "2.5"}
    ask = Scripted(lambda text: next(value for word, value in rewards.items() if word in text))

    found = scores(await RewardModel(model="rm").judge(record.prompt, record.responses, ask))
    raw = scores(
        await RewardModel(model="rm", raw=True, scale=(-5, 5)).judge(record.prompt, record.responses, ask)
    )
    lost = await RewardModel(model="rm", raw=True, scale=(-1, 1)).judge(record.prompt, record.responses, ask)

    assert found == {
        "r0": pytest.approx(1 / (1 + math.exp(3))),
        "r1": 0.5,
        "r2": pytest.approx(1 / (1 + math.exp(-2.5))),
    }
    assert raw == {"r0": -3.0, "r1": 0.0, "r2": 2.5}
    assert sorted(type(v).__name__ for v in lost) == ["Score", "UnreadableReply", "UnreadableReply"]


async def test_a_reward_that_is_no_number_is_lost():
    record = a_record("Q", "x")

    [lost] = await RewardModel(model="rm").judge(record.prompt, record.responses, Scripted(["nan"]))

    assert isinstance(lost, UnreadableReply)
