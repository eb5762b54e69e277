"""What replies take, learnt from those that the journal holds: what a plan expects of replies that are new.

Nobody knows how long an answer will be before it is there. Replies to the same stage's asks of the same model
tell it best, then those to stages of the same kind, then all of the model's in the journal, and without any
the defaults below.
"""

from dataclasses import dataclass, field

from prefgen.calls.context import KeyedAsk
from prefgen.calls.rows import JournalRow
from prefgen.transport.request import ModelRequest, estimate_prompt_tokens

ASSUMED_ANSWER = 400
"""Tokens of an answer of which nothing is known: today's models answer AlpacaEval's prompts in 300 to 500."""
ASSUMED_VERDICT = 100
"""Tokens of a verdict with a reason, of which nothing is known."""
CHARACTERS_A_TOKEN = 4
"""Of English text."""
CAUTION = 4 / 3
"""What `estimate_prompt_tokens` counts for each token of English text: it guesses for budgets, which must
hold.
"""
TEXT_KINDS = frozenset({"sample", "revise"})
"""Kinds of stages whose replies are texts that later asks show."""


@dataclass
class Taken:
    """What the known replies to one kind of ask took. `guessed` is what their prompts were guessed at."""

    replies: int = 0
    guessed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    characters: int = 0

    def add(self, guessed: int, row: JournalRow, characters: int) -> None:
        self.replies += 1
        self.guessed += guessed
        self.prompt_tokens += row.prompt_tokens
        self.completion_tokens += row.completion_tokens
        self.characters += characters


@dataclass(slots=True)
class ExpectedRequest(ModelRequest):
    """A request of a plan, with what is known of replies to such a one."""

    is_text: bool = False
    taken: Taken | None = None

    def prompt_tokens(self, draw: int) -> int:
        """Of one draw of the request. Where nothing is known the prompt counts once, for the first."""
        guessed = estimate_prompt_tokens(self)
        if self.taken is None:
            return 0 if draw else round(guessed / CAUTION)
        return round(guessed * self.taken.prompt_tokens / max(1, self.taken.guessed))

    def completion_tokens(self, mean: int | None, simulated: int) -> int:
        """Of a reply. `mean` is that of the model's replies to whatever was asked, `simulated` what a
        stand-in took to say as much as is needed.
        """
        if self.taken is not None:
            return round(self.taken.completion_tokens / self.taken.replies)
        if self.logprobs or self.endpoint not in ("chat", "completion"):
            return simulated
        tokens = mean or max(simulated, ASSUMED_ANSWER if self.is_text else ASSUMED_VERDICT)
        return min(tokens, int(self.sampling.get("max_tokens") or tokens))

    def characters(self, tokens: int) -> int:
        """Of a reply of so many tokens."""
        if self.taken is not None and self.taken.characters:
            return round(self.taken.characters / self.taken.replies)
        return tokens * CHARACTERS_A_TOKEN


@dataclass
class Expectations:
    """What is known of the replies to the asks of a pipeline, by stage and model."""

    _by_stage: dict[tuple[str, str], Taken] = field(default_factory=dict)
    _by_kind: dict[tuple[str, str], Taken] = field(default_factory=dict)

    def learn(self, ask: KeyedAsk, row: JournalRow) -> None:
        """Take note of a reply that the journal holds."""
        if row.status:
            return
        guessed = estimate_prompt_tokens(ask.make_request())
        reply = row.parsed or ask.spec.model.parse(row.reply, row.endpoint)
        model = ask.spec.name
        for known, name in ((self._by_stage, ask.stage), (self._by_kind, _kind(ask.stage))):
            known.setdefault((name, model), Taken()).add(guessed, row, len(reply.text))

    def expected(self, ask: KeyedAsk) -> ExpectedRequest:
        """The ask's request, with what is expected of its reply."""
        request, model = ask.make_request(), ask.spec.name
        taken = self._by_stage.get((ask.stage, model)) or self._by_kind.get((_kind(ask.stage), model))
        is_plain = request.schema is None and not request.logprobs and not request.tools
        is_text = is_plain and _kind(ask.stage) in TEXT_KINDS
        fields = {name: getattr(request, name) for name in ModelRequest.__slots__}
        return ExpectedRequest(**fields, is_text=is_text, taken=taken)


def _kind(label: str) -> str:
    """judge of `judge 2`."""
    return label.partition(" ")[0]
