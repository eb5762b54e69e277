"""Scores and vectors as servers send them, which the protocol of chats has no form for."""

from collections.abc import Mapping
from typing import Any

import orjson


def check_finite(text: str) -> None:
    """Raises ValueError for a score or vectors with what is no finite number (JSON has no word for it)."""
    numbers = orjson.loads(text)  # repr(inf) is no JSON, and orjson writes null in vectors
    vectors = numbers if isinstance(numbers, list) else [[numbers]]
    if not all(type(number) in (int, float) for vector in vectors for number in vector):
        raise ValueError("expected finite numbers")


def parse_score(data: Mapping[str, Any]) -> float:
    """The one number of a score, pooling or classify route: of tokens that of the last, of two classes that
    of the second.

    Raises ValueError where there is none.
    """
    value = data.get("score", data.get("probs", data.get("data")))
    if isinstance(value, list) and value and isinstance(value[-1], list):
        value = value[-1]
    if isinstance(value, list):
        if not 1 <= len(value) <= 2:
            raise ValueError(f"expected one number, found {len(value)}")
        value = value[-1]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, found {value!r}")
    return float(value)
