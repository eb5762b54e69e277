"""Calling a plug-in's method, whichever way it was written: a coroutine, or a plain function (which then runs in a worker thread)."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from prefgen.types import Record


async def invoke(method: Callable[..., Any], /, *args: Any, record: Record | None = None) -> Any:
    """Await the method's result; `record` is passed on when the method has a parameter of that name."""
    named = {"record": record} if record is not None and "record" in inspect.signature(method).parameters else {}
    if inspect.iscoroutinefunction(method):
        return await method(*args, **named)
    return await asyncio.to_thread(method, *args, **named)
