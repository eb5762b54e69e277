"""Rate each answer from 0 to 5 by points that add up, several times, and take the mean (Self-Rewarding, arXiv
2401.10020, section 2.2). (prefgen/judges/additive.py)
"""

import pytest

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.judges.additive import Additive
from prefgen.stats.scoring import mean_by_response
from prefgen.testing import Scripted
from prefgen.types import Score
from tests.support.judges import judged, scores


async def test_additive_averages_its_readable_samples_and_a_lost_one_is_never_a_zero():
    replies = iter(["Fine.\nScore: 4", "no score here", "Good.\nScore: 5"])

    verdicts = await judged(Additive(model="m"), Scripted(lambda _: next(replies)), "x")

    assert mean_by_response([v for v in verdicts if isinstance(v, Score)]) == {"r0": 4.5}
    assert [v.code for v in verdicts if isinstance(v, ReplyError)] == ["no_rating"]


async def test_an_answer_with_too_few_readable_samples_has_no_score():
    replies = iter(["Score: 4", "none", "none"])

    verdicts = await judged(Additive(model="m", min_valid=2), Scripted(lambda _: next(replies)), "x")

    assert not scores(verdicts)
    assert len([v for v in verdicts if isinstance(v, UnreadableReply)]) == 2


@pytest.mark.parametrize(
    "reply", ["Score: 6", "Score: -1", "Score: 4/10", '{"rationale": "r", "rating": 9}', "4 of 6 points"]
)
async def test_a_rating_off_the_scale_is_no_rating(reply):
    assert not scores(await judged(Additive(model="m", samples=1), Scripted([reply]), "x"))
