"""Constitutions: principles with ids and wordings, as files under constitutions/."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from prefgen.errors import RecipeError
from prefgen.kit.templates import text_file
from prefgen.stats.seeded_draws import exponential
from prefgen.text.near_duplicates import ALIKE, normalize, shingles
from prefgen.types import Value


class Principle(Value):
    """One principle: what it is for, and its wordings for each use."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    category: str | None = None
    group: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    weight: float = Field(1.0, gt=0)
    source: str | None = None
    system: tuple[str, ...] = Field((), description="Paraphrases of a system prompt that asks for it.")
    critique: str | None = None
    revision: str | None = None
    comparison: str | None = None


class Constitution(Value):
    """Principles with unique ids; `mix` says for each prompt source with which weights they are drawn (`default` for the rest)."""

    name: str
    description: str = ""
    principles: tuple[Principle, ...] = Field(min_length=1)
    mix: Mapping[str, Mapping[str, float]] = {}

    @model_validator(mode="after")
    def _ids_are_unique_and_known(self) -> "Constitution":
        ids = [p.id for p in self.principles]
        twice = {i for i in ids if ids.count(i) > 1}
        if twice:
            raise ValueError(f"principle id {sorted(twice)[0]!r} stands twice")
        if self.groups and (without := [p.id for p in self.principles if p.group is None]):
            raise ValueError(f"principle {without[0]!r} has no group, and others have one")
        for source, weights in self.mix.items():
            unknown = set(weights) - set(ids)
            if unknown:
                raise ValueError(
                    f"mix of {source!r} names {sorted(unknown)[0]!r}, which is no principle here"
                )
        return self

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups whose judgments are kept apart, in the order of the file; empty where principles have none."""
        return tuple(dict.fromkeys(p.group for p in self.principles if p.group is not None))


def load_constitution(name: str) -> Constitution:
    """The constitution in `constitutions/<name>.yaml`, beside the recipe or shipped. Raises RecipeError."""
    path = text_file("constitutions", f"{name}.yaml")
    return _load(path, path.stat().st_mtime_ns)


def draw_principles(
    name: str, wording: str, count: int, *draw: object, group: str | None = None
) -> list[Principle]:
    """`count` principles that have that wording (`critique`, `comparison` ...), drawn by weight from what `draw` names, in the file's order.

    One principle more in the file moves only its own share of the draws. Raises RecipeError when fewer have the wording, for a group that
    there is not, and for a constitution with groups of which none is named: they are never merged silently.
    """
    constitution = load_constitution(name)
    if group is None and constitution.groups:
        raise RecipeError(
            f"constitution {name!r} keeps its groups apart: give `group`, one of {', '.join(constitution.groups)}"
        )
    if group is not None and group not in constitution.groups:
        raise RecipeError(
            f"constitution {name!r} has no group {group!r} (its groups: {', '.join(constitution.groups) or 'none'})"
        )
    options = [p for p in constitution.principles if getattr(p, wording) and p.group == group]
    if len(options) < count:
        of = f" of group {group!r}" if group else ""
        raise RecipeError(
            f"constitution {name!r} has {len(options)} principles{of} with a {wording}, and {count} are wanted"
        )
    kept = sorted(options, key=lambda p: exponential(p.weight, *draw, p.id))[:count]
    return [p for p in options if p in kept]


def read_constitution(path: Path) -> Constitution:
    """The constitution in a file. Raises RecipeError."""
    if not path.is_file():
        raise RecipeError(f"constitution {str(path)!r} does not exist")
    return _load(path, path.stat().st_mtime_ns)


WORDINGS = ("system", "critique", "revision", "comparison")
_NEGATIONS = re.compile(r"\b(?:not|no|never|less|fewer|more|without|nor)\b")


def constitution_findings(constitution: Constitution) -> list[str]:
    """What is wrong with a constitution, a line each: wordings that some principles lack, and principles that repeat or contradict each other.

    Two wordings repeat each other when they are nearly the same, and may contradict each other when they are so but for a negation;
    principles of different groups may do both.
    """
    found = []
    for wording in WORDINGS:
        lacking = [p.id for p in constitution.principles if not getattr(p, wording)]
        if lacking and len(lacking) < len(constitution.principles):
            found.append(
                f"{len(lacking)} of {len(constitution.principles)} principles have no {wording}: {', '.join(lacking[:5])}"
            )
    for wording in WORDINGS:
        spelled = [
            (
                p.id,
                p.group,
                normalize(
                    " ".join(words) if isinstance(words := getattr(p, wording), tuple) else words or ""
                ),
            )
            for p in constitution.principles
        ]
        for (one, group, text), (other, its_group, again) in combinations(
            [(i, g, t) for i, g, t in spelled if t], 2
        ):
            if group != its_group:
                continue
            alike = _likeness(_NEGATIONS.sub("", text), _NEGATIONS.sub("", again))
            if alike < ALIKE:
                continue
            if sorted(_NEGATIONS.findall(text)) == sorted(_NEGATIONS.findall(again)):
                found.append(f"{one} and {other} repeat each other ({wording}, similarity {alike:.2f})")
            else:
                found.append(
                    f"{one} and {other} may contradict each other: their {wording} differs by a negation ({text[:60]!r}, {again[:60]!r})"
                )
    return found


def _likeness(one: str, other: str) -> float:
    a, b = set(shingles(one, 2)), set(shingles(other, 2))
    return len(a & b) / len(a | b)


@lru_cache(maxsize=32)
def _load(path: Path, _changed: int) -> Constitution:
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Constitution.model_validate(found)
    except yaml.YAMLError as wrong:
        raise RecipeError(f"not valid YAML: {' '.join(str(wrong).split())}", str(path)) from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise RecipeError(
            f"{'.'.join(str(p) for p in first['loc']) or 'constitution'}: {first['msg']}", str(path)
        ) from None
