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
    made_of: ClassVar[Callable[..., Any] | None] = None
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
        found = []
        for key in ("model", "models"):
            value = getattr(self, key, None)
            if isinstance(value, str):
                found.append(value)
            elif value is not None:
                found.extend(value)
        return tuple(found)


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
    def _quotas_are_numbers_of_prompts(cls, quotas: Mapping[str, int]) -> Mapping[str, int]:
        for category, number in quotas.items():
            if number < 0:
                raise ValueError(f"a quota is 0 or more, found {number} for {category!r}")
        return quotas

    def validate(self) -> None:
        if self.seed_kind and self.seeds is None:
            raise RecipeError(f"{self.name} needs `seeds`: a file with {self.seed_kind} a row")


P = TypeVar("P", bound=type)
_registered: dict[tuple[str, str], type[Plugin]] = {}
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


def _decorator(role: str) -> Callable[[str], Decorator]:
    def named(name: str) -> Decorator:
        def register(plugin: Any) -> Any:
            parent = _parent(role)
            if inspect.isfunction(plugin) and role in ROLE_SIGNATURES:
                plugin = _of_function(role, name, plugin)
            if not (isinstance(plugin, type) and issubclass(plugin, parent)):
                shown = getattr(plugin, "__name__", plugin)
                raise PluginError(
                    f"@{role}({name!r}): {shown!r} must be a function, or derive from prefgen.{parent.__name__}"
                )
            plugin.role, plugin.name = role, name
            _registered[role, name] = plugin
            return plugin

        return register

    named.__doc__ = f"Register a class or a function as the {role} of this name."
    return named


def _parent(role: str) -> type[Plugin]:
    return FromSeeds if role == "synthesizer" else Plugin


