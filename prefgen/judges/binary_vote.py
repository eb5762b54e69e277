"""Ask several times whether an answer passes, and take the share of yes (SPaR, arXiv 2412.11605, section
2.2).

Each vote lists what is violated, checks step by step, and ends with a line that says yes or no; only that
line is read. Votes that cannot be read do not count, and where they could turn the majority, or make it a
tie, the answer has no score. As many yes as no is no verdict: the answer then has no score either.
"""

import re
from collections.abc import Mapping, Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.final_words import Statement, reply_lines, statements_of
from prefgen.kit.judge_prompt import judge_messages, text_for_judge
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import rate_each_text
from prefgen.kit.vote_doubts import (
    asks_otherwise,
    is_reason_for,
    names_fault,
    says_all_is_well,
    without_farewell,
)
from prefgen.kit.votes import sample_votes
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.types import Prompt, Reply, Response, Score

_VOTE = r"(?:[\[(<{\"“']|\\boxed\{)*(?P<vote>yes|no)\b[\])>}\"”']*[.!]*"
VERDICT_LINE = re.compile(
    r"(?:[-#•] ?)*(?:my |the )?(?P<final>final )?(?:judge?ment|verdict|(?<=final )answer)(?: ?[:：]| is:?)"
    rf" ?{_VOTE}(?P<remark>(?:[,;:]| [-–—(]|(?<=[.!])| (?=(?:because|since)\b)) ?.+)?",
    re.IGNORECASE,
)
_MARKED_YES = re.compile(
    r"(?:[✅✓✔]\ufe0f? (?=yes\W*\Z))?(?P<yes>\byes)(?: [✅✓✔]\ufe0f?)?(?=\W*\Z)", re.IGNORECASE
)
_MARKED_NO = re.compile(
    r"(?:[❌✗✘✖]\ufe0f? (?=no\W*\Z))?(?P<no>\bno)(?: [❌✗✘✖]\ufe0f?)?(?=\W*\Z)", re.IGNORECASE
)
"""A vote at the end of its line with a mark that says the same."""
_VOTE_ALONE = re.compile(_VOTE, re.IGNORECASE)


@judge("binary_vote")
class BinaryVote(Plugin):
    """Passed or not, by votes; the score is passes / (passes + fails). Paper: 5 votes, temperature 0.7, top_p
    1.
    """

    cost = "`votes` requests an answer"
    texts = ("judges/judge_system.j2", "judges/binary_vote.j2")

    model: str = Field(description="The judging model, by its name under `models`.")
    question: str = Field(
        default="Does the text follow every instruction and constraint of the request?",
        description="What is voted on; yes must be the good answer.",
    )
    votes: int = Field(default=5, ge=1, description="Votes an answer (paper: 5).")
    temperature: float | None = Field(default=0.7, ge=0, description="Temperature of the votes (paper: 0.7).")
    top_p: float | None = Field(default=1.0, gt=0, le=1, description="Nucleus of the votes (paper: 1).")
    max_tokens: int | None = Field(default=2048, ge=16, description="Most tokens of a vote (paper: 2,048).")

    def rated_scales(self) -> Mapping[str, tuple[float, float]]:
        return {"passed": (0, 1)}

    async def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        return await rate_each_text(responses, lambda response: self._vote(prompt, response, ask))

    async def _vote(self, prompt: Prompt, response: Response, ask: Ask) -> Sequence[Verdict | ReplyError]:
        messages = judge_messages(
            "judges/binary_vote.j2",
            prompt,
            text=text_for_judge(response),
            question=self.question,
        )
        ballots, failures = await sample_votes(
            ask,
            self.model,
            messages,
            self.votes,
            read_vote,
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
        )
        if not ballots:
            return failures
        passes = sum(passed for passed, _ in ballots)
        margin = abs(2 * passes - len(ballots))
        if margin and margin <= len(failures):
            return failures
        value = passes / len(ballots) if margin else None
        winning_words = next(
            (words for passed, words in ballots if passed == (2 * passes > len(ballots))), ""
        )
        rationale = f"{passes} of {len(ballots)} votes: {'a tie' if value is None else winning_words}"
        return [
            Score(
                response_id=response.id,
                aspect="passed",
                value=value,
                scale=(0, 1),
                rationale=rationale,
                method="votes",
            ),
            *failures,
        ]


def read_vote(reply: Reply) -> tuple[bool, str]:
    """(whether the vote is yes, what was said before it) by the one final line. Raises ParseFailure for none,
    or for two that differ.
    """
    lines = reply_lines(reply.text)
    statements = statements_of(lines)
    verdicts = [(s, match) for s in statements if (match := _vote_in(s)) is not None]
    answers = {match["vote"].casefold() for _, match in verdicts}
    if len(answers) != 1 or not _is_certain(lines, statements, verdicts):
        raise ParseFailure(
            "ambiguous" if answers else "no_rating",
            f"expected a last line 'Final judgment: yes' or 'no', found {reply.text[-80:]!r}",
        )
    return answers == {"yes"}, "\n".join(lines[: verdicts[0][0].number]).strip()


def _vote_in(statement: Statement) -> re.Match[str] | None:
    text = _MARKED_YES.sub(r"\g<yes>", _MARKED_NO.sub(r"\g<no>", statement.text))
    alone = _VOTE_ALONE.fullmatch(text) if statement.is_alone else None
    return alone or VERDICT_LINE.fullmatch(text)


def _is_certain(
    lines: Sequence[str],
    statements: Sequence[Statement],
    verdicts: Sequence[tuple[Statement, re.Match[str]]],
) -> bool:
    """Whether the last vote is this judge's own on the whole, answers the question that was asked, is no yes
    beside something violated and no "no" where all is well, and has nothing behind it but its reason and a
    farewell.
    """
    vote, match = verdicts[-1]
    is_yes, groups = match["vote"].casefold() == "yes", match.groupdict()
    before = [s.text or lines[s.number] for s in statements[: statements.index(vote)]]
    remark = without_farewell("\n".join([groups.get("remark") or "", *lines[vote.number + 1 :]]))
    is_of_part = vote.opens_part or bool(vote.aspect and not (groups.get("final") and len(verdicts) == 1))
    return (
        not vote.is_introduced
        and not is_of_part
        and (bool(groups.get("final")) or len(verdicts) == 1)
        and not (before and asks_otherwise(before[-1]))
        and not (names_fault if is_yes else says_all_is_well)("\n".join(before))
        and is_reason_for(remark, is_yes=is_yes)
    )
