"""Batches on a provider's side, as a run sees them: a file of requests goes there, and files of replies come
back hours later.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from prefgen.errors import RequestFailed

ENDED = ("completed", "failed", "expired", "cancelled")
"""States in which nothing more comes of a batch."""
NO_BATCHES = "no_batches"
"""Code of the failure of a server that knows none."""
MOST_REQUESTS = 50_000
"""Requests that a provider takes in one file."""
MOST_BYTES = 200_000_000
"""Bytes that a provider takes in one file."""
BATCHED_ENDPOINTS = ("chat", "completion", "embed")
"""Kinds of requests that providers take in batches."""


@dataclass(frozen=True)
class ProviderBatch:
    """A batch as its provider tells of it. `problem` says why it failed as a whole, `bad_lines` which lines
    of its file are to blame (from 1).
    """

    id: str
    state: str
    completed: int = 0
    failed: int = 0
    total: int = 0
    output_file: str | None = None
    error_file: str | None = None
    problem: str = ""
    bad_lines: Sequence[int] = ()
    metadata: Mapping[str, str] | None = None
    created: float = 0.0

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


class BatchService(Protocol):
    """A provider's batches. Every method raises RequestFailed; `fatal` where asking again cannot help."""

    async def upload(self, name: str, file: BinaryIO) -> str:
        """Put a file of requests there; returns its id."""
        ...

    async def create(self, file_id: str, route: str, metadata: Mapping[str, str]) -> ProviderBatch:
        """Have an uploaded file answered. Where no answer comes, nobody knows whether it is: `find` tells."""
        ...

    async def find(self, metadata: Mapping[str, str], file_id: str | None) -> Sequence[ProviderBatch]:
        """The batches that were created with this metadata or of this file, the oldest first."""
        ...

    async def look(self, batch_id: str) -> ProviderBatch: ...

    async def cancel(self, batch_id: str) -> ProviderBatch: ...

    def plain(self, text: str, /) -> str:
        """Words of the provider as one line that can be shown, without a key in it."""
        ...

    def lines(self, file_id: str) -> AsyncIterator[bytes]:
        """The lines of a file of replies."""
        ...


def is_passing(failure: RequestFailed) -> bool:
    """Whether a provider may well answer later what it has not answered now."""
    return failure.kind in ("rate", "busy", "server", "connection", "timeout", "broken")
