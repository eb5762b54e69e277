"""What a line-by-line reading of the judges against their papers found wrong, each as its own script: the
value that is right. (prefgen/judges, prefgen/pairers, prefgen/kit)
"""

import json
import math
import re
from random import Random

import pytest

from prefgen.errors import ReplyError
from prefgen.judges.binary_vote import BinaryVote
from prefgen.judges.expectation import Expectation
from prefgen.judges.jury import Jury
from prefgen.judges.pairwise import Pairwise
from prefgen.judges.reward_model import RewardModel
from prefgen.judges.ultrafeedback import UltraFeedback
from prefgen.pairers.all_pairs import AllPairs
from prefgen.pairers.best_vs_worst import BestVsWorst
from prefgen.pairers.fixed import Fixed
from prefgen.revisers.improve import Improve
from prefgen.stats.scoring import bradley_terry
from prefgen.testing import Scripted, a_record
from prefgen.types import Comparison, Record, Reply, Score, TokenChoice, TokenLogprob


def odds(*tops: dict[str, float]) -> Reply:
    """Tokens that were written, each the first of its alternatives."""
    places = []
    for top in tops:
        choices = tuple(TokenChoice(token=token, logprob=math.log(share)) for token, share in top.items())
        places.append(TokenLogprob(token=choices[0].token, logprob=choices[0].logprob, top=choices))
    return Reply(text="".join(p.token for p in places), logprobs=tuple(places), finish_reason="length")


def compared(first: str, second: str, probability: float, judge: str = "j") -> list[Comparison]:
    pairs = ((first, second, probability), (second, first, 1 - probability))
    return [Comparison(first_id=a, second_id=b, probability=p, judge=judge) for a, b, p in pairs]


async def judged(judge, record: Record, says) -> Record:
    verdicts = await judge.judge(record.prompt, record.responses, Scripted(says))
    return record.adding(
        scores=[v.replacing(judge="j") for v in verdicts if isinstance(v, Score)],
        comparisons=[v.replacing(judge="j") for v in verdicts if isinstance(v, Comparison)],
    )


async def test_ten_of_two_tokens_is_ten():
    def says(text):
        if "superb answer" in text:
            return odds({"1": 0.90, "9": 0.08, "8": 0.02}, {"0": 0.99, "<eos>": 0.01})
        return odds({"7": 0.8, "6": 0.15, "8": 0.05}, {"<eos>": 1.0})

    record = await judged(Expectation(model="m"), a_record("Q", "superb answer", "so-so answer"), says)

    mean = 10 * 0.9 * 0.99 + 1 * 0.9 * 0.01 + 9 * 0.08 + 8 * 0.02
    [best, _] = [score.value for score in record.scores]
    assert best == pytest.approx(2 * (mean - 1) / 9 - 1, abs=0.02)
    assert BestVsWorst().pair(record, Random(0))[0].chosen_id == "r0"


def test_no_pair_goes_against_its_own_comparisons():
    disagreeing = a_record("Q", "a", "b", scores={"quality": [5, 2]}).adding(
        comparisons=compared("r0", "r1", 0.35, "preference")
    )
    cycle = a_record("Q", "a", "b", "c").adding(
        comparisons=[*compared("r0", "r1", 0.99), *compared("r1", "r2", 0.9), *compared("r2", "r0", 0.6)]
    )
    strong = a_record("Q", "strong", "weak").adding(comparisons=compared("r0", "r1", 0.2))
    pairs = [
        *BestVsWorst(score={"mean": ["quality", "preference"]}).pair(disagreeing, Random(0)),
        *BestVsWorst(score="j").pair(cycle, Random(0)),
        *AllPairs(score="j").pair(cycle, Random(0)),
        *Fixed(chosen={"model": ("model-0",)}, rejected={"model": ("model-1",)}).pair(strong, Random(0)),
    ]

    assert all(pair.chosen_probability is None or pair.chosen_probability >= 0.5 for pair in pairs)


async def test_one_order_alone_makes_no_pair():
    def says(text):
        if text.index("sun") < text.index("moon"):
            return odds({"A": 0.9, "B": 0.1})
        return odds({"I": 0.95, "A": 0.03, "B": 0.01}, {" cannot": 1.0})

    record = await judged(Pairwise(model="m"), a_record("Q", "sun", "moon"), says)

    assert not record.comparisons and not BestVsWorst(score="j").pair(record, Random(0))


async def test_one_unreadable_critique_costs_itself():
    def says(text):
        if "Write feedback to the author" in text:
            return "I'd rather not." if "\nthree\n" in text else json.dumps({"feedback": "f", "overall": 5})
        return json.dumps({f"text_{i}": {"rationale": "r", "rating": i} for i in range(1, 5)})

    record = a_record("Q", "one", "two", "three", "four")
    judge = UltraFeedback(model="m", critique=True)
    verdicts = await judge.judge(record.prompt, record.responses, Scripted(says))

    assert sum(isinstance(v, Score) and v.aspect != "overall" for v in verdicts) == 16
    assert sum(isinstance(v, ReplyError) for v in verdicts) == 1


@pytest.mark.parametrize(("low", "high"), [(3, 5), (18, 19.5), (21.5, 30), (-30, -22)])
async def test_high_rewards_are_not_made_equal(low, high):
    record = await judged(
        RewardModel(model="rm"),
        a_record("Q", "low", "high"),
        lambda text: str(low if "low" in text else high),
    )
    [pair] = BestVsWorst().pair(record, Random(0))

    assert (pair.chosen_id, pair.margin) == ("r1", high - low)


