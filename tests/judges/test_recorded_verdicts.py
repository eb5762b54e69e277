"""Published verdicts of real judges, replayed through the pairwise judge: the accuracies that come out are
those that were published. (prefgen/judges/pairwise.py)

Needs ../shared (recorded verdicts without texts); skips with a reason without it.
"""

import json
import math
import re
from collections import Counter, defaultdict

import pytest

from prefgen.errors import ReplyError
from prefgen.judges.pairwise import Pairwise
from prefgen.stats.scoring import probability_of
from prefgen.testing import Scripted, a_record
from prefgen.types import Comparison, Reply, TokenChoice, TokenLogprob

SIDES = ("the one", "the other")
LABELS = {SIDES[0]: "A", SIDES[1]: "B", "tie": "tie", None: None}


def replied(verdict: str | None) -> Reply:
    """A label with nearly all probability, two with half of it each, or words that are none."""
    shares = {"A": (0.99, 0.01), "B": (0.01, 0.99), "tie": (0.5, 0.5)}.get(verdict or "")
    if shares is None:
        return Reply(text="I cannot say.", finish_reason="stop")
    top = tuple(
        TokenChoice(token=label, logprob=math.log(share)) for label, share in zip("AB", shares, strict=True)
    )
    place = TokenLogprob(token="A", logprob=top[0].logprob, top=top)
    return Reply(text="A", logprobs=(place,), finish_reason="stop")


async def preferred(in_order: dict[bool, str | None]) -> float | None:
    """The probability that the first text is better, of a judge that says `in_order[whether it was shown
    first]` (A: the text that was shown first).
    """

    def judge(text: str) -> Reply:
        shown_first = re.search(rf"<text A>\n({'|'.join(SIDES)})\n", text)
        assert shown_first is not None
        return replied(in_order[shown_first[1] == SIDES[0]])

    record = a_record("Q", *SIDES)
    verdicts = await Pairwise(model="m", votes=1).judge(record.prompt, record.responses, Scripted(judge))
    comparisons = [v for v in verdicts if isinstance(v, Comparison)]
    assert comparisons or all(isinstance(v, ReplyError) for v in verdicts)
    return probability_of(comparisons, "r0", "r1")


@pytest.fixture
def audit(shared):
    folder = shared / "data" / "audit"
    published = {row["name"]: row["computed"] for row in json.loads((folder / "golden.json").read_text())}

    def rows(name: str) -> list[dict]:
        import pyarrow.parquet as pq

        return pq.read_table(folder / f"{name}.parquet").to_pylist()

    return published, rows


async def test_judgebench_comes_out_as_it_was_published(audit):
    """2,370 verdicts of seven judges; second_order shows B first, and is kept as shown. One judge left 13
    pairs unread in one order: its figure counts the other order, which nobody may (`one_order`).
    """
    published, rows = audit
    known: dict[tuple, float | None] = {}
    right, count = Counter(), Counter()
    for row in rows("judgebench_verdicts"):
        said = (row["first_order"], row["second_order"])
        if said not in known:
            known[said] = await preferred({True: said[0], False: said[1]})
        probability = known[said]
        wanted = row["label"] == "A"
        count[row["judge"]] += 1
        is_decided = probability is not None and probability != 0.5
        right[row["judge"]] += is_decided and (probability > 0.5) == wanted

    unread = "claude-3-haiku-20240307"
    assert right[unread] == 83 and count[unread] == 270  # 87 with what one order says
    compared = {judge: round(100 * right[judge] / count[judge], 2) for judge in count if judge != unread}
    assert len(compared) == 6
    assert compared == {
        judge: published[f"JudgeBench both-orders accuracy, {judge}, overall, %"] for judge in compared
    }


async def test_auto_j_comes_out_as_it_was_published(audit):
    """Right in both orders; 0 is the first, 1 the second, 2 a tie."""
    published, rows = audit
    words = {0: "A", 1: "B", 2: "tie"}
    known: dict[tuple, float | None] = {}
    right, count = Counter(), Counter()
    for row in rows("autoj_pairwise"):
        said = (words[row["first_order"]], words[row["second_order_as_shown"]])
        if said not in known:
            known[said] = await preferred({True: said[0], False: said[1]})
        probability = known[said]
        assert probability is not None
        verdict = 2 if math.isclose(probability, 0.5) else 0 if probability > 0.5 else 1
        is_consistent = probability in (pytest.approx(0.99), pytest.approx(0.01), pytest.approx(0.5))
        is_tie_of_two = verdict == 2 and said != ("tie", "tie")  # two places, or two ties
        right[row["group"]] += is_consistent and not is_tie_of_two and verdict == row["label"]
        count[row["group"]] += 1

    agreement = {group: round(100 * right[group] / count[group], 2) for group in count}
    assert agreement == {
        group: published[f"Auto-J agreement (right in both orders), {group}, %"] for group in agreement
    }


async def test_llmbar_comes_out_as_it_was_published(audit):
    """27,235 verdicts: how many are right in each order, right in both, and alike, for 325 combinations. The
    second order is turned back already: 1 is the first text.
    """
    _, rows = audit
    found: dict[tuple, Counter] = defaultdict(Counter)
    known: dict[tuple, float | None] = {}
    turned = {1: "A", 2: "B", None: None}
    turned_back = {1: "B", 2: "A", None: None}
    for row in rows("llmbar_verdicts"):
        said = (row["first_order"], row["second_order"])
        if said not in known:
            known[said] = await preferred({True: turned[said[0]], False: turned_back[said[1]]})
        probability = known[said]
        counts = found[row["subset"], row["judge"], row["method"]]
        counts["n"] += 1
        if probability is None:  # one order was not read, and so neither counts
            continue
        is_right = (probability > 0.5) == (row["label"] == 1)
        is_both = not math.isclose(probability, 0.5)
        counts["agree"] += is_both
        counts["correct_both"] += is_both and is_right

    published = {(r["subset"], r["judge"], r["method"]): r for r in rows("llmbar_published")}
    assert len(published) == 325
    for combination, expected in published.items():
        counts = found[combination]
        assert counts["n"] == expected["n"], combination
        assert counts["correct_both"] == expected["correct_both"], combination
