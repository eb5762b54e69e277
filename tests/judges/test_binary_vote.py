"""Ask several times whether an answer passes, and take the share of yes (SPaR, arXiv 2412.11605, section
2.2). (prefgen/judges/binary_vote.py)
"""

import pytest

from prefgen.judges.binary_vote import BinaryVote, read_vote
from prefgen.kit.parse_failure import ParseFailure
from prefgen.testing import Scripted
from prefgen.types import Reply
from tests.support.judges import judged, scores


def vote(*says):
    replies = iter(
        [f"Checked.\n\nFinal judgment: {word}" if word in ("yes", "no") else word for word in says]
    )
    return Scripted(lambda _: next(replies))


async def test_votes_that_cannot_be_read_do_not_count_and_a_tie_is_no_verdict():
    """SPaR: Y Y N unparsed N is a tie and is discarded; Y Y Y N unparsed is 0.75."""
    tie = await judged(BinaryVote(model="m"), vote("yes", "yes", "no", "unparsed", "no"), "x")
    share = await judged(BinaryVote(model="m"), vote("yes", "yes", "yes", "no", "unparsed"), "x")
    none = await judged(BinaryVote(model="m", votes=2), vote("hm", "nothing"), "x")

    assert scores(tie) == {"r0": None}
    assert scores(share) == {"r0": 0.75}
    assert not scores(none)


async def test_the_word_not_is_no_vote():
    """ "Not" holds "No": only the last line counts, as a word."""
    assert not scores(
        await judged(BinaryVote(model="m", votes=1), Scripted(["Final judgment: Nothing is violated"]), "x")
    )
    assert scores(
        await judged(
            BinaryVote(model="m", votes=1), Scripted(["Not bad: no errors.\n**Final judgment: Yes**"]), "x"
        )
    ) == {"r0": 1.0}


@pytest.mark.parametrize(
    "text", ["Final judgment: no violations were found, it passes", "Final judgment: yes or no, I cannot say"]
)
async def test_a_vote_ends_its_line(text):
    assert not scores(await judged(BinaryVote(model="m", votes=1), Scripted([text]), "x"))


@pytest.mark.parametrize(
    ("words", "kept"), [(("no", "yes", "yes"), "All is met."), (("yes", "no", "no"), "Late.")]
)
async def test_the_rationale_is_one_of_the_winning_side(words, kept):
    said = {"yes": "All is met.\n\nFinal judgment: yes", "no": "Late.\n\nFinal judgment: no"}
    replies = iter(said[word] for word in words)

    [score] = await judged(BinaryVote(model="m", votes=3), Scripted(lambda _: next(replies)), "x")

    assert score.rationale == f"2 of 3 votes: {kept}" if words[1] == "yes" else f"1 of 3 votes: {kept}"


def vote_of(text):
    try:
        return read_vote(Reply(text=text, finish_reason="stop"))[0]
    except ParseFailure:
        return None


@pytest.mark.parametrize(
    "text",
    [
        "### Length\nviolated: 300 words.\n\n### Tone\nFinal judgment: yes",
        "1. Length\nviolated\n\n2. Tone\nFinal judgment: yes",
        "Length is violated.\n\nFinal judgment: yes",
        "Wait, it is violated after all.\nFinal judgment: yes",
        "Does the text violate any constraint?\n\nFinal judgment: yes",
        "Is there any violation?\nFinal judgment: yes",
        "The text ends with:\nFinal judgment:\nyes",
        "Final judgment: Yes ❌",
        "Final judgment: No ✅",
    ],
)
def test_a_vote_beside_its_opposite_is_unread(text):
    assert vote_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Final judgment: [[yes]]", "The final judgment is: yes", "Violated: none.\n\nFinal judgment: yes",
        "Does the text follow every instruction?\nFinal judgment: yes",
        "Nothing is missing.\nFinal judgment: yes",
    ],
)  # fmt: skip
def test_a_clear_vote_is_read(text):
    assert vote_of(text) is True
