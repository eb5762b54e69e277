"""Reading a recipe's YAML, with the place of every value, so that errors can say file:line:column.

Safe YAML only. A key that stands twice is an error; `yes` and `no` are text; `1e-6` is a number. `extends:` merges over another
recipe, `--set a.b=1` over the result. `${env:NAME}` is replaced only inside `run:` and only when the run is built, so that no value of the
environment is ever stored.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from prefgen.errors import RecipeError

Where = tuple[str | int, ...]


@dataclass
class Loaded:
    """Plain data, and for each path in it the words file:line:column."""

    data: dict[str, Any]
    places: dict[Where, str]
    path: Path
    folder: Path = field(default_factory=Path)

    def place(self, path: Where) -> str:
        """Where `path`, or the nearest thing around it, stands."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, str(self.path))


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
        r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.inf|\.nan)$"
    ),
    list("-+0123456789."),
)


def load_recipe(path: Path, sets: Sequence[str] = ()) -> Loaded:
    """Read a recipe with what it extends and the overrides `a.b=value`. Raises RecipeError."""
    loaded = _load(path, ())
    for setting in sets:
        _set(loaded, setting)
    return loaded


def loaded_from(data: Mapping[str, Any], folder: Path) -> Loaded:
    """A recipe given as plain data, from Python."""
    return Loaded(dict(data), {}, Path("recipe"), folder)


def _load(path: Path, above: tuple[Path, ...]) -> Loaded:
    if path.resolve() in above:
        raise RecipeError(f"{path} extends itself")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(f"recipe {str(path)!r} does not exist") from None
    except IsADirectoryError:
        raise RecipeError(f"{str(path)!r} is a folder; name the recipe's file") from None
    except UnicodeDecodeError as wrong:
        raise RecipeError(f"not valid UTF-8 (byte {wrong.start})", str(path)) from None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        raise RecipeError(
            f"not valid YAML: {wrong.problem or wrong.context}",
            f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path),
        ) from None
    except yaml.YAMLError as wrong:
        raise RecipeError(f"not valid YAML: {' '.join(str(wrong).split())}", str(path)) from None
    if not isinstance(node, yaml.MappingNode):
        raise RecipeError("a recipe is a mapping with name, models and stages", f"{path}:1:1")
    places: dict[Where, str] = {}
    data = _value(loader, node, (), places, path)
    loaded = Loaded(data, places, path, path.parent)
    base = data.pop("extends", None)
    if base is not None:
        if not isinstance(base, str):
            raise RecipeError("extends must be the path of a recipe", places.get(("extends",)))
        under = _load(path.parent / base, (*above, path.resolve()))
        loaded.data = _merged(under.data, data)
        loaded.places = {**under.places, **places}
    return loaded


def _value(loader: _Loader, node: yaml.Node, path: Where, places: dict[Where, str], file: Path) -> Any:
    places[path] = f"{file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, places, file)
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, (*path, i), places, file) for i, item in enumerate(node.value)]
    try:
        return loader.construct_object(node)
    except yaml.YAMLError as wrong:
        raise RecipeError(f"not safe YAML: {getattr(wrong, 'problem', wrong)}", places[path]) from None


def _mapping(
    loader: _Loader, node: yaml.MappingNode, path: Where, places: dict[Where, str], file: Path
) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key_node, value_node in node.value:
        where = f"{file}:{key_node.start_mark.line + 1}:{key_node.start_mark.column + 1}"
        if key_node.tag == "tag:yaml.org,2002:merge":
            sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for source in reversed(sources):
                seen.update(_value(loader, source, path, places, file))
            continue
        key = loader.construct_object(key_node)
        if not isinstance(key, str):
            raise RecipeError(f"a key must be text, found {key!r}", where)
        if key in own:
            raise RecipeError(f"the key {key!r} stands twice", where)
        own[key] = _value(loader, value_node, (*path, key), places, file)
        places[(*path, key)] = where
    return {**seen, **own}


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(under)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping) and "use" not in value
        out[key] = _merged(out[key], value) if both else value
    return out


def _set(loaded: Loaded, setting: str) -> None:
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
        last = i == len(parts) - 1
        if isinstance(target, list):
            if not part.isdigit() or int(part) >= len(target):
                raise RecipeError(
                    f"--set {name}: {'.'.join(parts[:i])} is a list of {len(target)}; {part!r} is no place in it"
                )
            key: Any = int(part)
        elif isinstance(target, dict):
            key = part
            if not last and part not in target:
                target[part] = {}
                loaded.places[tuple(parts[: i + 1])] = f"--set {setting}"
        else:
            raise RecipeError(f"--set {name}: {'.'.join(parts[:i])} is no mapping")
        if last:
            target[key] = value
            loaded.places[tuple(int(p) if p.isdigit() else p for p in parts)] = f"--set {setting}"
        else:
            target = target[key]
