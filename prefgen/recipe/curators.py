"""A list of curators without a recipe around it: what `prefgen mix --curate` reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.errors import RecipeError, did_you_mean
from prefgen.kit.templates import set_recipe_folder
from prefgen.plugins.plugin import Plugin
from prefgen.recipe.load import LoadedRecipe, load_recipe, recipe_from_data
from prefgen.recipe.problems import Problems
from prefgen.recipe.stage_builder import StageBuilder

_WANTED = "expected `curate:` with a list of curators"


@dataclass(frozen=True)
class CuratorList:
    """Curators by their names, and the data of which they were made."""

    plugins: Sequence[tuple[str, Plugin]]
    data: Sequence[Mapping[str, Any]]


def load_curators(path: Path, *, seed: int = 0, plugins: bool = True) -> CuratorList:
    """The curators of a file with `curate: [...]`, as a recipe's stage has them. Raises RecipeError, or
    RecipeErrors, with file:line:column; also for a curator that asks a model. `seed` is of those that have
    none of their own; `plugins=False` refuses Python files and modules.
    """
    return _curators_of(load_recipe(path, wanted=_WANTED), str(path), seed, plugins)


def curators_of_data(
    entries: Sequence[Mapping[str, Any]], *, seed: int = 0, plugins: bool = True
) -> CuratorList:
    """The same of the list itself, from Python."""
    data = {"curate": list(entries)}
    return _curators_of(recipe_from_data(data, Path.cwd()), "curate", seed, plugins)


def _curators_of(loaded: LoadedRecipe, place: str, seed: int, plugins: bool) -> CuratorList:
    for key in loaded.data:
        if key != "curate":
            raise RecipeError(f"unknown key {key!r}{did_you_mean(key, ['curate'])}", loaded.place((key,)))
    entries = loaded.data.get("curate")
    if not isinstance(entries, list) or not entries:
        raise RecipeError(_WANTED, place)
    set_recipe_folder(loaded.folder)
    problems = Problems()
    built = StageBuilder(loaded, {}, [], plugins, seed, problems).build_curators_of_pairs(entries)
    problems.raise_all()
    return CuratorList([(curator.name, curator.plugin) for curator in built], entries)
