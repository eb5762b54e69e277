"""Calling a plug-in's method, whichever way it was written: a coroutine, or a plain function (which then runs in a worker thread)."""

import asyncio
import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from prefgen.types import Record


async def invoke(method: Callable[..., Any], /, *args: Any, record: Record | None = None) -> Any:
    """Await the method's result; `record` is passed on when the method has a parameter of that name."""
    takes_record, is_coroutine = _shape(getattr(method, "__func__", method))
    named = {"record": record} if record is not None and takes_record else {}
    if is_coroutine:
        return await method(*args, **named)
    return await asyncio.to_thread(method, *args, **named)


@lru_cache(maxsize=1024)
def _shape(function: Callable[..., Any]) -> tuple[bool, bool]:
    return "record" in inspect.signature(function).parameters, inspect.iscoroutinefunction(function)
