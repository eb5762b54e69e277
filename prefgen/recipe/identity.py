"""The identity of a stage: its own fields, its texts, the models that it names, and the stage before.

`name`, `version`, `publish`, `train` and `run` of a recipe are in none, so that changing them never asks
anything again.
"""

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from prefgen.errors import RecipeError
from prefgen.kit.templates import path_beside_recipe, text_digest
from prefgen.plugins.plugin import Plugin
from prefgen.stages.stage import StagePlugin
from prefgen.types import content_id


class HasIdentity(Protocol):
    @property
    def identity(self) -> Mapping[str, Any]: ...
    @property
    def sampling(self) -> Mapping[str, Any]: ...
    @property
    def leaks(self) -> str: ...


def model_identity(
    name: str, revision: str | None, simulated: bool, content: Plugin | None
) -> dict[str, Any]:
    """What keys hold of a model. `content` is a backend whose own fields decide what is said (simulated,
    scripted).
    """
    identity: dict[str, Any] = {"name": name}
    if revision is not None:
        identity["revision"] = revision
    if simulated:
        identity["simulated"] = True
    if content is not None:
        identity["fields"] = content.model_dump(mode="json", exclude={"latency_ms"})
    return identity


def stage_identity(
    kind: str, stage_plugins: Sequence[StagePlugin], previous_identity: str, models: Mapping[str, HasIdentity]
) -> str:
    """32 hexadecimal digits."""
    return content_id("stage", kind, previous_identity, [_plugin_identity(p, models) for p in stage_plugins])


def _plugin_identity(stage_plugin: StagePlugin, models: Mapping[str, HasIdentity]) -> dict[str, Any]:
    plugin: Plugin = stage_plugin.plugin
    paths = [path for name in plugin.file_fields for path in paths_in(getattr(plugin, name))]
    identity = {"files": {path: file_digest(path) for path in paths}} if paths else {}
    versions = {name: importlib.metadata.version(name) for name in plugin.libraries}
    identity |= {"libraries": versions} if versions else {}
    return identity | {
        "name": stage_plugin.name,
        "use": [plugin.role, type(plugin).name],
        "fields": plugin.identity_values(),
        "texts": {name: text_digest("prompts", name) for name in plugin.texts},
        "constitutions": {
            name: text_digest("constitutions", f"{name}.yaml") for name in _constitution_names(plugin)
        },
        "models": {
            m: _model_details(models[m], stage_plugin.overrides.get(m, {})) for m in plugin.models_used()
        },
        "only": {k: list(v) for k, v in stage_plugin.only.items()},
        "responses": {k: list(v) if isinstance(v, tuple) else v for k, v in stage_plugin.responses.items()},
    }


def _model_details(model: HasIdentity, overrides: Mapping[str, Any]) -> list[Any]:
    """What a stage's identity holds of a model; `leaks` only where the recipe says other than its default."""
    details = [model.identity, model.sampling, overrides]
    return details if model.leaks == "strip" else [*details, {"leaks": model.leaks}]


def paths_in(value: Any) -> tuple[str, ...]:
    """The paths that a field of files holds: one, several or none."""
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def file_digest(path: str) -> str:
    """A digest of a file beside the recipe, or of all files of a folder. Raises RecipeError when it cannot be
    read.
    """
    full_path = path_beside_recipe(path)
    digest = hashlib.blake2b(digest_size=8)
    try:
        for file in (
            sorted(p for p in full_path.rglob("*") if p.is_file()) if full_path.is_dir() else (full_path,)
        ):
            digest.update(str(file.relative_to(full_path)).encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()
    except OSError as error:
        raise RecipeError(f"file {path!r} cannot be read: {error.strerror}") from None


def template_digests(stage_plugins: Sequence[StagePlugin]) -> dict[str, str]:
    """{file under prompts/ or constitutions/: digest} of everything that plug-ins read."""
    digests: dict[str, str] = {}
    for plugin in (p.plugin for p in stage_plugins):
        digests |= {f"prompts/{name}": text_digest("prompts", name) for name in plugin.texts}
        digests |= {
            f"constitutions/{name}.yaml": text_digest("constitutions", f"{name}.yaml")
            for name in _constitution_names(plugin)
        }
    return dict(sorted(digests.items()))


def _constitution_names(plugin: Plugin) -> list[str]:
    return [
        v for v in (getattr(plugin, f, None) for f in ("constitution", "principles")) if isinstance(v, str)
    ]


def changed_stages(before: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]) -> list[str]:
    """Which stages differ, by their (label, identity), a line each: changed themselves, or standing after a
    change.
    """
    old, new = dict(before), dict(now)
    lines: list[str] = []
    is_first = True
    for label, identity in now:
        if label not in old:
            lines.append(f"{label}: new")
        elif old[label] != identity:
            lines.append(f"{label}: changed" if is_first else f"{label}: follows a change")
            is_first = False
    return lines + [f"{label}: gone" for label in old if label not in new]
