"""The field of judges that can ask in both orders, and what it was called before."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from prefgen.errors import ReplyError, UnreadableReply
from prefgen.stats.scoring import ONE_ORDER_METHOD
from prefgen.types import Comparison

OneOrder = Literal["drop", "tie"]
"""What becomes of a comparison whose other order was lost: nothing, or a tie. It is never taken as it is,
since it may say no more than what stood first.
"""
ONE_ORDER = "its other order was lost, and one order alone may say no more than what stood first"


def _read_orders(value: Any) -> Any:
    """`orders: 1` and `orders: 2` of version 0.1.0 as a truth value."""
    return value == 2 if type(value) is int and value in (1, 2) else value


Swap = Annotated[bool, BeforeValidator(_read_orders)]
"""Whether texts are also shown the other way round, so that a judge that only likes what stands first says
0.5.
"""
SWAP_RENAMED = {"swap": "orders"}


def both_orders(
    outcomes: Sequence[Comparison | ReplyError], policy: OneOrder = "drop", *, distance: int = 1
) -> list[Comparison | ReplyError]:
    """Comparisons that were asked for in two orders, `distance` apart in their list, without those whose
    other order was lost; by `policy` such a pair is a tie.
    """
    kept: list[Comparison | ReplyError] = []
    for i, outcome in enumerate(outcomes):
        other = outcomes[i + distance if i // distance % 2 == 0 else i - distance]
        if isinstance(outcome, ReplyError) or isinstance(other, Comparison):
            kept.append(outcome)
        elif policy == "tie":
            kept.append(outcome.replacing(probability=0.5, rationale=ONE_ORDER, method=ONE_ORDER_METHOD))
        else:
            kept.append(UnreadableReply(f"a comparison does not count: {ONE_ORDER}", code="one_order"))
    return kept


def with_orders(values: dict[str, Any], swap: bool) -> dict[str, Any]:
    """A judge's fields as its stage's identity holds them: `orders` is 2 or 1, as it was first spelled."""
    return {**values, "orders": 2 if swap else 1}
