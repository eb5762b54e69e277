"""Ask several times whether an answer passes, and take the share of yes (SPaR, arXiv 2412.11605, section
2.2).

Each vote lists what is violated, checks step by step, and ends with a line that says yes or no; only that
line is read. Votes that cannot be read do not count. As many yes as no is no verdict: the answer then has no
score.
"""

import re
from collections.abc import Sequence

from pydantic import Field

from prefgen.errors import ReplyError
from prefgen.kit.final_words import Statement, reply_lines, statements_of
from prefgen.kit.judge_prompt import judge_messages, text_for_judge
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.ratings import rate_each_text
from prefgen.kit.votes import sample_votes
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.types import Prompt, Reply, Response, Score

VERDICT_LINE = re.compile(
    r"(?:[-#•] ?)*(?:my |the )?final (?:judge?ment|verdict|answer)(?: ?[:：]| is:?)"
    r" ?\[{0,2}(yes|no)\]{0,2}[.!]*",
    re.IGNORECASE,
)
_VIOLATED = re.compile(
    r"(?:\A|[.!?:;,]\s+|\n\s*)(?:[-•] ?)?violated?\b(?!\W*(?:none|nothing|no\b))|\b(?:is|was|are) violated\b",
    re.IGNORECASE,
)
"""What speaks against a yes."""
_ASKS = re.compile(r"[?？]\W*\Z")
_ASKS_WHETHER_GOOD = re.compile(
    r"\b(?:follow|meet|met|satisf|pass|fulfil|compl|adhere|obey)\w*", re.IGNORECASE
)
_ASKS_FOR_FAULT = re.compile(r"\b(?:violat|fail|break|miss|wrong|error|problem|not|any)\w*", re.IGNORECASE)


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
        value = None if 2 * passes == len(ballots) else passes / len(ballots)
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
    verdicts = [(s, match[1].casefold()) for s in statements if (match := VERDICT_LINE.fullmatch(s.text))]
    answers = {answer for _, answer in verdicts}
    is_certain = bool(verdicts) and _is_certain(statements, verdicts[-1][0], is_yes="yes" in answers)
    if not is_certain or len(answers) != 1:
        raise ParseFailure(
            "ambiguous" if answers else "no_rating",
            f"expected a last line 'Final judgment: yes' or 'no', found {reply.text[-80:]!r}",
        )
    return answers == {"yes"}, "\n".join(lines[: verdicts[0][0].number]).strip()


def _is_certain(statements: Sequence[Statement], vote: Statement, *, is_yes: bool) -> bool:
    """Whether a vote ends its reply as this judge's own on the whole, answers the question that was asked,
    and is no yes beside something violated.
    """
    before = [s.text for s in statements[: statements.index(vote)]]
    last = before[-1] if before else ""
    other_question = _ASKS.search(last) is not None and (
        not _ASKS_WHETHER_GOOD.search(last) or _ASKS_FOR_FAULT.search(last) is not None
    )
    is_violated = is_yes and any(_VIOLATED.search(text) for text in before)
    is_own = vote.is_last and not vote.is_introduced and not vote.aspect
    return is_own and not is_violated and not other_question
