"""One replica of a model, and whether it can be asked now."""

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from prefgen.errors import RequestFailed
from prefgen.transport.request import ConnectedModel, ModelRequest, RunPlace, ServerLoad

SLACK = 16
"""A record's own replica may be busier than the least busy one by one for so many requests."""
LEAST_SLACK = 1

SHORT_PAUSE = 0.5
"""Seconds for which a replica that limits us is left alone, where it does not say for how long."""
FIRST_PROBE, LONGEST_PROBE = 1.0, 30.0
"""Seconds until a replica that was put aside is looked at; they double until it answers."""
LEAST_SHARE = 0.25
"""The smallest share that a replica has of what an equal one would get."""


class ReplicaModel(ConnectedModel, Protocol):
    """A connected model with the hooks of `prefgen.transport.request.ModelHooks`."""

    takes_turns: bool
    turn_key: str
    devices: int
    fingerprint: str
    slots_at_start: int
    tells_load: bool

    def join_run(self, place: RunPlace) -> None: ...
    def check_request(self, request: ModelRequest) -> None: ...
    async def load(self) -> None: ...
    async def unload(self) -> None: ...
    def check_access(self) -> None: ...
    async def check_answers(self) -> None: ...
    def body(self, request: ModelRequest) -> dict[str, Any] | None: ...
    async def served_models(self) -> Mapping[str, str] | None: ...
    async def server_load(self) -> ServerLoad | None: ...
    async def close(self) -> None: ...


@dataclass(eq=False)
class Replica:
    """A replica under the name that notices have for it, and how it has been doing. Times are those of
    `time.monotonic`.
    """

    name: str
    model: ReplicaModel
    is_first: bool = False
    """Whether the recipe began with it."""
    is_new: bool = True
    """Whether it has never been looked at."""
    in_flight: int = 0
    served: Mapping[str, str] | None = None
    """What it serves, as `served_models` says it."""
    compared: set[str] = field(default_factory=set)
    """Names of models of which it is known that it serves what the others do."""
    has_answered: bool = False
    aside: RequestFailed | None = None
    """Why it is not asked."""
    aside_since: float = 0.0
    is_on_trial: bool = False
    """Whether it was just taken back: it is asked one thing, until it has answered."""
    is_removed: bool = False
    probe_seconds: float = FIRST_PROBE
    room: float = math.inf
    """How many requests it bears at once, since it said that it was asked too much."""
    limited_at: float = -math.inf
    paused_until: float = -math.inf
    share: float = 1.0
    """How much it is asked beside one that has nothing waiting."""
    waiting: int | None = None
    """What waited at it when it was last looked at."""

    @property
    def has_limited(self) -> bool:
        """Whether it ever said that it was asked too much."""
        return self.limited_at > -math.inf

    @property
    def is_ready(self) -> bool:
        """Whether it may be asked, now or when it has room."""
        return not (self.is_new or self.aside or self.is_removed)

    def has_room(self) -> bool:
        room = 1 if self.is_on_trial else self.room
        return self.in_flight < room and time.monotonic() >= self.paused_until

    def busy(self) -> float:
        """How busy it is beside others."""
        return self.in_flight / self.share

    def rank(self, about: str) -> bytes:
        """Its place among the replicas for one record: each record has another order of them, which stays
        when others come or go.
        """
        return hashlib.blake2b(f"{about}\n{self.name}".encode(), digest_size=8).digest()

    def answered(self) -> None:
        self.has_answered = True
        self.is_on_trial = False
        self.probe_seconds = FIRST_PROBE
        if self.room < math.inf:
            self.room += 1 / self.room

    def limited(self, error: RequestFailed, sent: float) -> None:
        """It was asked too much at once, by a request that was sent at `sent`: one event is one decrease."""
        now = time.monotonic()
        if sent > self.limited_at:
            self.room = max(1.0, self.in_flight / 2)
            self.limited_at = now
        self.pause(SHORT_PAUSE if error.retry_after is None else error.retry_after)

    def pause(self, seconds: float) -> None:
        self.paused_until = max(self.paused_until, time.monotonic() + seconds)

    def line(self) -> str:
        """Its state in a few words."""
        if self.aside is not None:
            return f"{self.name}: aside ({self.aside.code})"
        waiting = f", {self.waiting} waiting" if self.waiting else ""
        return f"{self.name}: {self.in_flight} in flight{waiting}"


def balance(replicas: list[Replica]) -> None:
    """Where some have nothing waiting and others do, give the others less, little by little."""
    some_wait = any(replica.waiting for replica in replicas)
    some_do_not = any(replica.waiting == 0 for replica in replicas)
    for replica in replicas:
        if replica.waiting and some_do_not:
            replica.share = max(LEAST_SHARE, replica.share * 0.9)
        elif not some_wait or replica.waiting == 0:
            replica.share = min(1.0, replica.share * 1.05)


def chosen(free: Sequence[Replica], about: str) -> Replica:
    """The replica that is asked about a record, of those that have room: its own as long as that is hardly
    busier than the least busy one.
    """
    least = min(free, key=lambda replica: (replica.busy(), replica.rank(about)))
    own = max(free, key=lambda replica: replica.rank(about)) if about else least
    slack = max(LEAST_SLACK, least.busy() / SLACK)
    return own if own.busy() <= least.busy() + slack else least


def difference(name: str, here: Mapping[str, str], other: str, there: Mapping[str, str], model: str) -> str:
    """In words, how two replicas serve other models under one name; empty where nothing tells them apart."""
    if (model in here) != (model in there):
        has, lacks, found = (name, other, there) if model in here else (other, name, here)
        return (
            f"replicas must serve the same model: {has} serves {model!r}, and {lacks} does not (it serves "
            f"{', '.join(map(repr, found))})"
        )
    root, other_root = here.get(model), there.get(model)
    if root and other_root and root != other_root:
        return (
            f"replicas must serve the same model: {model!r} is {root!r} at {name}, and "
            f"{other_root!r} at {other}. Start all with the same path or Hub name"
        )
    return ""
