"""What `prefgen doctor` found of servers, kept beside the journal, and used for how a model is asked, never
for what. It counts as long as the server is the same, by its address, its version and what it has loaded.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prefgen.calls.server_check import build_of
from prefgen.calls.server_report import Build, ServerReport
from prefgen.recipe.models import BuiltModel
from prefgen.storage.atomic_write import write_json
from prefgen.transport.request import ModelHooks
from prefgen.transport.server_access import ServerAccess

FILE = "servers.json"
HINTS = {"n": bool, "schema_as": str, "send_seed": bool, "token_field": str}
"""Fields of an endpoint that say how a model is asked, and what they hold."""
MOST_ALTERNATIVES = 1000
"""Log-probabilities of a token: more is no number of a server."""
SECONDS = 5.0
"""Within which a server says at the start of a run whether it is the same."""


def answers_file(journal: Path) -> Path:
    return journal.with_name(FILE)


def keep_reports(file: Path, reports: Sequence[ServerReport]) -> None:
    """Put what was found into the file, in place of what was known of the same models there."""
    entries = {(each["address"], each["model"]): each for each in _entries(file)}
    for report in reports:
        entries[report.address, report.model] = {
            "address": report.address,
            "model": report.model,
            "build": asdict(report.build),
            "fingerprint": report.fingerprint,
            "hints": report.hints,
            "states": {finding.feature: finding.state for finding in report.findings},
            "looked_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
    write_json(file, {"servers": list(entries.values())})


def _entries(file: Path) -> list[dict[str, Any]]:
    """What the file holds that can be read: it is a help, and a damaged one is none."""
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    entries = data.get("servers") if isinstance(data, dict) else None
    return [
        each
        for each in (entries if isinstance(entries, list) else ())
        if isinstance(each, dict)
        and isinstance(each.get("address"), str)
        and isinstance(each.get("model"), str)
        and isinstance(each.get("hints"), dict)
        and isinstance(each.get("build"), dict)
    ]


@dataclass(frozen=True)
class AskedAs:
    """A model as it is to be asked; `alternatives` are the log-probabilities of a token that its server gives
    at most, None where that is not known; `note` says what was done.
    """

    built: BuiltModel
    alternatives: int | None = None
    note: str = ""


async def all_asked_as_found(
    models: Mapping[str, BuiltModel], journal: Path, notify: Callable[[str], None]
) -> dict[str, AskedAs]:
    """Each model as it is to be asked, by what is known beside the journal; says what is done."""
    entries = _entries(answers_file(journal))
    found = {name: await _asked_as_found(built, entries) for name, built in models.items()}
    for asked_as in found.values():
        if asked_as.note:
            notify(asked_as.note)
    return found


async def _asked_as_found(built: BuiltModel, entries: Sequence[Mapping[str, Any]]) -> AskedAs:
    """The model with the settings that the file says help with its server, where the recipe says none and the
    server is still the same.
    """
    backend: Any = built.backend
    if not entries or built.simulated or backend.asks_nobody or backend.loads_weights:
        return AskedAs(built)
    async with backend.connect() as connected:
        access = connected.server_access() if isinstance(connected, ModelHooks) else None
        if access is None:
            return AskedAs(built)
        name = str(built.identity["name"])
        entry = next((e for e in entries if (e["address"], e["model"]) == (access.address, name)), None)
        if entry is None or not entry["hints"]:
            return AskedAs(built)
        if not await _is_same(access, name, entry["build"]):
            note = f"{built.name}: its server is not the one that `prefgen doctor` looked at: look again"
            return AskedAs(built, note=note)
    return _with_hints(built, entry["hints"])


async def _is_same(access: ServerAccess, model: str, build: Mapping[str, Any]) -> bool:
    access.seconds = SECONDS
    found, listing, _ = await build_of(access, model)
    return bool(listing.status) and found == Build(
        *(str(build.get(name, "")) for name in ("version", "software", "root"))
    )


def _with_hints(built: BuiltModel, hints: Mapping[str, Any]) -> AskedAs:
    backend = built.backend
    changes = {
        name: hints[name]
        for name, kind in HINTS.items()
        if type(hints.get(name)) is kind
        and name in type(backend).model_fields
        and name not in backend.model_fields_set
    }
    alternatives = hints.get("alternatives")
    if type(alternatives) is not int or not 0 <= alternatives <= MOST_ALTERNATIVES:
        alternatives = None
    try:
        type(backend).model_validate({**backend.model_dump(exclude_unset=True), **changes})
    except ValidationError:  # the file is a help, and a damaged one is none
        changes = {}
    if not changes and alternatives is None:
        return AskedAs(built)
    words = [f"{name}: {json.dumps(value)}" for name, value in changes.items()]
    if alternatives is not None:
        words.append(f"{alternatives} log-probabilities a token" if alternatives else "no log-probabilities")
    note = f"{built.name}: asked as `prefgen doctor` found it answers ({', '.join(words)})"
    return AskedAs(replace(built, backend=backend.model_copy(update=changes)), alternatives, note)
