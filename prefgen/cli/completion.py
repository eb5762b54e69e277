"""What a shell completes: names of plug-ins, forms, rules, judges, runs. Nothing heavy is imported, and what
cannot be read is simply not offered.
"""

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

Complete = Callable[[str], list[str]]

EXPORT_FORM_NAMES = (
    "trl", "trl-implicit", "ultrafeedback-binarized", "rewardbench", "kto", "sft", "llama-factory", "axolotl",
    "nemo-rl", "openrlhf",
)  # fmt: skip
"""Those of `prefgen.publish.export`, which takes long to import."""
ALLOWABLE_RULES = ("truncated", "leak", "format")


def one_of(names: Iterable[str]) -> Complete:
    """Completes one of these names."""
    listed = tuple(names)

    def complete(incomplete: str) -> list[str]:
        return [name for name in listed if name.startswith(incomplete)]

    return complete


def plugin_names(role: str) -> Complete:
    """Completes the plug-ins of a role, without importing one."""

    def complete(incomplete: str) -> list[str]:
        from prefgen.plugins.registry import list_plugin_names

        return [name for name in list_plugin_names(role) if name.startswith(incomplete)]

    return complete


def complete_runs(incomplete: str) -> list[str]:
    """Runs, mixes and releases, under runs/ and where it is typed; other folders to go on from."""
    folders = _folders(incomplete)
    under_runs = [] if incomplete else _folders("runs/")
    return _ours(under_runs) + _ours(folders) + _others(folders)


def datasets(incomplete: str) -> list[str]:
    """The same, and files that may hold pairs."""
    from prefgen.dataset.read_files import PROSE_SUFFIXES, SUFFIXES

    return complete_runs(incomplete) + _files(incomplete, {*SUFFIXES} - {*PROSE_SUFFIXES})


def checkable(incomplete: str) -> list[str]:
    """The same, and recipes, constitutions and curators."""
    return datasets(incomplete) + _files(incomplete, (".yaml", ".yml"))


def recipes(incomplete: str) -> list[str]:
    """Recipes, and folders to go on from."""
    return [f"{path}/" for path in _folders(incomplete)] + _files(incomplete, (".yaml", ".yml", ".json"))


def _files(incomplete: str, suffixes: Collection[str]) -> list[str]:
    return [str(path) for path in _entries(incomplete) if path.suffix in suffixes and path.is_file()]


def judges_of_run(ctx: Any, incomplete: str) -> list[str]:
    """The judges of the run that the command names."""
    # behind an option without its value nothing is parsed, and the words stand in `args`
    run = ctx.params.get("run") or next(iter(ctx.args), None)
    try:
        manifest = json.loads((Path(str(run)) / "manifest.json").read_text(encoding="utf-8"))
        judges = [*manifest["judges"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return sorted({name for name in judges if isinstance(name, str) and name.startswith(incomplete)})


def _folders(incomplete: str) -> list[Path]:
    return [path for path in _entries(incomplete) if path.is_dir()]


def _entries(incomplete: str) -> list[Path]:
    """What begins as it is typed."""
    folder, _, name = incomplete.rpartition("/")
    parent = Path(folder) if folder else Path("/" if incomplete.startswith("/") else ".")
    try:
        found = sorted(parent.iterdir())
    except OSError:
        return []
    return [path for path in found if path.name.startswith(name) and not path.name.startswith(".")]


def _is_ours(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("manifest.json", "mix.json", ".run_id"))


def _ours(folders: Iterable[Path]) -> list[str]:
    return [str(folder) for folder in folders if _is_ours(folder)]


def _others(folders: Iterable[Path]) -> list[str]:
    return [f"{folder}/" for folder in folders if not _is_ours(folder)]
