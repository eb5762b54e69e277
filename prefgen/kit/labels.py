"""What judges that choose share: the probability of each label, from log-probabilities or from votes."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import Field

from prefgen.errors import RefusedRequest, TruncatedReply, UnreadableReply
from prefgen.kit.label_tokens import UntoldLabel, label_probabilities_in
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_labels import label_in_text
from prefgen.kit.votes import sample_votes, unreadable_vote
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.types import Message, Reply, assistant

FEWER_ALTERNATIVES = 5
"""What is asked for where a server refuses more: the cap of many."""
VOTE_TOKENS = 16
"""Room for a label alone; a vote that needs more is asked again without a limit of ours."""
LabelReader = Callable[[str, Sequence[str]], str]
"""The one of some labels that a text names. Raises ParseFailure."""


class LabelJudge(Plugin):
    """The fields of every judge that reads labels: how their probabilities are had."""

    later_fields = ("read", "alternatives", "label_tokens", "temperature", "opening")
    votes: int = Field(
        default=5, ge=1, description="Verdicts that are counted where the server gives no log-probabilities."
    )
    read: Literal["auto", "logprobs", "votes"] = Field(
        default="auto",
        description=(
            "Where probabilities come from: log-probabilities, sampled votes, or (auto) votes where a server "
            "gives or allows no log-probabilities, or where the model thinks before it answers."
        ),
    )
    alternatives: int = Field(
        default=20,
        ge=2,
        description="Alternatives that are asked for at each place; 5 where a server refuses so many.",
    )
    label_tokens: int = Field(
        default=4, ge=1, description="Room for a label and what some models write before it."
    )
    opening: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "The beginning of the model's turn before the label, as `Rating: `: it goes on with that, so "
            "that one which would say much first is read too (`use: vllm`, `use: transformers`). Votes are "
            "asked for without it."
        ),
    )
    temperature: float | None = Field(
        default=0.0, ge=0, description="Temperature of the label; null where a server takes none."
    )

    async def label_probabilities(
        self,
        ask: Ask,
        model: str,
        messages: Sequence[Message],
        labels: Sequence[str],
        reader: LabelReader = label_in_text,
    ) -> tuple[list[float], str]:
        """(probability of each label, how it was read: logprobs or votes). Raises ReplyError when no label is
        given.
        """
        thinks = False
        if self.read != "votes":
            try:
                probabilities = await self._from_logprobs(ask, model, messages, labels)
                if probabilities is not None:
                    return probabilities, "logprobs"
            except TruncatedReply:
                if self.read == "logprobs":
                    raise TruncatedReply(
                        f"no label within {self.label_tokens} tokens: the model thinks first. Give it "
                        "`read: votes`, or more `label_tokens`"
                    ) from None
                thinks = True
            if self.read == "logprobs":
                raise UnreadableReply(
                    "the server gives no log-probabilities of what it writes", code="no_logprobs"
                )
        return await self._from_votes(ask, model, messages, labels, reader, thinks=thinks), "votes"

    async def _from_logprobs(
        self, ask: Ask, model: str, messages: Sequence[Message], labels: Sequence[str]
    ) -> list[float] | None:
        """None where the server gives none of what it writes, or refuses to (whether it was that, votes
        show), and where votes are allowed and tell what the tokens do not.
        """
        opened: dict[str, Any] = {}
        if self.opening is not None:
            messages, opened = [*messages, assistant(self.opening)], {"opened": True}
        for alternatives in sorted({self.alternatives, min(self.alternatives, FEWER_ALTERNATIVES)})[::-1]:
            try:
                reply = await ask(
                    model, messages, logprobs=alternatives, max_tokens=self.label_tokens,
                    temperature=self.temperature, **opened,
                )  # fmt: skip
            except RefusedRequest:
                if self.read == "logprobs" and alternatives <= FEWER_ALTERNATIVES:
                    raise
                continue
            try:
                return label_probabilities_in(reply, labels)
            except ParseFailure as error:
                is_votable = reply.finish_reason == "length" or isinstance(error, UntoldLabel)
                if is_votable and self.read == "auto":
                    return None  # a vote has more room, and says which number it is
                hint = "; `read: votes` or more `label_tokens` may tell" if is_votable else ""
                raise unreadable_vote(reply, ParseFailure(error.code, f"{error}{hint}")) from None
        return None

    async def _from_votes(
        self, ask: Ask, model: str, messages: Sequence[Message], labels: Sequence[str], reader: LabelReader,
        *, thinks: bool,
    ) -> list[float]:  # fmt: skip
        def read(reply: Reply) -> str:
            return reader(reply.text, labels)

        limit = None if thinks else VOTE_TOKENS
        voted, errors = await sample_votes(
            ask, model, messages, self.votes, read, limit=limit, temperature=1.0
        )
        if not voted:
            raise errors[0] if errors else TruncatedReply("no vote was cast")
        return [voted.count(label) / len(voted) for label in labels]
