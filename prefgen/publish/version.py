"""Semantic versions of datasets: which part a change moves, and the tag of each."""

import re

from prefgen.errors import RecipeError
from prefgen.publish.diff import Bump

VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:[-+][0-9A-Za-z.-]+)?")


def parsed(version: str) -> tuple[int, int, int]:
    """The three numbers. Raises RecipeError for what is no semantic version."""
    found = VERSION.fullmatch(version)
    if not found:
        raise RecipeError(f"expected a version such as 1.2.0, found {version!r}")
    return int(found[1]), int(found[2]), int(found[3])


def bumped(version: str, bump: Bump) -> str:
    """The version after a change of this kind. Before 1.0.0 a major change moves the second number, as semantic versions do."""
    major, minor, patch = parsed(version)
    if bump == "major" and major:
        return f"{major + 1}.0.0"
    if bump == "minor" or bump == "major":
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}" if bump == "patch" else version


def tag_of(version: str) -> str:
    parsed(version)
    return f"v{version}"
