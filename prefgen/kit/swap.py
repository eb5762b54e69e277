"""The field of judges that can ask in both orders, and what it was called before."""

from typing import Annotated, Any

from pydantic import BeforeValidator


def _read_orders(value: Any) -> Any:
    """`orders: 1` and `orders: 2` of version 0.1.0 as a truth value."""
    return value == 2 if type(value) is int and value in (1, 2) else value


Swap = Annotated[bool, BeforeValidator(_read_orders)]
"""Whether texts are also shown the other way round, so that a judge that only likes what stands first says
0.5.
"""
SWAP_RENAMED = {"swap": "orders"}


def with_orders(values: dict[str, Any], swap: bool) -> dict[str, Any]:
    """A judge's fields as its stage's identity holds them: `orders` is 2 or 1, as it was first spelled."""
    return {**values, "orders": 2 if swap else 1}
