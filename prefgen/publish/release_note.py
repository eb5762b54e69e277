"""What a release on the Hub says of itself, in release.json."""

import json
from collections.abc import Mapping
from typing import Any

from prefgen.errors import PublishError, RecipeError
from prefgen.publish.hub import Repository
from prefgen.publish.version import parse_version

RELEASE = "release.json"


def read_release_note(hub: Repository, commit: str) -> Mapping[str, Any] | None:
    """What the release at a commit noted of itself. Raises PublishError where that cannot be read."""
    text = hub.read(RELEASE, commit)
    if text is None:
        return None
    try:
        note = json.loads(text)
        parse_version(note["version"])
        return {"header": {}, **note, "content_hash": note["content_hash"]}
    except (ValueError, KeyError, TypeError, RecipeError) as error:
        raise PublishError(
            f"{hub.name!r}: {RELEASE} on the Hub cannot be read ({error}); it was changed by hand"
        ) from None


def find_commit(hub: Repository, head: str, content_hash: str) -> str:
    """The commit that brought the contents which still stand at `head`: others may have committed since."""
    origin_commit = head
    for commit in hub.earlier(head):
        note = read_release_note(hub, commit)
        if note is None or note["content_hash"] != content_hash:
            break
        origin_commit = commit
    return origin_commit