def _of_function(role: str, name: str, function: Callable[..., Any]) -> type[Plugin]:
    """A plug-in class whose method calls `function`. Raises PluginError for a parameter without a type that the role does not hand in."""
    method, handed_in = ROLE_SIGNATURES[role]
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function, include_extras=True)
    taken = [n for n in handed_in if n in parameters]
    fields: dict[str, Any] = {}
    for field, parameter in parameters.items():
        if field in taken:
            continue
        if field not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(
                f"@{role}({name!r}): parameter {field!r} needs a type to be a field; what a {role} is handed is {', '.join(handed_in)}"
            )
        fields[field] = (hints[field], ... if parameter.default is parameter.empty else parameter.default)

    def wanted(plugin: Plugin, given: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        values = dict(zip(handed_in, given, strict=False)) | named
        return {n: values[n] for n in taken} | {n: getattr(plugin, n) for n in fields}

    async def waits(self: Plugin, *given: Any, **named: Any) -> Any:
        return await function(**wanted(self, given, named))

    def returns(self: Plugin, *given: Any, **named: Any) -> Any:
        return function(**wanted(self, given, named))

    called: Any = waits if inspect.iscoroutinefunction(function) else returns
    shown = [n for n in ("self", *handed_in) if n != "record" or role in ("filter", "pairer") or n in taken]
    called.__signature__ = inspect.Signature(
        [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in shown]
    )
    made = create_model(
        function.__name__,
        __base__=_parent(role),
        __module__=function.__module__,
        __doc__=function.__doc__,
        **fields,
    )
    setattr(made, method, called)
    made.made_of = function
    return made


source = _decorator("source")
synthesizer = _decorator("synthesizer")
curator = _decorator("curator")
sampler = _decorator("sampler")
reviser = _decorator("reviser")
judge = _decorator("judge")
filter = _decorator("filter")
pairer = _decorator("pairer")
backend = _decorator("backend")


def find(role: str, use: str, folder: Path) -> type[Plugin]:
    """The plug-in class that `use` names; `folder` is where the recipe lies.

    Raises RecipeError when there is none (with the nearest name), PluginError when its code cannot be imported.
    """
    return find_one_of((role,), use, folder)


def find_one_of(roles: Sequence[str], use: str, folder: Path) -> type[Plugin]:
    """Like `find`, where a stage takes plug-ins of several roles; a name is looked for in their order."""
    wanted = " or ".join(roles)
    if ":" in use:
        found = code_named(use, folder)
        if not (
            isinstance(found, type) and issubclass(found, Plugin) and getattr(found, "role", None) in roles
        ):
            raise RecipeError(
                f"{use!r} is no {wanted}: it needs @{roles[-1]}(name), and a class also prefgen.Plugin as its parent"
            )
        return found
    for role in roles:
        found = _of_name(role, use)
        if found is not None:
            return found
    known = sorted(name for role in roles for name in names(role))
    raise RecipeError(f"there is no {wanted} {use!r}{did_you_mean(use, known)}")


def _of_name(role: str, use: str) -> type[Plugin] | None:
    registered = _registered.get((role, use))
    if registered is not None:
        return registered
    if use.isidentifier() and importlib.util.find_spec(f"prefgen.{ROLES[role]}.{use}"):
        _import(f"prefgen.{ROLES[role]}.{use}")
        if (role, use) in _registered:
            return _registered[role, use]
    for entry in importlib.metadata.entry_points(group=f"prefgen.{ROLES[role]}"):
        if entry.name == use:
            loaded = entry.load()
            return _registered.get((role, use)) or loaded
    return None


def code_named(place: str, folder: Path) -> Any:
    """What `pkg.mod:name` or `./file.py:name` names, seen from `folder`. Raises RecipeError or PluginError."""
    module, _, name = place.rpartition(":")
    found = getattr(_module(module, folder), name, None)
    if found is None:
        raise RecipeError(f"{module!r} has no {name!r}")
    return found


def names(role: str) -> list[str]:
    """Every name that `use` accepts for this role without a colon, sorted."""
    package = importlib.import_module(f"prefgen.{ROLES[role]}")
    shipped = {
        module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")
    }
    installed = {entry.name for entry in importlib.metadata.entry_points(group=f"prefgen.{ROLES[role]}")}
    return sorted(shipped | installed | {name for of, name in _registered if of == role})


def did_you_mean(found: str, known: list[str] | tuple[str, ...]) -> str:
    """The end of an error message: the nearest known name, or all of them."""
    near = difflib.get_close_matches(found, known, n=1, cutoff=0.6)
    if near:
        return f". Did you mean {near[0]!r}?"
    return f". Known: {', '.join(sorted(known))}" if known else ""


def code_digest(plugin: type[Plugin]) -> str:
    """What the code of a plug-in is: prefgen's version, an installed package's version, or the digest of a user's file."""
    module = plugin.__module__
    top = module.partition(".")[0]
    if top == "prefgen":
        return f"prefgen {__version__}"
    try:
        distribution = importlib.metadata.packages_distributions().get(top, [None])[0]
        if distribution:
            return f"{distribution} {importlib.metadata.version(distribution)}"
        source_text = inspect.getsource(inspect.getmodule(plugin) or plugin)
    except (OSError, TypeError, importlib.metadata.PackageNotFoundError):
        try:
            source_text = inspect.getsource(plugin.made_of or plugin)  # a notebook's cell
        except (OSError, TypeError):
            source_text = repr(sorted(plugin.model_fields))  # typed into a shell: no source to read
    return hashlib.blake2b(source_text.encode(), digest_size=8).hexdigest()


def _module(place: str, folder: Path) -> ModuleType:
    if not (place.endswith(".py") or place.startswith((".", "/"))):
        return _import(place)
    path = (folder / place).resolve()
    if not path.is_file():
        raise RecipeError(f"plug-in file {place!r} does not exist (looked for {path})")
    name = f"prefgen_file_{hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    neighbours = str(path.parent)
    if neighbours not in sys.path:
        sys.path.insert(0, neighbours)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as wrong:
        del sys.modules[name]
        raise PluginError(f"{place}: cannot be imported: {type(wrong).__name__}: {wrong}") from wrong
    return module


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as wrong:
        if wrong.name and name.startswith(wrong.name):
            raise RecipeError(
                f"module {name!r} cannot be found: install it, or run where it can be imported"
            ) from wrong
        raise PluginError(f"{name}: needs {wrong.name!r}, which is not installed") from wrong
    except PluginError:
        raise
    except Exception as wrong:
        raise PluginError(f"{name}: cannot be imported: {type(wrong).__name__}: {wrong}") from wrong
