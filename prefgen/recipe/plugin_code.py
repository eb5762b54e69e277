"""Code of plug-ins while a recipe is built: what is wrong with it has the recipe's place, and is known before
anything is paid for.
"""

import inspect
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from prefgen.errors import PluginError, PrefgenError, RecipeError, RecipeErrors
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.role_table import PLUGIN_ROLES

_PLAIN_ROLES = ("source", "curator", "filter", "pairer")
"""Roles whose method is a plain function: none is awaited."""
_RECORD_IN_PLACE = ("filter", "pairer")
"""Roles that hand the record in where it stands; the others by its name, where a method has that."""


@contextmanager
def placed(use: str, place: str) -> Generator[None]:
    """A plug-in's code at work. Raises RecipeError with the place for whatever it raises; an error that has a
    place keeps it.
    """
    try:
        yield
    except RecipeErrors:  # each has its place
        raise
    except RecipeError as error:
        raise error if error.where else RecipeError(str(error), place) from error
    except PluginError as error:
        raise RecipeError(str(error), place) from error
    except PrefgenError:
        raise
    except ValueError as error:
        raise RecipeError(f"{use}: {error}", place) from error
    except Exception as bug:
        raise RecipeError(f"{use} cannot be used: {type(bug).__name__}: {bug}", place) from bug


def check_call(plugin: Plugin, use: str) -> None:
    """Raises RecipeError where the method of its role, or `annotate`, cannot be called as it will be."""
    role = PLUGIN_ROLES[plugin.role]
    if not callable(getattr(plugin, role.method, None)):
        raise RecipeError(f"{use!r} has no method `{role.method}`, which every {role.name} has")
    _check_method(plugin, use, role.method, role.arguments)
    if role.name == "curator" and plugin.output_column():
        if not callable(getattr(plugin, "annotate", None)):
            raise RecipeError(f"{use!r} has an `output_column` and no method `annotate`, which fills it")
        _check_method(plugin, use, "annotate", ("prompt", "ask"))


def _check_method(plugin: Plugin, use: str, name: str, handed: Sequence[str]) -> None:
    method = getattr(plugin, name)
    is_plain = plugin.role in _PLAIN_ROLES and name == PLUGIN_ROLES[plugin.role].method
    if is_plain and inspect.iscoroutinefunction(method):
        raise RecipeError(f"`{name}` of {use!r} is `async`, and that of a {plugin.role} is a plain function")
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # of compiled code
        return
    in_place = [n for n in handed if n != "record" or plugin.role in _RECORD_IN_PLACE]
    by_name = {"record": None} if "record" not in in_place and "record" in signature.parameters else {}
    try:
        signature.bind(*[None] * len(in_place), **by_name if "record" in handed else {})
    except TypeError as error:
        takes = ", ".join(signature.parameters) or "nothing"
        given = ", ".join(handed) or "nothing"
        raise RecipeError(
            f"{use!r} cannot be called: `{name}` takes {takes}; a {plugin.role} is handed {given} ({error})"
        ) from None
