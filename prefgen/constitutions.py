"""Constitutions: principles with ids and wordings, as files under constitutions/."""

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from prefgen.draws import uniform
from prefgen.errors import RecipeError
from prefgen.templates import text_file
from prefgen.types import Value


class Principle(Value):
    """One principle: what it is for, and its wordings for each use."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    category: str | None = None
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
        for source, weights in self.mix.items():
            unknown = set(weights) - set(ids)
            if unknown:
                raise ValueError(f"mix of {source!r} names {sorted(unknown)[0]!r}, which is no principle here")
        return self


def load_constitution(name: str) -> Constitution:
    """The constitution in `constitutions/<name>.yaml`, beside the recipe or shipped. Raises RecipeError."""
    path = text_file("constitutions", f"{name}.yaml")
    return _load(path, path.stat().st_mtime_ns)


def drawn_principles(name: str, wording: str, count: int, *draw: object) -> list[Principle]:
    """`count` principles that have that wording (`critique`, `comparison` ...), drawn by weight from what `draw` names, in the file's order.

    One principle more in the file moves only its own share of the draws. Raises RecipeError when fewer have the wording.
    """
    options = [p for p in load_constitution(name).principles if getattr(p, wording)]
    if len(options) < count:
        raise RecipeError(f"constitution {name!r} has {len(options)} principles with a {wording}, and {count} are wanted")
    kept = sorted(options, key=lambda p: -math.log(uniform(*draw, p.id)) / p.weight)[:count]
    return [p for p in options if p in kept]


@lru_cache(maxsize=32)
def _load(path: Path, _changed: int) -> Constitution:
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Constitution.model_validate(found)
    except yaml.YAMLError as wrong:
        raise RecipeError(f"not valid YAML: {' '.join(str(wrong).split())}", str(path)) from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise RecipeError(f"{'.'.join(str(p) for p in first['loc']) or 'constitution'}: {first['msg']}", str(path)) from None
