"""Several servers of one model, asked as one: the least busy first, and what is asked about one record by the
same, whose cache knows its beginning.

A replica that fails is put aside, and its request goes to another within the same try. It is looked at where
that costs nothing, and taken back when it answers. Where all are aside one of them is asked all the same, so
that the queue sees what it would see of a single server.
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from prefgen.backends._replica import (
    LONGEST_PROBE,
    Replica,
    ReplicaModel,
    balance,
    chosen,
    difference,
)
from prefgen.backends._replica_list import ReplicaList
from prefgen.errors import RecipeError, RequestFailed
from prefgen.transport.request import Asker, ModelHooks, ModelRequest, ModelResponse, RunPlace, ServerLoad
from prefgen.transport.server_access import ServerAccess
from prefgen.types import Reply

OF_THE_REPLICA = ("connection", "timeout", "broken", "server", "busy", "rate", "restarted")
"""Kinds of failures after which another replica is asked."""
LIMITS = ("busy", "rate")
IN_DOUBT = "server"
"""It may be the request that a server cannot bear: the replica is put aside where another one answers it."""
LONGEST_WAIT = 5.0
"""Seconds that a request waits within a try, where all replicas ask for a pause."""


class ReplicatedModel(ModelHooks):
    """`replicas` by the names that notices have for them (addresses). `listed` says whether others have come
    or some are gone; without it they stay.
    """

    keeps_time = True

    def __init__(
        self, replicas: Mapping[str, ReplicaModel], *, listed: ReplicaList | None = None
    ) -> None:  # fmt: skip
        self._replicas = [Replica(name, model, is_first=True) for name, model in replicas.items()]
        self._listed = listed
        first = self._replicas[0].model
        self.host, self.backend = first.host, first.backend
        self.replica_hosts = frozenset(model.host for model in replicas.values())
        self.fingerprint = first.fingerprint
        self.devices = sum(model.devices for model in replicas.values())
        self.takes_turns = any(model.takes_turns for model in replicas.values())
        self.slots_at_start = sum(model.slots_at_start for model in replicas.values())
        self.tells_load = any(model.tells_load for model in replicas.values())
        self._asker = Asker(timeout=600, notify=lambda text: None)
        self._reference: dict[str, tuple[str, Mapping[str, str]]] = {}
        """{model: (name, what it served) of the replica that was asked for it first}"""
        self._tasks: set[asyncio.Task[None]] = set()
        self._coming: dict[Replica, asyncio.Task[None]] = {}
        self._waiting: set[asyncio.Event] = set()

    def asked_by(self, asker: Asker) -> None:
        self._asker = asker

    def join_run(self, place: RunPlace) -> None:
        for replica in self._replicas:
            replica.model.join_run(place)
        self.turn_key = " ".join(replica.model.turn_key for replica in self._replicas).strip()

    def check_request(self, request: ModelRequest) -> None:
        self._replicas[0].model.check_request(request)

    def check_access(self) -> None:
        for replica in self._replicas:
            replica.model.check_access()

    async def check_answers(self) -> None:
        """Raise RecipeError for those that do not answer, all of them."""
        models = [replica.model for replica in self._replicas]
        found = await asyncio.gather(*(model.check_answers() for model in models), return_exceptions=True)
        faults = [error for error in found if error is not None]
        for fault in faults:
            if not isinstance(fault, RecipeError):
                raise fault
        if faults:
            raise RecipeError("; ".join(map(str, faults)))

    def server_access(self) -> ServerAccess | None:
        """The first one's: all of them serve the same."""
        first = self._replicas[0].model
        return first.server_access() if isinstance(first, ModelHooks) else None

    def body(self, request: ModelRequest) -> dict[str, Any] | None:
        return self._replicas[0].model.body(request)

    def parse(self, raw: bytes, endpoint: str) -> Reply:
        return self._replicas[0].model.parse(raw, endpoint)

    def replica_lines(self) -> Sequence[str]:
        return [replica.line() for replica in list(self._replicas) if not replica.is_removed]

    async def load(self) -> None:
        """Look at all that are new, beside each other, and wait until the first of them can be asked."""
        if self._listed is not None and self._listed.is_due():
            self._follow_list(self._listed)
        for replica in self._replicas:
            if replica.is_new and replica not in self._coming:
                self._coming[replica] = self._start(self._meet(replica))
        while self._coming and not any(replica.is_ready for replica in self._replicas):
            await asyncio.wait(self._coming.values(), return_when=asyncio.FIRST_COMPLETED)

    async def unload(self) -> None:
        await self._stop_tasks()
        await asyncio.gather(*(replica.model.unload() for replica in self._replicas))
        for replica in self._replicas:
            replica.is_new, replica.aside = True, None

    async def close(self) -> None:
        await self._stop_tasks()
        await asyncio.gather(*(replica.model.close() for replica in self._replicas))

    async def server_load(self) -> ServerLoad | None:
        """Of all together; nothing waits where one of them has nothing waiting."""
        ready = [replica for replica in self._replicas if replica.is_ready]
        loads = await asyncio.gather(*(replica.model.server_load() for replica in ready))
        for replica, load in zip(ready, loads, strict=True):
            replica.waiting = None if load is None else load.waiting
        balance(ready)
        known = [load for load in loads if load is not None]
        if not known:
            return None
        waiting = sum(load.waiting for load in known) if all(load.waiting for load in known) else 0
        return ServerLoad(sum(load.running for load in known), waiting)

    async def send(self, request: ModelRequest) -> Sequence[ModelResponse]:
        failed: dict[Replica, RequestFailed] = {}
        while (replica := await self._place(request, failed)) is not None:
            try:
                responses = await self._ask(replica, request)
            except RequestFailed as error:
                before = [*failed.values()]
                failed[replica] = error
                if error.kind not in OF_THE_REPLICA:
                    error.before = before
                    raise
                continue
            self._answered(replica, failed, responses)
            return responses
        *before, last = failed.values()
        last.before = before
        raise last

    def _answered(
        self, replica: Replica, failed: Mapping[Replica, RequestFailed], responses: Sequence[ModelResponse]
    ) -> None:
        replica.answered()
        if replica.aside is not None:
            self._take_back(replica)
            replica.is_on_trial = False
        for other, error in failed.items():
            if error.kind == IN_DOUBT:
                self._put_aside(other, error)
        if responses:
            first = responses[0]
            replica.pause(first.pause)
            first.pause, first.before = 0.0, tuple(failed.values())
        for response in responses:
            response.host = replica.model.host

    async def _place(
        self, request: ModelRequest, failed: Mapping[Replica, RequestFailed]
    ) -> Replica | None:  # fmt: skip
        """The replica that is asked next; None where none is left of those that may be."""
        while True:
            here = [replica for replica in self._replicas if not replica.is_removed]
            ready = [replica for replica in here if replica.is_ready and replica not in failed]
            if not ready:
                return None if failed else min(here, key=lambda replica: replica.in_flight)
            free = [replica for replica in ready if replica.has_room()]
            if free:
                return chosen(free, request.about)
            if any(error.kind in LIMITS for error in failed.values()):
                return None
            pause = min(replica.paused_until for replica in ready) - time.monotonic()
            if pause > LONGEST_WAIT:
                raise RequestFailed("rate", "all replicas ask for a pause", retry_after=pause)
            await self._changed(pause if pause > 0 else LONGEST_WAIT)

    async def _ask(self, replica: Replica, request: ModelRequest) -> Sequence[ModelResponse]:
        """One request to one replica. Raises RequestFailed."""
        sent = time.monotonic()
        replica.in_flight += 1
        try:
            if replica.is_new or replica.aside is not None:
                await replica.model.load()
                replica.served = await replica.model.served_models()
                replica.is_new = False
            self._compare(replica, request.model)
            async with asyncio.timeout(self._asker.timeout):
                return await replica.model.send(request)
        except TimeoutError:
            message = f"no answer from {replica.name} within {self._asker.timeout:g} s (`run: timeout`)"
            error = RequestFailed("timeout", message, billed=True)
            self._put_aside(replica, error)
            raise error from None
        except RequestFailed as error:
            if error.kind in LIMITS:
                if not replica.has_limited:
                    self._asker.notify(f"{replica.name} limits us ({error.message[:300]}); it is asked less")
                replica.limited(error, sent)
            elif error.kind in OF_THE_REPLICA and error.kind != IN_DOUBT:
                self._put_aside(replica, error)
            raise
        finally:
            replica.in_flight -= 1
            self._say_changed()
            if replica.is_removed and not replica.in_flight:
                self._start(self._leave(replica))

    async def _meet(self, replica: Replica) -> None:
        """Look at a replica for the first time."""
        try:
            await replica.model.load()
            replica.served = await replica.model.served_models()
        except RequestFailed as error:
            self._put_aside(replica, error)
        replica.is_new = False
        self._coming.pop(replica, None)
        self._say_changed()

    def _compare(self, replica: Replica, model: str) -> None:
        """Raises RequestFailed where a replica serves another model than the others do: `fatal` for one that
        the recipe began with; one that came or came back later is only not asked.
        """
        if model in replica.compared or replica.served is None:
            return
        self._reference.setdefault(model, (replica.name, replica.served))
        fault = self._difference(replica, model)
        if not fault:
            replica.compared.add(model)
            return
        is_of_the_recipe = replica.is_first and not replica.has_answered and replica.aside is None
        raise RequestFailed("fatal" if is_of_the_recipe else "connection", fault, code="other_model")

    def _put_aside(self, replica: Replica, error: RequestFailed) -> None:
        if replica.aside is not None or replica.is_removed:
            return
        replica.aside, replica.aside_since = error, time.monotonic()
        others = any(other.is_ready or other.is_new for other in self._replicas if other is not replica)
        then = "its requests go to the others until it answers"
        if error.kind == "fatal":
            then = "it is not asked again"
        elif not others:
            then = "no replica is left"
        self._asker.notify(f"{_named(replica, error)}; {then}")
        if error.kind != "fatal":
            self._start(self._probe(replica))

    async def _probe(self, replica: Replica) -> None:
        """Look at a replica that was put aside until it answers what costs nothing."""
        while replica.aside and not replica.is_removed:
            await asyncio.sleep(replica.probe_seconds)
            replica.probe_seconds = min(2 * replica.probe_seconds, LONGEST_PROBE)
            try:
                await replica.model.load()
                replica.served = await replica.model.served_models()
            except RequestFailed as error:
                if error.kind == "fatal":
                    self._asker.notify(f"{_named(replica, error)}; it is not asked again")
                    return
                continue
            fault = self._fault_of(replica)
            if fault:
                self._asker.notify(f"{fault}; it is not asked")
                continue
            if replica.aside:  # no request that was sent meanwhile has shown it
                self._take_back(replica)
            return

    def _fault_of(self, replica: Replica) -> str:
        """What is wrong with what a replica serves since it is back; empty where nothing is."""
        replica.compared.clear()
        return next(filter(None, (self._difference(replica, model) for model in self._reference)), "")

    def _difference(self, replica: Replica, model: str) -> str:
        name, served = self._reference[model]
        return difference(name, served, replica.name, replica.served or served, model)

    def _take_back(self, replica: Replica) -> None:
        away = time.monotonic() - replica.aside_since
        replica.aside, replica.is_on_trial = None, True
        self._asker.notify(f"{replica.name} answers again after {away:.0f} s, and is asked again")
        self._say_changed()

    def _follow_list(self, listed: ReplicaList) -> None:
        """Take up the replicas that have come, and ask those that are gone no more."""
        names = listed.look(self._asker.notify)
        if names is None:
            return
        known = {replica.name: replica for replica in self._replicas if not replica.is_removed}
        for name in names:
            if name not in known:
                model = listed.connect(name)
                self._replicas.append(Replica(name, model))
                self.replica_hosts |= {model.host}
                self._asker.notify(f"{name} is a replica from now on")
        for name, replica in known.items():
            if name not in names:
                replica.is_removed = True
                self._asker.notify(f"{name} is no replica any more: it finishes what it has")
                if not replica.in_flight:
                    self._start(self._leave(replica))

    async def _leave(self, replica: Replica) -> None:
        """Close a replica that was removed and has nothing in flight."""
        await replica.model.close()
        if replica in self._replicas:
            self._replicas.remove(replica)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _stop_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._coming.clear()

    async def _changed(self, seconds: float) -> None:
        """Wait until a replica may have room."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            async with asyncio.timeout(seconds):
                await changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(changed)

    def _say_changed(self) -> None:
        for changed in self._waiting:
            changed.set()


def _named(replica: Replica, error: RequestFailed) -> str:
    return error.message if replica.name in error.message else f"{replica.name}: {error.message}"
