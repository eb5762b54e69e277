"""Reading a recipe's YAML, with the place of every value, so that errors can say file:line:column.

Safe YAML only. A key that stands twice is an error; `yes` and `no` are text; `1e-6` is a number. `extends:`
merges over another recipe, `--set a.b=1` over the result. `${env:NAME}` is replaced only inside `run:` and
only when the run is built, so that no value of the environment is ever stored.
"""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prefgen.errors import RecipeError

Where = tuple[str | int, ...]


@dataclass
class LoadedRecipe:
    """Plain data, and for each path in it the words file:line:column."""

    data: dict[str, Any]
    places: dict[Where, str]
    path: Path
    folder: Path = field(default_factory=Path)

    def place(self, path: Where) -> str:
        """Where `path`, or the nearest thing around it, stands."""
        return self.places.get(self.nearest(path), str(self.path))

    def nearest(self, path: Where) -> Where:
        """`path`, or the nearest thing around it that stands in the file."""
        while path and path not in self.places:
            path = path[:-1]
        return path


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's booleans and numbers."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp)
        for tag, regexp in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$", re.IGNORECASE), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?"
        r"|[0-9]+[eE][-+]?[0-9]+|\.inf|\.nan)$"
    ),
    list("-+0123456789."),
)


_A_RECIPE = "a recipe is a mapping with name, models and stages"


def load_recipe(path: Path, settings: Sequence[str] = (), *, wanted: str = _A_RECIPE) -> LoadedRecipe:
    """Read a recipe with what it extends and the overrides `a.b=value`. Raises RecipeError, which says what
    is `wanted` where the file holds no mapping.
    """
    loaded = _load_file(path, (), wanted)
    for setting in settings:
        _apply_setting(loaded, setting)
    return loaded


def recipe_from_data(data: Mapping[str, Any], folder: Path, settings: Sequence[str] = ()) -> LoadedRecipe:
    """A recipe given as plain data, from Python, with the overrides `a.b=value`. Raises RecipeError for what
    no file could hold.
    """
    try:
        json.dumps(data)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"a recipe is plain data (mappings, lists, text, numbers): {error}") from None
    loaded = LoadedRecipe(copy.deepcopy(dict(data)), {}, Path("recipe"), folder)
    for setting in settings:
        _apply_setting(loaded, setting)
    return loaded


def top_keys(path: Path) -> frozenset[str]:
    """The keys of the mapping that a file of YAML or JSON is, those of its first entry where it is a list of
    mappings, and none where it cannot be read: whoever reads it then says why.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return frozenset()
    if isinstance(node, yaml.SequenceNode) and node.value:
        node = node.value[0]
    keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    return frozenset(str(key.value) for key in keys if isinstance(key, yaml.ScalarNode))


def recipe_text(data: Mapping[str, Any]) -> str:
    """A recipe as a run and a release keep it."""
    return yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=110)


def _load_file(path: Path, ancestors: tuple[Path, ...], wanted: str = _A_RECIPE) -> LoadedRecipe:
    if path.resolve() in ancestors:
        raise RecipeError(f"{path} extends itself")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(f"recipe {str(path)!r} does not exist") from None
    except IsADirectoryError:
        raise RecipeError(f"{str(path)!r} is a folder; name the recipe's file") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"not valid UTF-8 (byte {error.start})", str(path)) from None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise RecipeError(
            f"not valid YAML: {error.problem or error.context}",
            f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path),
        ) from None
    except yaml.YAMLError as error:
        raise RecipeError(f"not valid YAML: {' '.join(str(error).split())}", str(path)) from None
    if not isinstance(node, yaml.MappingNode):
        raise RecipeError(wanted, f"{path}:1:1")
    places: dict[Where, str] = {}
    data = _construct_value(loader, node, (), places, path)
    loaded = LoadedRecipe(data, places, path, path.parent)
    base_path = data.pop("extends", None)
    if base_path is not None:
        if not isinstance(base_path, str):
            raise RecipeError("extends must be the path of a recipe", places.get(("extends",)))
        base_recipe = _load_file(path.parent / base_path, (*ancestors, path.resolve()))
        loaded.data = _merge(base_recipe.data, data)
        loaded.places = {**base_recipe.places, **places}
    return loaded


def _construct_value(
    loader: _Loader, node: yaml.Node, path: Where, places: dict[Where, str], file: Path
) -> Any:
    places[path] = f"{file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    if isinstance(node, yaml.MappingNode):
        return _construct_mapping(loader, node, path, places, file)
    if isinstance(node, yaml.SequenceNode):
        return [_construct_value(loader, item, (*path, i), places, file) for i, item in enumerate(node.value)]
    try:
        return loader.construct_object(node)
    except yaml.YAMLError as error:
        raise RecipeError(f"not safe YAML: {getattr(error, 'problem', error)}", places[path]) from None


def _construct_mapping(
    loader: _Loader, node: yaml.MappingNode, path: Where, places: dict[Where, str], file: Path
) -> dict[str, Any]:
    merged_values: dict[str, Any] = {}
    own_values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        where = f"{file}:{key_node.start_mark.line + 1}:{key_node.start_mark.column + 1}"
        if key_node.tag == "tag:yaml.org,2002:merge":
            merge_nodes = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for merge_node in reversed(merge_nodes):
                merged_values.update(_construct_value(loader, merge_node, path, places, file))
            continue
        key = loader.construct_object(key_node)
        if not isinstance(key, str):
            raise RecipeError(f"a key must be text, found {key!r}", where)
        if key in own_values:
            raise RecipeError(f"the key {key!r} stands twice", where)
        own_values[key] = _construct_value(loader, value_node, (*path, key), places, file)
        places[(*path, key)] = where
    return {**merged_values, **own_values}


def _merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overrides.items():
        are_mappings = (
            isinstance(value, Mapping) and isinstance(merged.get(key), Mapping) and "use" not in value
        )
        merged[key] = _merge(merged[key], value) if are_mappings else value
    return merged


def _apply_setting(loaded: LoadedRecipe, setting: str) -> None:
    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise RecipeError(f"--set wants a.b=value, found {setting!r}")
    try:
        value = yaml.load(text, _Loader) if text.strip() else ""  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        value = text
    target: Any = loaded.data
    parts = name.strip().split(".")
    for i, part in enumerate(parts):
        is_last = i == len(parts) - 1
        if isinstance(target, list):
            if not part.isdigit() or int(part) >= len(target):
                raise RecipeError(
                    f"--set {name}: {'.'.join(parts[:i])} is a list of {len(target)}; {part!r} is no place "
                    "in it"
                )
            key: Any = int(part)
        elif isinstance(target, dict):
            key = part
            if not is_last and part not in target:
                target[part] = {}
                loaded.places[tuple(parts[: i + 1])] = f"--set {setting}"
        else:
            raise RecipeError(f"--set {name}: {'.'.join(parts[:i])} is no mapping")
        if is_last:
            target[key] = value
            loaded.places[tuple(int(p) if p.isdigit() else p for p in parts)] = f"--set {setting}"
        else:
            target = target[key]
