"""Calling a plug-in's method, whichever way it was written: a coroutine, or a plain function (which then runs
in a worker thread).
"""

import asyncio
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

from prefgen.types import Record


async def call_method(method: Callable[..., Any], /, *args: Any, record: Record | None = None) -> Any:
    """Await the method's result; `record` is passed on when the method has a parameter of that name."""
    takes_record, is_coroutine = _inspect_function(getattr(method, "__func__", method))
    keywords = {"record": record} if record is not None and takes_record else {}
    if is_coroutine:
        return await method(*args, **keywords)
    return await run_in_thread(functools.partial(method, *args, **keywords))


async def run_in_thread(function: Callable[[], Any]) -> Any:
    """What `function` returns, run in a daemon thread of its own: one that hangs holds up neither the others
    nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def set_outcome(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(function)
        except BaseException as exception:
            error = exception
        try:
            loop.call_soon_threadsafe(set_outcome, result, error)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    threading.Thread(target=work, daemon=True, name="plug-in").start()
    return await future


@functools.lru_cache(maxsize=1024)
def _inspect_function(function: Callable[..., Any]) -> tuple[bool, bool]:
    return "record" in inspect.signature(function).parameters, inspect.iscoroutinefunction(function)
