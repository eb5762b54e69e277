"""On which terms a dataset is there, as far as it says so itself: its license, and whether it is private or
comes from harmful texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

HARM_TAG = "not-for-all-audiences"
"""The Hub's tag of datasets with texts that are unsafe to show."""
_NO_LICENSE = {"", "other", "several", "unknown"}


@dataclass(frozen=True)
class Terms:
    """`license` is None where none is said, or no one license covers the whole. A dataset is `private` where
    not everybody may have it, so also where it is gated.
    """

    license: str | None = None
    private: bool = False
    harmful: bool = False


def terms_on_hub(info: Any) -> Terms:
    """The terms of a dataset on the Hub, of what the client's `dataset_info` says."""
    card = getattr(info, "card_data", None)
    header = card.to_dict() if card is not None else {}
    tags = {*(getattr(info, "tags", None) or ()), *_as_list(header.get("tags"))}
    private = bool(getattr(info, "private", False) or getattr(info, "gated", False))
    return Terms(_license_of(header), private, HARM_TAG in tags)


def terms_of_release(note: Mapping[str, Any] | None) -> Terms:
    """The terms of a release in a folder, of its release.json."""
    fields = note or {}
    header = fields.get("header")
    header = header if isinstance(header, dict) else {}
    return Terms(_license_of(header), bool(fields.get("private")), HARM_TAG in _as_list(header.get("tags")))


def terms_of_mix(manifest: Mapping[str, Any] | None) -> Terms:
    """The terms of a mix in a folder, of its mix.json."""
    fields = manifest or {}
    return Terms(None, bool(fields.get("private")), bool(fields.get("harmful")))


def terms_of_recipe(recipe: str | None) -> Terms:
    """The terms of a run: what its recipe says under `publish`."""
    try:
        settings = yaml.safe_load(recipe or "")
        publish = settings.get("publish") if isinstance(settings, dict) else None
        return Terms(private=isinstance(publish, dict) and publish.get("private") is True)
    except yaml.YAMLError:
        return Terms()


def _license_of(header: Mapping[str, Any]) -> str | None:
    names = _as_list(header.get("license"))
    if names == ["other"]:
        names = _as_list(header.get("license_name"))
    if len(names) != 1 or not isinstance(names[0], str):
        return None
    return None if names[0].casefold() in _NO_LICENSE else names[0]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
