"""The files that a run's prompts came from: their digests stand in the manifest, so that whoever makes a
dataset again from its recipe knows whether they have the same ones.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefgen.stages.stage import StagePlugin
from prefgen.storage.file_digest import sha256_of


def source_digests(sources: Sequence[StagePlugin], folder: Path) -> dict[str, str]:
    """{path as the recipe has it: SHA-256 as `sha256sum` says it} of the files that sources read. A folder
    gives a line for each of its files; one that holds a manifest.json is known by that alone, which has the
    digest of its rows. What is not there any more, or cannot be read, has none.
    """
    digests: dict[str, str] = {}
    for plugin in (source.plugin for source in sources):
        for path in (getattr(plugin, field) for field in plugin.source_files):
            for file in _files_of(folder / path):
                name = "/".join([path, *file.relative_to(folder / path).parts])
                with suppress(OSError):
                    digests[name] = sha256_of(file).hex()
    return dict(sorted(digests.items()))


def changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Which files of prompts differ, by their digests, a line each; nothing where it is not known what they
    were.
    """
    lines = [
        f"{path}: {'other contents' if path in before else 'new'}"
        for path, digest in now.items()
        if before.get(path) != digest
    ]
    return [*lines, *(f"{path}: gone" for path in before if path not in now)] if before else []


def other_sources(sources: Sequence[StagePlugin], folder: Path) -> list[str]:
    """A warning for each file of the sources that is another than the one of which the manifest.json beside
    the recipe tells: a released dataset that is made again.
    """
    recorded = _recorded_digests(folder / "manifest.json")
    if not recorded:
        return []
    found = source_digests(sources, folder)
    return [
        f"{path} is not the file that manifest.json beside the recipe tells of (SHA-256 {digest[:12]}..., "
        f"here {found[path][:12]}...): other prompts make another dataset"
        for path, digest in recorded.items()
        if path in found and found[path] != digest
    ]


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif (path / "manifest.json").is_file():
        yield path / "manifest.json"
    else:
        for file in sorted(path.rglob("*")):
            is_hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.is_file() and not is_hidden:  # such as .git of a clone
                yield file


def _recorded_digests(manifest: Path) -> Mapping[str, Any]:
    """Nothing where no manifest of ours is there: what stands beside a recipe may be another program's."""
    try:
        fields = json.loads(manifest.read_text(encoding="utf-8"))
        return {path: digest for path, digest in fields["source_files"].items() if isinstance(digest, str)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
