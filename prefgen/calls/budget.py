"""What requests cost, and a budget that is never exceeded.

Money is counted in picodollars (10^-12 USD), as whole numbers. Prices come from the recipe, a file that the
user edits, or the table of list prices that is shipped; they are never fetched. Admission reserves the prompt
plus `max_tokens` at list price, the reply settles it (`prefgen.calls.reservation`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from prefgen.errors import BudgetReached, RecipeError

PICO = 10**12


@dataclass(frozen=True)
class Price:
    """Picodollars a token."""

    input: int
    output: int
    cached: int

    def cost(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> int:
        fresh = max(0, prompt_tokens - cached_tokens)
        return fresh * self.input + cached_tokens * self.cached + completion_tokens * self.output

    def discounted(self, part: float) -> "Price":
        """The price without a part of it (0 to 1)."""
        return Price(*(math.ceil(pico * (1 - part)) for pico in (self.input, self.output, self.cached)))


FREE = Price(0, 0, 0)


def price_of(model: str, prices: Mapping[str, Mapping[str, Any]]) -> Price | None:
    """The price of a model from `{model: {input: 1.25, output: 10}}` in USD a million tokens; None when not
    listed.

    Raises RecipeError for anything that is not a decimal number of at least 0.
    """
    listed = prices.get(model)
    if listed is None:
        return None
    unknown = set(listed) - {"input", "output", "cached_input"}
    if unknown:
        raise RecipeError(
            f"price of {model!r}: unknown field {sorted(unknown)[0]!r}; known: input, output, cached_input"
        )
    for field, other in (("input", "output"), ("output", "input")):
        if field not in listed:
            given = f"{other} {listed[other]!r}" if other in listed else "nothing"
            raise RecipeError(
                f"price of {model!r}: {field} is missing, found {given}; give both, in USD a million tokens "
                "(output: 0 where nothing is written, such as embeddings)"
            )
    figures = {}
    for field in ("input", "output", "cached_input"):
        value = listed.get(field, listed.get("input", 0) if field == "cached_input" else 0)
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount < 0:
            raise RecipeError(f"price of {model!r}: {field} must be USD a million tokens, found {value!r}")
        figures[field] = math.ceil(amount * 10**6)
    return Price(figures["input"], figures["output"], figures["cached_input"])


class Budget:
    """Money and tokens of one run directory. `spent` holds what earlier starts of the run paid."""

    def __init__(
        self, usd: Any = None, tokens: int | None = None, *, spent: int = 0, spent_tokens: int = 0
    ) -> None:
        self.limit = None if usd is None else int(Decimal(str(usd)) * PICO)
        self.token_limit = tokens
        self.spent, self.spent_tokens = spent, spent_tokens
        self.reserved = self.reserved_tokens = 0
        self.on_release: list[Callable[[], None]] = []

    @property
    def is_limited(self) -> bool:
        return self.limit is not None or self.token_limit is not None

    def fits(self, cost: int, tokens: int) -> bool:
        """Whether a request fits now."""
        money = self.limit is None or self.spent + self.reserved + cost <= self.limit
        return money and (
            self.token_limit is None or self.spent_tokens + self.reserved_tokens + tokens <= self.token_limit
        )

    def could_ever_fit(self, cost: int, tokens: int) -> bool:
        """Whether it would fit if everything that is reserved came back unspent."""
        money = self.limit is None or self.spent + cost <= self.limit
        return money and (self.token_limit is None or self.spent_tokens + tokens <= self.token_limit)

    def reserve(self, cost: int, tokens: int) -> None:
        self.reserved += cost
        self.reserved_tokens += tokens

    def release(self, reserved: int, reserved_tokens: int, cost: int, tokens: int) -> None:
        """Give a reservation back and book what was really spent."""
        self.reserved -= reserved
        self.reserved_tokens -= reserved_tokens
        self.spent += cost
        self.spent_tokens += tokens
        if self.is_limited:
            for pump in self.on_release:
                pump()

    def error(self, cost: int, tokens: int) -> BudgetReached:
        """Why a request that may take so much is not sent."""
        given, wanted, fields = [], [], []
        if self.limit is not None:
            given.append(f"{dollars(self.spent)} of {dollars(self.limit)}")
            wanted.append(dollars(cost))
            fields.append("run.budget_usd")
        if self.token_limit is not None:
            given.append(f"{self.spent_tokens:,} of {self.token_limit:,} tokens")
            wanted.append(f"{tokens:,} tokens")
            fields.append("run.budget_tokens")
        needs = f"may take up to {' and '.join(wanted)}, its prompt and the longest answer"
        if not self.spent and not self.spent_tokens:
            return BudgetReached(
                f"the budget is below one request: {' and '.join(given)} is spent, and the first one {needs}"
                f". Raise {' or '.join(fields)}, or set the model's max_tokens, and run again"
            )
        return BudgetReached(
            f"budget reached: {' and '.join(given)} spent, and the next request {needs}. Raise "
            f"{' or '.join(fields)} and run again: everything so far is kept"
        )


def dollars(pico: int) -> str:
    """Money for people: $0 when nothing, four decimals below a dollar, two above; as many as it takes where
    four would be none.
    """
    value = pico / PICO
    if not pico:
        return "$0"
    if value < 0.0001:
        return f"${value:.10f}".rstrip("0").rstrip(".")
    return f"${value:,.2f}" if value >= 1 else f"${value:.4f}"
