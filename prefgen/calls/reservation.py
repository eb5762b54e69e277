"""What a request may take at most, which a budget keeps for it: its prompt and the output that it allows, or
more where the server has been seen to take more.
"""

from collections.abc import Sequence

from prefgen.calls.budget import Price
from prefgen.transport.request import ModelRequest, ModelResponse, assumed_output


class Reservation:
    """The reservations for one model, raised by what its earlier requests took."""

    def __init__(self, price: Price) -> None:
        self._price = price
        self._largest: dict[int | None, int] = {}
        """{`max_tokens`: the largest output of a draw that it was asked for with}."""
        self._ignores_limit = False
        self._prompt_factor = 1.0
        """How many times its guess the largest prompt took, at least 1."""
        self.has_seen = False
        """Whether anything was answered yet: until then nobody knows what a request takes."""

    def of(self, request: ModelRequest, prompt_tokens: int) -> tuple[int, int]:
        """(picodollars, tokens) that a request takes at most; `prompt_tokens` is a cautious guess."""
        prompt = int(prompt_tokens * self._prompt_factor)
        output = max(assumed_output(request), self._largest.get(_limit_of(request), 0))
        if self._ignores_limit:
            output = max(output, *self._largest.values())
        output *= request.samples
        return self._price.cost(prompt, output), prompt + output

    def learn(self, request: ModelRequest, prompt_tokens: int, responses: Sequence[ModelResponse]) -> None:
        """Take in what a request took of which `prompt_tokens` were expected."""
        self.has_seen = True
        said = [response.reply.usage for response in responses if not response.reply.usage.estimated]
        if not said:
            return
        limit, output = _limit_of(request), max(usage.completion_tokens for usage in said)
        self._largest[limit] = max(output, self._largest.get(limit, 0))
        self._ignores_limit = self._ignores_limit or (limit is not None and output > limit)
        prompt = sum(usage.prompt_tokens for usage in said)
        self._prompt_factor = max(self._prompt_factor, prompt / max(1, prompt_tokens))


def _limit_of(request: ModelRequest) -> int | None:
    limit = request.sampling.get("max_tokens")
    return None if limit is None else int(limit)
