"""Draws that depend on what they are for and on nothing else: one option more moves only its own share."""

import hashlib
import math
from collections.abc import Sequence

from prefgen.storage.canonical_json import canonical


def uniform(*parts: object) -> float:
    """A number in (0, 1) that depends on `parts` alone."""
    digest = hashlib.blake2b(canonical(["draw", *parts]), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 1) / (2**64 + 2)


def exponential(weight: float, *parts: object) -> float:
    """What `parts` draw for an option of this weight: the option (or the options) with the smallest are a
    weighted sample.
    """
    return -math.log(uniform(*parts)) / weight


def seeded_order(options: Sequence[str], seed: int, record_id: str) -> list[str]:
    """`options` in an order drawn by record."""
    return sorted(options, key=lambda option: uniform(seed, record_id, option))
