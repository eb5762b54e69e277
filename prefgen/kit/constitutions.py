"""Constitutions: principles with ids and wordings, as files under constitutions/."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from prefgen.errors import RecipeError, first_problem
from prefgen.kit.templates import text_file
from prefgen.stats.seeded_draws import exponential
from prefgen.text.near_duplicates import NEAR_DUPLICATE_THRESHOLD, shingles
from prefgen.text.normalize import normalize
from prefgen.types import Value


class Principle(Value):
    """One principle: what it is for, and its wordings for each use."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    category: str | None = None
    group: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    weight: float = Field(default=1.0, gt=0)
    source: str | None = None
    system: tuple[str, ...] = Field(
        default=(), description="Paraphrases of a system prompt that asks for it."
    )
    critique: str | None = None
    revision: str | None = None
    comparison: str | None = None


class Constitution(Value):
    """Principles with unique ids; `mix` says for each prompt source with which weights they are drawn
    (`default` for the rest).
    """

    name: str
    description: str = ""
    principles: tuple[Principle, ...] = Field(min_length=1)
    mix: Mapping[str, Mapping[str, float]] = {}

    @model_validator(mode="after")
    def _check_ids(self) -> "Constitution":
        ids = [p.id for p in self.principles]
        duplicates = {i for i in ids if ids.count(i) > 1}
        if duplicates:
            raise ValueError(f"principle id {sorted(duplicates)[0]!r} stands twice")
        if self.groups and (ungrouped := [p.id for p in self.principles if p.group is None]):
            raise ValueError(f"principle {ungrouped[0]!r} has no group, and others have one")
        for source, weights in self.mix.items():
            unknown = set(weights) - set(ids)
            if unknown:
                raise ValueError(
                    f"mix of {source!r} names {sorted(unknown)[0]!r}, which is no principle here"
                )
        return self

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups whose judgments are kept apart, in the order of the file; empty where principles have
        none.
        """
        return tuple(dict.fromkeys(p.group for p in self.principles if p.group is not None))


def load_constitution(name: str) -> Constitution:
    """The constitution in `constitutions/<name>.yaml`, beside the recipe or shipped. Raises RecipeError."""
    path = text_file("constitutions", f"{name}.yaml")
    return _load_constitution(path, path.stat().st_mtime_ns)


def draw_principles(
    name: str, wording: str, count: int, *seed_parts: object, group: str | None = None
) -> list[Principle]:
    """`count` principles that have that wording (`critique`, `comparison` ...), drawn by weight with the
    seed that `seed_parts` make, in the file's order.

    One principle more in the file moves only its own share of the draws. Raises RecipeError when fewer have
    the wording, for a group that there is not, and for a constitution with groups of which none is named:
    they are never merged silently.
    """
    constitution = load_constitution(name)
    if group is None and constitution.groups:
        raise RecipeError(
            f"constitution {name!r} keeps its groups apart: give `group`, one of "
            f"{', '.join(constitution.groups)}"
        )
    if group is not None and group not in constitution.groups:
        raise RecipeError(
            f"constitution {name!r} has no group {group!r} (its groups: "
            f"{', '.join(constitution.groups) or 'none'})"
        )
    candidates = [p for p in constitution.principles if getattr(p, wording) and p.group == group]
    if len(candidates) < count:
        group_clause = f" of group {group!r}" if group else ""
        raise RecipeError(
            f"constitution {name!r} has {len(candidates)} principles{group_clause} with a {wording}, and "
            f"{count} are wanted"
        )
    selection = sorted(candidates, key=lambda p: exponential(p.weight, *seed_parts, p.id))[:count]
    return [p for p in candidates if p in selection]


def read_constitution(path: Path) -> Constitution:
    """The constitution in a file. Raises RecipeError."""
    if not path.is_file():
        raise RecipeError(f"constitution {str(path)!r} does not exist")
    return _load_constitution(path, path.stat().st_mtime_ns)


WORDINGS = ("system", "critique", "revision", "comparison")
_NEGATIONS = re.compile(r"\b(?:not|no|never|less|fewer|more|without|nor)\b")


def constitution_findings(constitution: Constitution) -> list[str]:
    """What is wrong with a constitution, a line each: wordings that some principles lack, and principles that
    repeat or contradict each other.

    Two wordings repeat each other when they are nearly the same, and may contradict each other when they are
    so but for a negation; principles of different groups may do both.
    """
    problems = []
    for wording in WORDINGS:
        missing_ids = [p.id for p in constitution.principles if not getattr(p, wording)]
        if missing_ids and len(missing_ids) < len(constitution.principles):
            problems.append(
                f"{len(missing_ids)} of {len(constitution.principles)} principles have no {wording}: "
                f"{', '.join(missing_ids[:5])}"
            )
    for wording in WORDINGS:
        entries = [
            (
                p.id,
                p.group,
                normalize(
                    " ".join(words) if isinstance(words := getattr(p, wording), tuple) else words or ""
                ),
            )
            for p in constitution.principles
        ]
        for (first_id, first_group, first_text), (second_id, second_group, second_text) in combinations(
            [(i, g, t) for i, g, t in entries if t], 2
        ):
            if first_group != second_group:
                continue
            similarity = _jaccard(_NEGATIONS.sub("", first_text), _NEGATIONS.sub("", second_text))
            if similarity < NEAR_DUPLICATE_THRESHOLD:
                continue
            if sorted(_NEGATIONS.findall(first_text)) == sorted(_NEGATIONS.findall(second_text)):
                problems.append(
                    f"{first_id} and {second_id} repeat each other ({wording}, similarity {similarity:.2f})"
                )
            else:
                problems.append(
                    f"{first_id} and {second_id} may contradict each other: their {wording} differs by a "
                    f"negation ({first_text[:60]!r}, {second_text[:60]!r})"
                )
    return problems


def _jaccard(first: str, second: str) -> float:
    first_shingles, second_shingles = set(shingles(first, 2)), set(shingles(second, 2))
    return len(first_shingles & second_shingles) / len(first_shingles | second_shingles)


@lru_cache(maxsize=32)
def _load_constitution(path: Path, _mtime_ns: int) -> Constitution:
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Constitution.model_validate(data)
    except yaml.YAMLError as error:
        raise RecipeError(f"not valid YAML: {' '.join(str(error).split())}", str(path)) from None
    except ValidationError as error:
        place, problem = first_problem(error)
        raise RecipeError(f"{place or 'constitution'}: {problem}", str(path)) from None
