"""Semantic versions of datasets: which part a change moves, and the tag of each."""

import re

from prefgen.errors import RecipeError
from prefgen.publish.diff import Bump

VERSION_PATTERN = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:[-+][0-9A-Za-z.-]+)?")


def parse_version(version: str) -> tuple[int, int, int]:
    """The three numbers. Raises RecipeError for what is no semantic version."""
    match = VERSION_PATTERN.fullmatch(version)
    if not match:
        raise RecipeError(f"expected a version such as 1.2.0, found {version!r}")
    return int(match[1]), int(match[2]), int(match[3])


def bump_version(version: str, bump: Bump) -> str:
    """The version after a change of this kind. Before 1.0.0 a major change moves the second number, as
    semantic versions do.
    """
    major, minor, patch = parse_version(version)
    if bump == "major" and major:
        return f"{major + 1}.0.0"
    if bump == "minor" or bump == "major":
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}" if bump == "patch" else version


def tag_of(version: str) -> str:
    parse_version(version)
    return f"v{version}"
