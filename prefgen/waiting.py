"""Wait for independent asks at once, and fail as one."""

import asyncio
import inspect
from collections.abc import Awaitable, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar

from prefgen.errors import ReplyError

T = TypeVar("T")

all_answered: ContextVar[bool] = ContextVar("prefgen_all_answered", default=False)
"""Whether every ask of this task has its answer already: then one after the other is as good as at once, and needs no tasks."""


async def together(asks: Iterable[Awaitable[T]]) -> list[T]:
    """The results of all `asks`, in their order.

    They start in one turn of the event loop, so that draws of one request can share it. When one fails, the others still
    finish (they were paid for) and the first error in order is raised.
    """
    return _without_errors(await _outcomes(list(asks)))


async def settled(asks: Iterable[Awaitable[T]]) -> list[T | ReplyError]:
    """Like `together`, but a reply that cannot be used stands in the result as its error instead of failing the others."""
    return _without_errors(await _outcomes(list(asks)), but=ReplyError)


async def at_once(work: Iterable[Awaitable[T]]) -> list[T]:
    """Like `together`, for what does more than ask, and so takes its time where all is answered too."""
    waiting = list(work)
    if len(waiting) == 1:
        return [await waiting[0]]
    return _without_errors(await asyncio.gather(*waiting, return_exceptions=True))


def _without_errors(results: list[Any], but: type[Exception] | tuple[()] = ()) -> list[Any]:
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, but):
            raise result
    return results


async def _outcomes(waiting: list[Awaitable[T]]) -> list[T | BaseException]:
    if not all_answered.get() and len(waiting) > 1:
        return await asyncio.gather(*waiting, return_exceptions=True)
    results: list[T | BaseException] = []
    try:
        for one in waiting:
            try:
                results.append(await one)
            except Exception as error:
                results.append(error)
    finally:
        for never_awaited in waiting[len(results) + 1 :]:  # this task was cancelled
            if inspect.iscoroutine(never_awaited):
                never_awaited.close()
    return results
