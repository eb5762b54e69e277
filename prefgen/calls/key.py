"""The key under which a reply is journalled: 128 bits of the canonical JSON of what was asked.

In a key: version, endpoint kind, model identity, messages, sampling as wanted, reply format, sample, attempt,
record id and, for a random call (temperature other than 0), the run's seed. Never in a key: addresses, API
keys, timeouts, concurrency, the stage's name, code. The vectors in tests/golden/keys.json freeze this
function.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

from prefgen.storage.canonical_json import canonical, canonical_flat, canonical_repeated, canonical_texts

KEY_VERSION = 1


@dataclass(frozen=True, slots=True)
class Key:
    """`digest` (16 bytes) is the key; `parts` (16 bytes) are four short hashes: model, messages, sampling,
    format.
    """

    digest: bytes
    parts: bytes

    @property
    def hex(self) -> str:
        return self.digest.hex()

    @property
    def server_seed(self) -> int:
        """The seed that is sent to a server: different for every sample, record and run."""
        return int.from_bytes(self.digest[:4], "big") & 0x7FFFFFFF


class CanonicalJson(NamedTuple):
    """What stands in many keys: its canonical JSON, and 4 bytes that tell it from others."""

    json: bytes
    short: bytes

    @classmethod
    def of(cls, value: Any) -> Self:
        """Raises ValueError or TypeError for values that have no canonical form."""
        spelled = canonical_repeated(value)
        return cls(spelled, _short_again(spelled))


def call_key(
    *,
    endpoint: str,
    model: Mapping[str, Any] | CanonicalJson,
    messages: Any,
    sampling: Mapping[str, Any] | CanonicalJson,
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
    whose = model if isinstance(model, CanonicalJson) else CanonicalJson.of(model)
    sampled = sampling if isinstance(sampling, CanonicalJson) else CanonicalJson.of(sampling)
    formed = CanonicalJson.of(reply_format) if reply_format else NO_FORMAT
    head = canonical_flat(
        {
            "attempt": attempt,
            "endpoint": endpoint,
            "record": record,
            "sample": sample,
            "seed": seed,
            "version": KEY_VERSION,
        }
    )
    document = b'{"ask":%b,"format":%b,"messages":%b,"model":%b,"sampling":%b}' % (
        head,
        formed.json,
        spelled,
        whose.json,
        sampled.json,
    )
    short = whose.short + hashlib.blake2b(spelled, digest_size=4).digest() + sampled.short + formed.short
    return Key(hashlib.blake2b(document, digest_size=16).digest(), short)


@lru_cache(maxsize=4096)
def _short_again(spelled: bytes) -> bytes:
    return hashlib.blake2b(spelled, digest_size=4).digest()


NO_FORMAT = CanonicalJson.of({})
PART_NAMES = ("model", "messages", "sampling", "format")


def changed_parts(before: bytes, after: bytes) -> list[str]:
    """Which of the four parts differ between two `parts` values."""
    return [
        name for i, name in enumerate(PART_NAMES) if before[4 * i : 4 * i + 4] != after[4 * i : 4 * i + 4]
    ]