async def test_the_loser_of_a_match_leaves_a_knockout():
    matches = []

    def says(text):
        first, second = re.findall(r"<text [AB]>\n(ans\d)\n", text)[-2:]
        matches.append((first, second))
        better = min(first, second)  # the clearer, the further apart they are
        share = 0.55 + 0.05 * abs(int(first[-1]) - int(second[-1]))
        return odds({"A": share, "B": 1 - share} if better == first else {"B": share, "A": 1 - share})

    judge = Pairwise(model="m", schedule="knockout", swap=False)
    await judged(judge, a_record("Q", *[f"ans{i}" for i in range(8)]), says)

    assert len(matches) == 7
    losers = [max(match) for match in matches]
    assert len(set(losers)) == 7, "nobody loses twice"


async def test_votes_keep_a_reason_of_the_side_that_won():
    said = iter(["It fails.\nFinal judgment: no"] + ["All is met.\nFinal judgment: yes"] * 4)
    record = a_record("Q", "An answer.")
    [score] = await BinaryVote(model="m", votes=5).judge(
        record.prompt, record.responses, Scripted(lambda _: next(said))
    )
    assert score.value == 0.8 and score.rationale == "4 of 5 votes: All is met."


def test_strengths_are_at_the_maximum_of_their_likelihood():
    """Against Newton's method on the penalised likelihood, in numpy."""
    import numpy as np

    draws = Random(1)
    pairs = [(a, b, draws.random()) for i, a in enumerate("abcdefgh") for b in "abcdefgh"[i + 1 :]]
    names = sorted({name for a, b, _ in pairs for name in (a, b)})
    place, strengths, prior = {name: i for i, name in enumerate(names)}, np.zeros(8), 0.1
    for _ in range(200):
        expected = 1 / (1 + np.exp(-strengths))
        gradient, hessian = prior - 2 * prior * expected, np.diag(2 * prior * expected * (1 - expected))
        for a, b, p in pairs:
            i, j = place[a], place[b]
            q = 1 / (1 + math.exp(strengths[j] - strengths[i]))
            gradient[i] += p - q
            gradient[j] -= p - q
            for x, y, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
                hessian[x, y] += sign * q * (1 - q)
        strengths = strengths + np.linalg.solve(hessian, gradient)

    fitted = bradley_terry([Comparison(first_id=a, second_id=b, probability=p) for a, b, p in pairs])

    own = {name: 1 / (1 + math.exp(-strengths[place[name]])) for name in names}
    assert fitted == pytest.approx(own, abs=1e-9)


async def test_the_order_is_drawn_anew_for_each_aspect():
    """A judge that adds a point to the first text makes few pairs, as with an order of its own an aspect."""

    def says(_):
        return json.dumps(
            {f"text_{i}": {"rationale": "r", "rating": 4 if i == 1 else 3} for i in range(1, 5)}
        )

    leads = []
    for number in range(150):
        record = a_record(f"Question {number}", "a", "b", "c", "d")
        verdicts = await UltraFeedback(model="m").judge(
            record.prompt, record.responses, Scripted(says, seed=number)
        )
        values: dict[str, list[float]] = {}
        for score in verdicts:
            values.setdefault(score.response_id, []).append(score.value)
        means = [sum(v) / len(v) for v in values.values()]
        leads.append(max(means) - min(means))

    assert sum(lead >= 1 for lead in leads) < 0.1 * len(leads)  # all of them with one order for all aspects
    assert 0.25 <= sum(leads) / len(leads) < 0.6


@pytest.mark.parametrize(
    "reply",
    [
        "<text 1>\nA better answer.\n</text 1>",
        "Here is the improved reply:\n\nA better answer.",
        "A better answer.\n\n(Note: I removed the harmful part.)",
        "A better answer.\n\n**Changes made:**\n- It is shorter.",
    ],
)
async def test_a_fence_or_an_announcement_is_no_part_of_a_revision(reply):
    record = a_record("Q", "x")
    revised = await Improve(model="m").revise(record.prompt, record.responses[0], Scripted([reply]))
    assert revised.responses[0].text == "A better answer."


@pytest.mark.parametrize("by", ["mean", "median", "borda", "majority", "bradley_terry"])
async def test_a_lost_reply_of_a_jury_lifts_no_answer(by):
    record = a_record("Q", "same worth, one lost", "same worth", scores={"kind": [5, 5], "mild": [4, 4]})
    record = record.adding(scores=[Score(response_id="r1", aspect="o", value=1, scale=(1, 5), judge="harsh")])
    jury = Jury(of=("kind", "mild", "harsh"), by=by, quorum=2)

    verdicts = await _of(jury.judge(record.prompt, record.responses, Scripted(["x"]), record))
    full = record.adding(
        scores=[v.replacing(judge="jury") for v in verdicts if isinstance(v, Score)],
        comparisons=[v.replacing(judge="jury") for v in verdicts if isinstance(v, Comparison)],
    )

    assert not BestVsWorst(score="jury").pair(full, Random(0))


async def _of(value):
    return await value if hasattr(value, "__await__") else value


async def test_a_cut_reply_is_unread_and_asked_for_shorter():
    ask = Scripted(lambda _: Reply(text='{"text_1": {"rationale": "It is long ', finish_reason="length"))
    record = a_record("Q", "one", "two")
    [lost] = await UltraFeedback(model="m", aspects=("honesty",)).judge(record.prompt, record.responses, ask)

    assert isinstance(lost, ReplyError) and "shorter" in ask.asked[-1][1][-1].text
