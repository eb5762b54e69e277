"""The file that lists a model's replicas, an address a line, while it changes."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prefgen.backends._openai_model import checked_address
from prefgen.backends._replica import ReplicaModel
from prefgen.errors import RecipeError

LOOK_SECONDS = 2.0
"""Between two looks at the file."""


def listed_addresses(path: Path) -> tuple[str, ...]:
    """The addresses of a file, each once. Empty lines and lines that begin with # say nothing. Raises
    RecipeError, with the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise RecipeError(
            f"{path}: no file of addresses, one a line, can be read there ({reason}); an address itself "
            "begins with http:// or https://"
        ) from None
    addresses: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            addresses.append(checked_address(line.strip(), f"{path}, line {number}: the address"))
    if not addresses:
        raise RecipeError(f"{path} holds no address: one a line is wanted")
    return tuple(dict.fromkeys(addresses))


class ReplicaList:
    """A list of replicas that is looked at every few seconds; `connect` makes a model of an address."""

    def __init__(self, path: Path, connect: Callable[[str], ReplicaModel]) -> None:
        self._path, self.connect = path, connect
        self._looked_at = time.monotonic()

    def is_due(self) -> bool:
        return time.monotonic() >= self._looked_at + LOOK_SECONDS

    def look(self, notify: Callable[[str], None]) -> Sequence[str] | None:
        """The addresses; None, with a notice, where the file is none: then the old ones stay."""
        self._looked_at = time.monotonic()
        try:
            return listed_addresses(self._path)
        except RecipeError as error:
            notify(f"{error}; the replicas stay as they are")
            return None
