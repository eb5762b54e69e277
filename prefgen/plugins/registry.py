"""Finding plug-ins. Nothing imports a plug-in by name: it is found by its file's name, on first use.

A plug-in is its own configuration: a frozen model whose fields are its YAML parameters, and one decorator. A function may be one
too: the parameters that its role does not hand in are its fields.

    use: ultrafeedback            prefgen/judges/ultrafeedback.py, or what an installed package registers, or a decorator made
    use: my_pkg.module:Class      any importable class
    use: ./judges/mine.py:Class   a file beside the recipe (which may import its neighbours)
"""

import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator

from prefgen.errors import PluginError, RecipeError
from prefgen.version import __version__

ROLES = {
    "source": "sources",
    "synthesizer": "synthesizers",
    "curator": "curators",
    "sampler": "samplers",
    "reviser": "revisers",
    "judge": "judges",
    "filter": "filters",
    "pairer": "pairers",
    "backend": "backends",
}


class Plugin(BaseModel):
    """What every plug-in is: a frozen set of fields that refuses unknown ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    role: ClassVar[str]
    name: ClassVar[str]
    texts: ClassVar[tuple[str, ...]] = ()
    """Files under prompts/ or constitutions/ that the plug-in reads: part of its stage's identity."""
    cost: ClassVar[str] = ""
    """What it asks of models about a prompt, in words."""
    file_fields: ClassVar[tuple[str, ...]] = ()
    """Names of fields that hold paths of files which the plug-in reads, relative to the recipe: what is in them is part of the identity."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Installed packages whose version is part of what the plug-in asks."""
    source_function: ClassVar[Callable[..., Any] | None] = None
    """The function that the plug-in was made of, if it was."""
    default_responses: ClassVar[Mapping[str, str]] = {}
    """Which responses it is shown where the recipe does not say (`responses:`); empty: the stage's default."""

    operates_on: ClassVar[Literal["prompts", "pairs"]] = "prompts"
    """Which rows a curator sees: all prompts, or all pairs (then it follows a pair stage)."""
    selector_fields: ClassVar[tuple[str, ...]] = ()
    """Names of fields that choose responses, `{model: [...]}` among other things: names under `models` are made those that rows show."""
    identity_fields: ClassVar[tuple[str, ...]] = ()
    """Fields of a backend that decide what is said: they stand with the model, not under `run`, and are part of keys."""
    code_fields: ClassVar[tuple[str, ...]] = ()
    """Names of fields that name Python code: a recipe that gives them is code, and `--no-plugins` refuses it."""

    def validate(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - pydantic's own is deprecated
        """Read what lies beside the recipe. Raises RecipeError for whatever can be known to be wrong before anything is asked."""

    def required_judges(self) -> tuple[str, ...]:
        """Judges of earlier stages (or judge.aspect) that the plug-in reads."""
        return ()

    def output_column(self) -> str:
        """The column that a curator's `annotate(prompt, ask)` fills before it sees the table, None where a reply was lost; empty: it asks nothing.

        Numbers stay in the prompt's metadata. Vectors are there as `prefgen.text.vectors.packed` writes them, and only for the curator.
        """
        return ""

    def separate_aspects(self) -> tuple[str, ...]:
        """Aspects of a judge that are never merged unless a recipe names them."""
        return ()

    def models_used(self) -> tuple[str, ...]:
        """The names of the recipe's models that this plug-in asks."""
        model_names = []
        for key in ("model", "models"):
            value = getattr(self, key, None)
            if isinstance(value, str):
                model_names.append(value)
            elif value is not None:
                model_names.extend(value)
        return tuple(model_names)


class FromSeeds(Plugin):
    """The fields of every synthesizer: what its seeds are made of. The engine makes them, and hands in one at a time."""

    seeds: str | None = Field(
        None, description="A file of texts to start from, relative to the recipe: one seed a row."
    )
    column: str | None = Field(
        None, description="The column of that file. Default: messages, prompt, instruction, question or text."
    )
    count: int | None = Field(
        None, ge=1, description="Seeds a round. Default: one for each row, or 10 where there is no file."
    )
    shots: int = Field(
        0, ge=0, description="Further rows that each seed brings along as examples (`seed.shots`)."
    )
    rounds: int = Field(
        1, ge=1, description="Rounds; each sees in its pool what the curators left of those before."
    )
    target: int | None = Field(
        None,
        ge=1,
        description="Prompts that are wanted of it, after the curators: rounds end when there are so many, and what is over goes.",
    )
    quotas: Mapping[str, int] = Field(
        {},
        description="{category: prompts that are wanted of it}, like `target`: a category that has enough gets no more seeds.",
    )
    seed: int = Field(
        0, description="Seed of the draws: which rows, which examples, and whatever the synthesizer draws."
    )

    file_fields = ("seeds",)
    seed_kind: ClassVar[str] = ""
    """What a row of `seeds` is to a synthesizer that cannot do without; empty: it can."""

    @field_validator("quotas")
    @classmethod
    def _check_quotas(cls, quotas: Mapping[str, int]) -> Mapping[str, int]:
        for category, quota in quotas.items():
            if quota < 0:
                raise ValueError(f"a quota is 0 or more, found {quota} for {category!r}")
        return quotas

    def validate(self) -> None:
        if self.seed_kind and self.seeds is None:
            raise RecipeError(f"{self.name} needs `seeds`: a file with {self.seed_kind} a row")


P = TypeVar("P", bound=type)
_registry: dict[tuple[str, str], type[Plugin]] = {}
ROLE_SIGNATURES = {
    "source": ("read", ("folder",)),
    "synthesizer": ("synthesize", ("seed", "ask", "pool")),
    "curator": ("curate", ("rows",)),
    "sampler": ("sample", ("prompt", "ask")),
    "reviser": ("revise", ("prompt", "response", "ask", "record")),
    "judge": ("judge", ("prompt", "responses", "ask", "record")),
    "filter": ("flag", ("record",)),
    "pairer": ("pair", ("record", "rng")),
}
"""The method of each role, and what it is called with (`record` only where it has a parameter of that name)."""


class Decorator(Protocol):
    """Registers a class under a name, or makes a plug-in of a function."""

    @overload
    def __call__(self, plugin: P, /) -> P: ...
    @overload
    def __call__(self, plugin: Callable[..., Any], /) -> type[Plugin]: ...
    def __call__(self, plugin: Any, /) -> Any: ...


def _make_decorator(role: str) -> Callable[[str], Decorator]:
    def for_name(name: str) -> Decorator:
        def register(plugin: Any) -> Any:
            base_class = _base_class(role)
            if inspect.isfunction(plugin) and role in ROLE_SIGNATURES:
                plugin = _plugin_from_function(role, name, plugin)
            if not (isinstance(plugin, type) and issubclass(plugin, base_class)):
                plugin_name = getattr(plugin, "__name__", plugin)
                raise PluginError(
                    f"@{role}({name!r}): {plugin_name!r} must be a function, or derive from prefgen.{base_class.__name__}"
                )
            plugin.role, plugin.name = role, name
            _registry[role, name] = plugin
            return plugin

        return register

    for_name.__doc__ = f"Register a class or a function as the {role} of this name."
    return for_name


def _base_class(role: str) -> type[Plugin]:
    return FromSeeds if role == "synthesizer" else Plugin


def _plugin_from_function(role: str, name: str, function: Callable[..., Any]) -> type[Plugin]:
    """A plug-in class whose method calls `function`. Raises PluginError for a parameter without a type that the role does not hand in."""
    method, role_arguments = ROLE_SIGNATURES[role]
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function, include_extras=True)
    used_arguments = [n for n in role_arguments if n in parameters]
    fields: dict[str, Any] = {}
    for field, parameter in parameters.items():
        if field in used_arguments:
            continue
        if field not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(
                f"@{role}({name!r}): parameter {field!r} needs a type to be a field; what a {role} is handed is {', '.join(role_arguments)}"
            )
        fields[field] = (hints[field], ... if parameter.default is parameter.empty else parameter.default)

    def bind_arguments(plugin: Plugin, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        values = dict(zip(role_arguments, args, strict=False)) | kwargs
        return {n: values[n] for n in used_arguments} | {n: getattr(plugin, n) for n in fields}

    async def call_async(self: Plugin, *args: Any, **kwargs: Any) -> Any:
        return await function(**bind_arguments(self, args, kwargs))

    def call_sync(self: Plugin, *args: Any, **kwargs: Any) -> Any:
        return function(**bind_arguments(self, args, kwargs))

    wrapper: Any = call_async if inspect.iscoroutinefunction(function) else call_sync
    parameter_names = [
        n
        for n in ("self", *role_arguments)
        if n != "record" or role in ("filter", "pairer") or n in used_arguments
    ]
    wrapper.__signature__ = inspect.Signature(
        [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in parameter_names]
    )
    plugin_class = create_model(
        function.__name__,
        __base__=_base_class(role),
        __module__=function.__module__,
        __doc__=function.__doc__,
        **fields,
    )
    setattr(plugin_class, method, wrapper)
    plugin_class.source_function = function
    return plugin_class


source = _make_decorator("source")
synthesizer = _make_decorator("synthesizer")
curator = _make_decorator("curator")
sampler = _make_decorator("sampler")
reviser = _make_decorator("reviser")
judge = _make_decorator("judge")
filter = _make_decorator("filter")
pairer = _make_decorator("pairer")
backend = _make_decorator("backend")


def find(role: str, use: str, folder: Path) -> type[Plugin]:
    """The plug-in class that `use` names; `folder` is where the recipe lies.

    Raises RecipeError when there is none (with the nearest name), PluginError when its code cannot be imported.
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
                f"{use!r} is no {role_text}: it needs @{roles[-1]}(name), and a class also prefgen.Plugin as its parent"
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
    if use.isidentifier() and importlib.util.find_spec(f"prefgen.{ROLES[role]}.{use}"):
        _import_module(f"prefgen.{ROLES[role]}.{use}")
        if (role, use) in _registry:
            return _registry[role, use]
    for entry in importlib.metadata.entry_points(group=f"prefgen.{ROLES[role]}"):
        if entry.name == use:
            loaded_class = entry.load()
            return _registry.get((role, use)) or loaded_class
    return None


def import_reference(reference: str, folder: Path) -> Any:
    """What `pkg.mod:name` or `./file.py:name` names, seen from `folder`. Raises RecipeError or PluginError."""
    module, _, name = reference.rpartition(":")
    value = getattr(_load_module(module, folder), name, None)
    if value is None:
        raise RecipeError(f"{module!r} has no {name!r}")
    return value


def list_plugin_names(role: str) -> list[str]:
    """Every name that `use` accepts for this role without a colon, sorted."""
    package = importlib.import_module(f"prefgen.{ROLES[role]}")
    shipped = {
        module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")
    }
    installed = {entry.name for entry in importlib.metadata.entry_points(group=f"prefgen.{ROLES[role]}")}
    return sorted(
        shipped | installed | {name for registered_role, name in _registry if registered_role == role}
    )


def did_you_mean(name: str, known: list[str] | tuple[str, ...]) -> str:
    """The end of an error message: the nearest known name, or all of them."""
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if matches:
        return f". Did you mean {matches[0]!r}?"
    return f". Known: {', '.join(sorted(known))}" if known else ""


def code_digest(plugin: type[Plugin]) -> str:
    """What the code of a plug-in is: prefgen's version, an installed package's version, or the digest of a user's file."""
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
