"""The decorators of the roles: each registers a class under a name, or makes a plug-in of a function.

A function's parameters that its role does not hand in are its fields. The types refuse a class without the
method of its role.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, get_type_hints, overload

from pydantic import create_model

from prefgen.errors import PluginError, ReplyError
from prefgen.plugins.plugin import FromSeeds, Plugin
from prefgen.plugins.registry import register
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.plugins.type_words import kind_of
from prefgen.roles import (
    Curator,
    Filter,
    Judge,
    JudgeOfRecord,
    Now,
    Pairer,
    Reviser,
    ReviserOfRecord,
    Revision,
    Sampler,
    Source,
    Synthesizer,
    Verdict,
)
from prefgen.tables import Table
from prefgen.transport.request import Backend
from prefgen.types import Flag, Pair, Prompt, Record, Response

SourceClass = TypeVar("SourceClass", bound=type[Source])
SynthesizerClass = TypeVar("SynthesizerClass", bound=type[Synthesizer])
CuratorClass = TypeVar("CuratorClass", bound=type[Curator])
SamplerClass = TypeVar("SamplerClass", bound=type[Sampler])
ReviserClass = TypeVar("ReviserClass", bound=type[Reviser] | type[ReviserOfRecord])
JudgeClass = TypeVar("JudgeClass", bound=type[Judge] | type[JudgeOfRecord])
FilterClass = TypeVar("FilterClass", bound=type[Filter])
PairerClass = TypeVar("PairerClass", bound=type[Pairer])
BackendClass = TypeVar("BackendClass", bound=type[Backend])


class RegisterSource(Protocol):
    @overload
    def __call__(self, plugin: SourceClass, /) -> SourceClass: ...
    @overload
    def __call__(self, plugin: Callable[..., Iterator[Record]], /) -> type[Plugin]: ...


class RegisterSynthesizer(Protocol):
    @overload
    def __call__(self, plugin: SynthesizerClass, /) -> SynthesizerClass: ...
    @overload
    def __call__(self, plugin: Callable[..., Now[Sequence[Prompt | ReplyError]]], /) -> type[Plugin]: ...


class RegisterCurator(Protocol):
    @overload
    def __call__(self, plugin: CuratorClass, /) -> CuratorClass: ...
    @overload
    def __call__(self, plugin: Callable[..., Table], /) -> type[Plugin]: ...


class RegisterSampler(Protocol):
    @overload
    def __call__(self, plugin: SamplerClass, /) -> SamplerClass: ...
    @overload
    def __call__(self, plugin: Callable[..., Now[Sequence[Response | ReplyError]]], /) -> type[Plugin]: ...


class RegisterReviser(Protocol):
    @overload
    def __call__(self, plugin: ReviserClass, /) -> ReviserClass: ...
    @overload
    def __call__(self, plugin: Callable[..., Now[Revision]], /) -> type[Plugin]: ...


class RegisterJudge(Protocol):
    @overload
    def __call__(self, plugin: JudgeClass, /) -> JudgeClass: ...
    @overload
    def __call__(self, plugin: Callable[..., Now[Sequence[Verdict | ReplyError]]], /) -> type[Plugin]: ...


class RegisterFilter(Protocol):
    @overload
    def __call__(self, plugin: FilterClass, /) -> FilterClass: ...
    @overload
    def __call__(self, plugin: Callable[..., Sequence[Flag]], /) -> type[Plugin]: ...


class RegisterPairer(Protocol):
    @overload
    def __call__(self, plugin: PairerClass, /) -> PairerClass: ...
    @overload
    def __call__(self, plugin: Callable[..., Sequence[Pair]], /) -> type[Plugin]: ...


class RegisterBackend(Protocol):
    def __call__(self, plugin: BackendClass, /) -> BackendClass: ...


def source(name: str) -> RegisterSource:
    """Register a class or a function as the source of this name."""
    return _register_as("source", name)


def synthesizer(name: str) -> RegisterSynthesizer:
    """Register a class or a function as the synthesizer of this name."""
    return _register_as("synthesizer", name)


def curator(name: str) -> RegisterCurator:
    """Register a class or a function as the curator of this name."""
    return _register_as("curator", name)


def sampler(name: str) -> RegisterSampler:
    """Register a class or a function as the sampler of this name."""
    return _register_as("sampler", name)


def reviser(name: str) -> RegisterReviser:
    """Register a class or a function as the reviser of this name."""
    return _register_as("reviser", name)


def judge(name: str) -> RegisterJudge:
    """Register a class or a function as the judge of this name."""
    return _register_as("judge", name)


def filter(name: str) -> RegisterFilter:
    """Register a class or a function as the filter of this name."""
    return _register_as("filter", name)


def pairer(name: str) -> RegisterPairer:
    """Register a class or a function as the pairer of this name."""
    return _register_as("pairer", name)


def backend(name: str) -> RegisterBackend:
    """Register a class as the backend of this name."""
    return _register_as("backend", name)


def _register_as(role: str, name: str) -> Any:
    def decorate(plugin: Any) -> Any:
        base_class = FromSeeds if role == "synthesizer" else Plugin
        if inspect.isfunction(plugin) and role != "backend":
            plugin = _plugin_from_function(role, name, plugin, base_class)
        if not (isinstance(plugin, type) and issubclass(plugin, base_class)):
            shown = getattr(plugin, "__name__", kind_of(plugin))
            why = f"{shown} must be a function, or derive from prefgen.{base_class.__name__}"
            raise PluginError(f"@{role}({name!r}): {why}")
        take_arguments_by_name(role, name, plugin)
        return register(role, name, plugin)

    return decorate


def _plugin_from_function(
    role: str, name: str, function: Callable[..., Any], base_class: type[Plugin]
) -> type[Plugin]:
    """A plug-in class whose method calls `function`. Raises PluginError for a parameter without a type that
    the role does not hand in.
    """
    role_arguments = PLUGIN_ROLES[role].arguments
    parameters = inspect.signature(function).parameters
    hints = get_type_hints(function, include_extras=True)
    used_arguments = [n for n in role_arguments if n in parameters]
    fields: dict[str, Any] = {}
    for field, parameter in parameters.items():
        if field in used_arguments:
            continue
        if field not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(
                f"@{role}({name!r}): parameter {field!r} needs a type to be a field; what a {role} is "
                f"handed is {', '.join(role_arguments)}"
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
    wrapper.__signature__ = _signature(role, used_arguments)
    plugin_class = create_model(
        function.__name__,
        __base__=base_class,
        __module__=function.__module__,
        __doc__=function.__doc__,
        **fields,
    )
    setattr(plugin_class, PLUGIN_ROLES[role].method, wrapper)
    plugin_class.source_function = function
    return plugin_class


def take_arguments_by_name(role: str, name: str, plugin_class: type[Plugin]) -> None:
    """Have the method of a class handed what its role hands in by name, where its parameters stand in another
    order than the role's or are fewer. A method with names of its own takes them in the role's order, as it
    always did; raises PluginError where it mixes both and the order is not the role's.
    """
    role_arguments, method_name = PLUGIN_ROLES[role].arguments, PLUGIN_ROLES[role].method
    method = getattr(plugin_class, method_name, None)
    if not role_arguments or not inspect.isfunction(method):
        return
    parameters = list(inspect.signature(method).parameters.values())[1:]
    names = [p.name for p in parameters]
    used = [n for n in role_arguments if n in names]
    expected = [n for n in _signature(role, used).parameters if n != "self"]
    in_place = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][: len(expected)] == expected
    of_its_own = [p for p in parameters if p.name not in used and p.default is p.empty]
    if in_place or any(p.kind in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY) for p in parameters):
        return
    if of_its_own:
        if any(names.index(n) != role_arguments.index(n) for n in used if n != "record"):
            raise PluginError(
                f"@{role}({name!r}): `{method_name}` takes {', '.join(names)}; a {role} is handed "
                f"{', '.join(role_arguments)}: give its parameters these names, or its order"
            )
        return
    setattr(plugin_class, method_name, _by_name(method, role, used))


def _by_name(method: Callable[..., Any], role: str, used: Sequence[str]) -> Callable[..., Any]:
    """The method as its role calls it, which is handed by name what it `used`."""

    def bind_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        values = dict(zip(PLUGIN_ROLES[role].arguments, args, strict=False)) | kwargs
        return {n: values[n] for n in used}

    async def call_async(self: Plugin, *args: Any, **kwargs: Any) -> Any:
        return await method(self, **bind_arguments(args, kwargs))

    def call_sync(self: Plugin, *args: Any, **kwargs: Any) -> Any:
        return method(self, **bind_arguments(args, kwargs))

    wrapper: Any = call_async if inspect.iscoroutinefunction(method) else call_sync
    wrapper.__signature__ = _signature(role, used)
    return wrapper


def _signature(role: str, used: Sequence[str]) -> inspect.Signature:
    """What a role's method is called with; `record` beside prompt and responses only where it is `used`."""
    names = [
        n
        for n in ("self", *PLUGIN_ROLES[role].arguments)
        if n != "record" or role in ("filter", "pairer") or n in used
    ]
    return inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])
