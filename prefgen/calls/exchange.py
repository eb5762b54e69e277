"""How a model is asked, what an asker wants done around each try, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from prefgen.calls.budget import FREE, Price
from prefgen.calls.limits import ConcurrencyLimit, Rate
from prefgen.transport.request import ModelResponse


@dataclass(frozen=True)
class QueueSettings:
    """How a model is asked. Times in seconds."""

    limit: ConcurrencyLimit
    requests: Rate = field(default_factory=lambda: Rate(None))
    tokens: Rate = field(default_factory=lambda: Rate(None))
    price: Price = FREE
    timeout: float = 600.0
    server_down_after: float = 60.0
    supports_n: bool = True
    alternatives: int | None = None
    """Log-probabilities of a token that the server gives at most; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request brought: one response a seed (or fewer, where the server knows no `n`), and the seconds
    that they took.
    """

    responses: Sequence[ModelResponse]
    seconds: float

    def tokens(self) -> tuple[int, int, int]:
        """(of the prompt, of the output, of the prompt from a cache), over all responses."""
        usages = [response.reply.usage for response in self.responses]
        return (
            sum(usage.prompt_tokens for usage in usages),
            sum(usage.completion_tokens for usage in usages),
            sum(usage.cached_tokens for usage in usages),
        )


class TryHooks:
    """What is to be done around each try of a request; the one here does nothing."""

    def begin(self) -> None:
        """The request has a slot, and is sent now. What this raises ends it, unsent."""

    def pause(self) -> None:
        """The request was not answered, and waits to be tried again."""
