"""Wait for independent asks at once, and fail as one."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

from prefgen.errors import ReplyError

Gathered = TypeVar("Gathered")


async def gather(asks: Iterable[Awaitable[Gathered]]) -> list[Gathered]:
    """The results of all `asks`, in their order.

    They start in one turn of the event loop, so that draws of one request can share it. When one fails, the
    others still finish (they were paid for) and the first error in order is raised.
    """
    awaitables = list(asks)
    if len(awaitables) == 1:
        return [await awaitables[0]]
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # pyright: ignore[reportReturnType] - every exception was raised above


async def gather_settled(asks: Iterable[Awaitable[Gathered]]) -> list[Gathered | ReplyError]:
    """Like `gather`, but a reply that cannot be used stands in the result as its error instead of failing the
    others.
    """
    awaitables = list(asks)
    if len(awaitables) == 1:
        try:
            return [await awaitables[0]]
        except ReplyError as error:
            return [error]
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, ReplyError):
            raise result
    return results  # pyright: ignore[reportReturnType] - every other exception was raised above
