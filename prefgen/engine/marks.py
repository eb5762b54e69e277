"""Small files of a run's folder that outlive every cache: what is to be asked again, and the id under which money is booked."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prefgen.errors import RecipeError
from prefgen.storage.atomic_write import atomic_write


@dataclass(frozen=True)
class MarkedRetries:
    """What `prefgen retry` marked: {key of an ask's first attempt: number of the present one}, and the records they are of."""

    keys: Mapping[str, int] = field(default_factory=dict)
    records: Sequence[str] = ()


def read_retries(out: Path) -> MarkedRetries:
    path = out / "attempts.json"
    if not path.is_file():
        return MarkedRetries()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return MarkedRetries(dict(found["keys"]), list(found["records"]))
    except (ValueError, KeyError, TypeError) as wrong:
        raise RecipeError(
            f"cannot be read ({wrong}); delete it, and mark again with `prefgen retry`", str(path)
        ) from None


def run_id_of(out: Path) -> str:
    """The id under which the journal books what this folder spent; it outlives every cache."""
    path = out / ".run_id"
    if not path.is_file():
        with atomic_write(path) as part:
            part.write_text(uuid.uuid4().hex, encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()
