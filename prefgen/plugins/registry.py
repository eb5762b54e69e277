"""Finding plug-ins. Nothing imports a plug-in by name: it is found by its file's name, on first use.

use: ultrafeedback            prefgen/judges/ultrafeedback.py, or what an installed package registers, or a
decorator made use: my_pkg.module:Class      any importable class use: ./judges/mine.py:Class   a file beside
the recipe (which may import its neighbours)
"""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from prefgen.errors import PluginError, RecipeError, did_you_mean
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.version import __version__

_registry: dict[tuple[str, str], type[Plugin]] = {}


def register(role: str, name: str, plugin: type[Plugin]) -> type[Plugin]:
    """Make a class the plug-in of this role and name."""
    plugin.role, plugin.name = role, name
    _registry[role, name] = plugin
    return plugin


def find(role: str, use: str, folder: Path) -> type[Plugin]:
    """The plug-in class that `use` names; `folder` is where the recipe lies.

    Raises RecipeError when there is none (with the nearest name), PluginError when its code cannot be
    imported.
    """
    return find_in_roles((role,), use, folder)


def find_in_roles(roles: Sequence[str], use: str, folder: Path) -> type[Plugin]:
    """Like `find`, where a stage takes plug-ins of several roles; a name is looked for in their order."""
    role_text = " or ".join(roles)
    if ":" in use:
        plugin_class = import_reference(use, folder)
        if not (
            isinstance(plugin_class, type)
            and issubclass(plugin_class, Plugin)
            and getattr(plugin_class, "role", None) in roles
        ):
            raise RecipeError(
                f"{use!r} is no {role_text}: it needs @{roles[-1]}(name), and a class also prefgen.Plugin "
                "as its parent"
            )
        return plugin_class
    for role in roles:
        plugin_class = _find_by_name(role, use)
        if plugin_class is not None:
            return plugin_class
    known_names = sorted(name for role in roles for name in list_plugin_names(role))
    raise RecipeError(f"there is no {role_text} {use!r}{did_you_mean(use, known_names)}")


def _find_by_name(role: str, use: str) -> type[Plugin] | None:
    plugin_class = _registry.get((role, use))
    if plugin_class is not None:
        return plugin_class
    if use.isidentifier() and importlib.util.find_spec(f"prefgen.{PLUGIN_ROLES[role].folder}.{use}"):
        _import_module(f"prefgen.{PLUGIN_ROLES[role].folder}.{use}")
        if (role, use) in _registry:
            return _registry[role, use]
    for entry in importlib.metadata.entry_points(group=f"prefgen.{PLUGIN_ROLES[role].folder}"):
        if entry.name == use:
            loaded_class = entry.load()
            return _registry.get((role, use)) or loaded_class
    return None


def import_reference(reference: str, folder: Path) -> Any:
    """What `pkg.mod:name` or `./file.py:name` names, seen from `folder`. Raises RecipeError or
    PluginError.
    """
    module, _, name = reference.rpartition(":")
    value = getattr(_load_module(module, folder), name, None)
    if value is None:
        raise RecipeError(f"{module!r} has no {name!r}")
    return value


def list_plugin_names(role: str) -> list[str]:
    """Every name that `use` accepts for this role without a colon, sorted."""
    package = importlib.import_module(f"prefgen.{PLUGIN_ROLES[role].folder}")
    shipped = {
        module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")
    }
    installed = {
        entry.name for entry in importlib.metadata.entry_points(group=f"prefgen.{PLUGIN_ROLES[role].folder}")
    }
    return sorted(
        shipped | installed | {name for registered_role, name in _registry if registered_role == role}
    )


def code_digest(plugin: type[Plugin]) -> str:
    """What the code of a plug-in is: prefgen's version, an installed package's version, or the digest of a
    user's file.
    """
    module = plugin.__module__
    package = module.partition(".")[0]
    if package == "prefgen":
        return f"prefgen {__version__}"
    try:
        distribution = importlib.metadata.packages_distributions().get(package, [None])[0]
        if distribution:
            return f"{distribution} {importlib.metadata.version(distribution)}"
        source_text = inspect.getsource(inspect.getmodule(plugin) or plugin)
    except (OSError, TypeError, importlib.metadata.PackageNotFoundError):
        try:
            source_text = inspect.getsource(plugin.source_function or plugin)  # a notebook's cell
        except (OSError, TypeError):
            source_text = repr(sorted(plugin.model_fields))  # typed into a shell: no source to read
    return hashlib.blake2b(source_text.encode(), digest_size=8).hexdigest()


def _load_module(reference: str, folder: Path) -> ModuleType:
    if not (reference.endswith(".py") or reference.startswith((".", "/"))):
        return _import_module(reference)
    path = (folder / reference).resolve()
    if not path.is_file():
        raise RecipeError(f"plug-in file {reference!r} does not exist (looked for {path})")
    name = f"prefgen_file_{hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    parent_folder = str(path.parent)
    if parent_folder not in sys.path:
        sys.path.insert(0, parent_folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PluginError(f"{reference}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise RecipeError(
                f"module {name!r} cannot be found: install it, or run where it can be imported"
            ) from error
        raise PluginError(f"{name}: needs {error.name!r}, which is not installed") from error
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"{name}: cannot be imported: {type(error).__name__}: {error}") from error
