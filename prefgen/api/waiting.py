"""Waiting for asynchronous work from plain code. Where an event loop runs already (a notebook's), the work
has a loop of its own in a thread beside it.

An interrupt (Ctrl-C, a notebook's Stop) cancels the work, and is passed on when the work has ended: work that
goes on unseen would go on paying.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from prefgen.engine.event_loop import fast_loop

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]
TICK = 0.25
"""Seconds between two looks at how far the work is."""


def wait_for(work: Work[T], tick: Callable[[], None] = lambda: None) -> T:
    """What `work` returns. `tick` is called now and then, in the thread of the caller, where work beside a
    running loop is waited for. Raises what `work` raises, and KeyboardInterrupt where it was interrupted.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _in_new_loop(work())
    return _in_thread(WorkInThread(work), tick)


def _in_new_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        return runner.run(coroutine)


def _in_thread(work: "WorkInThread[T]", tick: Callable[[], None]) -> T:
    thread = threading.Thread(target=work.run, name="prefgen")
    interruption: BaseException | None = None
    try:
        thread.start()
    except BaseException:
        work.cancel()
        raise
    while not work.ended.is_set():
        try:
            # not `join`: a thread whose join was interrupted counts as ended in Python 3.11
            work.ended.wait(TICK)
            tick()
        except BaseException as error:  # whatever ends the waiting ends the work
            interruption = error
            work.cancel()
    if interruption is not None:
        raise interruption
    return work.result()


class WorkInThread(Generic[T]):
    """Work with an event loop of its own. `cancel` may be called from any thread, and before it has begun."""

    def __init__(self, work: Work[T]) -> None:
        self.ended = threading.Event()
        self._work = work
        self._cancellations = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._results.append(_in_new_loop(self._main()))
        except BaseException as error:
            self._error = error
        finally:
            self.ended.set()

    def cancel(self) -> None:
        self._cancellations += 1
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                pass  # the loop is closed: the work has ended

    def result(self) -> T:
        """What the work returned. Raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._results[0]

    async def _main(self) -> T:
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        if self._cancellations:
            raise asyncio.CancelledError
        return await self._work()
