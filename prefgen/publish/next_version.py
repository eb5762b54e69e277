"""Which version a release becomes, after what stands on the Hub."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prefgen.dataset.open_pairs import open_pairs
from prefgen.errors import PublishError
from prefgen.publish.diff import Bump, compare_sides, generation_settings, read_side
from prefgen.publish.draft import Release, ReleaseDraft
from prefgen.publish.hub import Head, Repository
from prefgen.publish.release_note import find_commit, read_release_note
from prefgen.publish.version import VERSION_PATTERN, bump_version, parse_version, tag_of


def resolve_version(
    draft: ReleaseDraft, previous: Mapping[str, Any] | None, head: Head, hub: Repository
) -> Release:
    """The draft's release with its version and what changed since `previous`, the note of the release at
    `head`; `already` where the same stands on the Hub.

    Raises PublishError where the wanted version is taken by something else.
    """
    release = replace(draft.release, diff=None)
    if previous is not None:
        if _is_unchanged(draft, previous, head, hub):
            tagged = head.tags.get(tag_of(previous["version"]))
            commit = tagged or find_commit(hub, head.commit, release.content_hash)
            return replace(release, version=previous["version"], commit=commit, already=True)
        before, after = open_pairs(f"{hub.name}@{head.commit}"), draft.open_dataset()
        release = replace(release, diff=compare_sides(read_side(before), read_side(after)))
    latest = _latest_version(previous, head)
    if draft.settings.version is None and previous is not None and latest is not None:
        version = bump_version(latest, _bump_of(draft, release))
        release = replace(release, version=max(version, draft.manifest.version, key=parse_version))
    tag = tag_of(release.version)
    if tag in head.tags:
        return _tagged_release(release, head.tags[tag], hub)
    if latest is not None and parse_version(release.version) < parse_version(latest):
        raise PublishError(
            f"version {release.version} comes before {latest}, which {hub.name!r} has; give a later "
            "--version, or leave it out"
        )
    return release


def _is_unchanged(draft: ReleaseDraft, previous: Mapping[str, Any], head: Head, hub: Repository) -> bool:
    """Whether the release at `head` is the draft's: the same contents, made by the same recipe."""
    return (
        previous["content_hash"] == draft.release.content_hash
        and draft.settings.version in (None, previous["version"])
        and generation_settings(hub.read("recipe.yaml", head.commit))
        == generation_settings(draft.read_recipe())
    )


def _latest_version(previous: Mapping[str, Any] | None, head: Head) -> str | None:
    versions = [
        tag.removeprefix("v") for tag in head.tags if VERSION_PATTERN.fullmatch(tag.removeprefix("v"))
    ]
    if previous is not None:
        versions.append(str(previous["version"]))
    return max(versions, key=parse_version, default=None)


def _bump_of(draft: ReleaseDraft, release: Release) -> Bump:
    """Which number a change moves: what was asked for, else as the diff says; at least the last."""
    if draft.settings.bump != "auto":
        return draft.settings.bump
    bump = release.diff.bump if release.diff else "none"
    return "patch" if bump == "none" else bump


def _tagged_release(release: Release, commit: str, hub: Repository) -> Release:
    """The release as it was published under its tag. Raises PublishError where the tag is of other
    contents.
    """
    note = read_release_note(hub, commit)
    existing = note["content_hash"] if note else "no release of prefgen"
    if existing != release.content_hash:
        raise PublishError(
            f"{hub.name!r} has a tag {tag_of(release.version)!r} with other contents ({existing}; this run: "
            f"{release.content_hash}). A tag is never moved: give another --version, or leave it out"
        )
    return replace(release, commit=commit, already=True)
