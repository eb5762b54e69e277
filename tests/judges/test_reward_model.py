"""Score each answer by a reward model: a classifier behind a server's score, pooling or classify route, or in
this process. (prefgen/judges/reward_model.py)
"""

import math
from random import Random

import pytest

from prefgen.errors import UnreadableReply
from prefgen.judges.reward_model import RewardModel
from prefgen.pairers.best_vs_worst import BestVsWorst
from prefgen.stats.scoring import ScoreSpec, scores_of
from prefgen.testing import Scripted, a_record
from tests.support.panel_judges import scores


async def test_rewards_rank_as_they_are():
    record = a_record("Q", "low", "middle", "high")
    rewards = {"low": "-3", "middle": "0", "high": "2.5"}
    ask = Scripted(lambda text: next(value for word, value in rewards.items() if word in text))

    found = scores(await RewardModel(model="rm").judge(record.prompt, record.responses, ask))
    raw = scores(
        await RewardModel(model="rm", raw=True, scale=(-5, 5)).judge(record.prompt, record.responses, ask)
    )
    lost = await RewardModel(model="rm", raw=True, scale=(-1, 1)).judge(record.prompt, record.responses, ask)

    assert found == {"r0": -3.0, "r1": 0.0, "r2": 2.5}
    assert raw == {"r0": -3.0, "r1": 0.0, "r2": 2.5}
    assert sorted(type(v).__name__ for v in lost) == ["Score", "UnreadableReply", "UnreadableReply"]


@pytest.mark.parametrize(("low", "high"), [(3, 5), (18, 19.5), (21.5, 30), (-30, -22), (900, 901)])
async def test_no_two_rewards_are_made_equal(low, high):
    record = a_record("Q", "low", "high")
    ask = Scripted(lambda text: str(low if "low" in text else high))

    scores = await RewardModel(model="rm").judge(record.prompt, record.responses, ask)
    judged = record.adding(scores=[score.replacing(judge="j") for score in scores])
    [pair] = BestVsWorst(score="j").pair(judged, Random(0))

    assert (pair.chosen_id, pair.margin) == ("r1", high - low)


async def test_beside_other_judges_a_reward_counts_by_its_logistic():
    record = a_record("Q", "low", "high", scores={"quality": [5, 1]})
    ask = Scripted(lambda text: "2" if "low" in text else "4")
    judge = RewardModel(model="rm", center=3, spread=2)

    rewards = await judge.judge(record.prompt, record.responses, ask)
    judged = record.adding(scores=[score.replacing(judge="reward") for score in rewards])

    assert scores_of(judged, ScoreSpec(mean=("quality", "reward"))) == {
        "r0": pytest.approx((1 + 1 / (1 + math.exp(0.5))) / 2),
        "r1": pytest.approx((0 + 1 / (1 + math.exp(-0.5))) / 2),
    }


@pytest.mark.parametrize("rewards", [(50, 40), (-40, -50), (900, 899)])
async def test_large_rewards_decide_between_answers_that_another_judge_puts_equal(rewards):
    record = a_record("Q", "high", "low", scores={"quality": [4, 4]})
    ask = Scripted(lambda text: str(rewards[0] if "high" in text else rewards[1]))

    verdicts = await RewardModel(model="rm").judge(record.prompt, record.responses, ask)
    judged = record.adding(scores=[score.replacing(judge="reward") for score in verdicts])
    [pair] = BestVsWorst(score={"mean": ["quality", "reward"]}).pair(judged, Random(0))

    assert pair.chosen_id == "r0"


async def test_a_reward_that_is_no_number_is_lost():
    record = a_record("Q", "x")

    [lost] = await RewardModel(model="rm").judge(record.prompt, record.responses, Scripted(["nan"]))

    assert isinstance(lost, UnreadableReply)
