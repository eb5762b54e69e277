"""The key under which a reply is journalled: 128 bits of the canonical JSON of what was asked.

In a key: version, endpoint kind, model identity, messages, sampling as wanted, reply format, sample, attempt, record id and, for a
random call (temperature other than 0), the run's seed. Never in a key: addresses, API keys, timeouts, concurrency, the stage's name,
code. The vectors in tests/golden/keys.json freeze this function.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from prefgen.canonical import canonical, canonical_again, canonical_flat, canonical_texts

KEY_VERSION = 1


@dataclass(frozen=True, slots=True)
class Key:
    """`digest` (16 bytes) is the key; `parts` (16 bytes) are four short hashes: model, messages, sampling, format."""

    digest: bytes
    parts: bytes

    @property
    def hex(self) -> str:
        return self.digest.hex()

    @property
    def server_seed(self) -> int:
        """The seed that is sent to a server: different for every sample, record and run."""
        return int.from_bytes(self.digest[:4], "big") & 0x7FFFFFFF


def call_key(
    *,
    endpoint: str,
    model: Mapping[str, Any],
    messages: Any,
    sampling: Mapping[str, Any],
    reply_format: Mapping[str, Any],
    sample: int = 0,
    attempt: int = 0,
    record: str | None = None,
    seed: int | None = None,
) -> Key:
    """Make a key. `record` is None for shared asks, `seed` is None for calls that are not random.

    Raises ValueError or TypeError for values that have no canonical form (NaN, sets, lone surrogates).
    """
    spell = canonical_texts if endpoint in ("chat", "completion") else canonical
    spelled = spell(messages)
    whose, sampled, formed = canonical_again(model), canonical_again(sampling), canonical_again(reply_format)
    head = canonical_flat(
        {"attempt": attempt, "endpoint": endpoint, "record": record, "sample": sample, "seed": seed, "version": KEY_VERSION}
    )
    document = b'{"ask":%b,"format":%b,"messages":%b,"model":%b,"sampling":%b}' % (head, formed, spelled, whose, sampled)
    short = _short_again(whose) + hashlib.blake2b(spelled, digest_size=4).digest() + _short_again(sampled) + _short_again(formed)
    return Key(hashlib.blake2b(document, digest_size=16).digest(), short)


@lru_cache(maxsize=4096)
def _short_again(spelled: bytes) -> bytes:
    return hashlib.blake2b(spelled, digest_size=4).digest()


PART_NAMES = ("model", "messages", "sampling", "format")


def changed_parts(before: bytes, after: bytes) -> list[str]:
    """Which of the four parts differ between two `parts` values."""
    return [name for i, name in enumerate(PART_NAMES) if before[4 * i : 4 * i + 4] != after[4 * i : 4 * i + 4]]
