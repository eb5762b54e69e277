"""From a pipeline and its journals to the whole context that its asks share: models connected, queues,
budget.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal

from prefgen.calls.budget import FREE, Budget
from prefgen.calls.context import AskRules, AskWatch, CallContext
from prefgen.calls.exchange import QueueSettings
from prefgen.calls.journal import Journal
from prefgen.calls.journals import Journals
from prefgen.calls.limits import ConcurrencyLimit, Rate
from prefgen.calls.models import ModelSpec
from prefgen.calls.queue import ModelQueue
from prefgen.calls.residents import Residents, Room, turns_of
from prefgen.calls.stop import RunStop
from prefgen.calls.usage import RunStats
from prefgen.engine.run_folder import SIMULATED_JOURNAL, append_log, run_id_of
from prefgen.engine.server_answers import AskedAs, all_asked_as_found
from prefgen.errors import RecipeError
from prefgen.recipe.build import Pipeline
from prefgen.recipe.models import BuiltModel, goes_to_batches
from prefgen.recipe.problems import Problems
from prefgen.serving.gpus import visible_gpus
from prefgen.transport.request import ConnectedModel, ModelHooks, RunPlace

START_AT_ONCE, MOST_AT_ONCE = 8, 256
"""Requests to one model at once, at first and at most, where their number adapts and nothing is known."""
MOST_GROWTH = 16
"""How many times what its servers are made for a model is asked at once, at most."""


def open_journals(pipeline: Pipeline, out: Path, journal: Path, closing: ExitStack) -> Journals:
    """The project's journal, and one in the run's folder for simulated replies, which never reach the
    project's.
    """
    simulated = None
    if pipeline.simulated:
        simulated = Journal(out / SIMULATED_JOURNAL)
        closing.callback(simulated.close)
        if not pipeline.asks_real_models:
            return Journals(simulated, simulated, simulated)
    project = Journal(journal)
    closing.callback(project.close)
    return Journals(project, simulated or project, simulated or project)


def known_journal(pipeline: Pipeline, out: Path, journal: Path) -> Path:
    """The journal that a run asks first: the project's, and where every model is simulated the one in the
    run's folder. It may not be there yet.
    """
    is_apart = pipeline.simulated and not pipeline.asks_real_models
    return out / SIMULATED_JOURNAL if is_apart else journal


async def connect(
    pipeline: Pipeline,
    journals: Journals,
    connections: AsyncExitStack,
    out: Path,
    *,
    run: RunStop,
    stats: RunStats,
    rules: AskRules,
    budget: Budget | None = None,
    watch: AskWatch | None = None,
) -> CallContext:
    """Connect every model. Raises RecipeError, or what a backend raises for an address or a key that cannot
    be used.
    """
    run_id = run_id_of(out)
    servers: dict[str, Any] = {}
    budget = budget or Budget()
    models: dict[str, ModelSpec] = {}
    queues: dict[str, ModelQueue] = {}
    connected_models: dict[str, ConnectedModel] = {}
    asked_as: dict[str, AskedAs] = {name: AskedAs(built) for name, built in pipeline.models.items()}
    if rules.live:
        asked_as = await all_asked_as_found(pipeline.models, journals.project.path, stats.notify)
    for name in pipeline.models:
        backend: Any = asked_as[name].built.backend  # that it has `connect` was checked when it was built
        connected_models[name] = await connections.enter_async_context(backend.connect())
        check_access(connected_models[name], live=rules.live)
        join_run(connected_models[name], RunPlace(out, name, stats.notify, stats.model(name).show, servers))
    turn_takers = takers_of_turns(connected_models) if rules.live else {}
    room = room_for(pipeline.recipe.run.resident, turn_takers)
    residents = Residents(room, turn_takers, run=run, stats=stats, log=partial(append_log, out))
    connections.push_async_callback(residents.close)
    for name, model in asked_as.items():
        built = model.built
        connected = connected_models[name]
        price = pipeline.price(built) or FREE
        batched = goes_to_batches(built) and _has_batches(connected)
        if built.endpoint.batch and not batched:
            stats.notify(f"{name}: `batch: true` is left out of account, since it is asked of no provider")
        models[name] = ModelSpec(
            name, built.identity, built.sampling, connected, price, built.simulated, built.leaks, batched
        )
        queues[name] = ModelQueue(
            name,
            connected,
            queue_settings(pipeline, built, connected, model.alternatives),
            budget=budget,
            stats=stats.model(name),
            run=run,
            notify=stats.notify,
            possibly_billed=lambda cost, tokens, why: journals.project.possibly_billed(
                run_id, cost, tokens, why
            ),
            load=residents.loader(name),
        )
        connections.push_async_callback(queues[name].close)
    return CallContext(
        journals,
        models,
        queues,
        run=run,
        stats=stats,
        run_id=run_id,
        seed=pipeline.recipe.seed,
        rules=rules,
        watch=watch,
        residents=residents,
    )


def _has_batches(connected: ConnectedModel) -> bool:
    return isinstance(connected, ModelHooks) and connected.batches() is not None


def takers_of_turns(models: Mapping[str, ConnectedModel]) -> dict[str, ModelHooks]:
    """Those of the models that are loaded when they are asked, and can make room for another."""
    return {
        name: model for name, model in models.items() if isinstance(model, ModelHooks) and model.takes_turns
    }


async def turn_takers_of(pipeline: Pipeline) -> dict[str, ModelHooks]:
    """The same of a recipe that is not run, for what is known of them without loading one."""
    connected: dict[str, ConnectedModel] = {}
    servers: dict[str, Any] = {}
    for name, built in pipeline.models.items():
        backend: Any = built.backend
        if not (built.simulated or backend.asks_nobody):
            async with backend.connect() as connected[name]:
                join_run(connected[name], RunPlace(name=name, servers=servers))
    return takers_of_turns(connected)


def join_run(connected: ConnectedModel, place: RunPlace) -> None:
    """Tell a model which run it works for, and so with whom it shares a server."""
    if isinstance(connected, ModelHooks):
        connected.join_run(place)


def room_for(resident: int | Literal["auto"], turn_takers: Mapping[str, ModelHooks]) -> Room:
    """Room for as many of these models as the recipe says, or as fit the GPUs."""
    turns = dict.fromkeys(turns_of(turn_takers).values())
    if isinstance(resident, int):
        return Room(resident, dict.fromkeys(turns, 1))
    gpus = visible_gpus() if len(turns) > 1 else 1  # one alone has room in any case
    return Room(gpus, {name: turn_takers[name].devices for name in turns})


async def check_servers(pipeline: Pipeline) -> None:
    """Raises RecipeError, or RecipeErrors, with the place of each model whose key is missing or whose server
    does not answer. Asks no model, and reads no weights.
    """
    models = pipeline.models
    errors = await asyncio.gather(*map(_check_server, models.values()), return_exceptions=True)
    problems, loaded = Problems(), pipeline.loaded
    for name, error in zip(models, errors, strict=True):
        with problems.gathered():
            if error is None:
                continue
            path = loaded.nearest(("run", "endpoints", name)) or ("models", name)
            place = loaded.place(path if path[-1] == name else ("models", name))
            if isinstance(error, RecipeError):
                raise RecipeError(f"model {name!r}: {error}", place) from error
            raise error
    problems.raise_all()


async def _check_server(built: BuiltModel) -> None:
    backend: Any = built.backend
    if built.simulated or backend.asks_nobody or backend.loads_weights:
        return
    async with backend.connect() as connected:
        check_access(connected, live=True)
        if isinstance(connected, ModelHooks):
            await connected.check_answers()


def check_access(connected: ConnectedModel, *, live: bool) -> None:
    """Raise RecipeError where a model is to be asked and its key or its address is missing."""
    if live and isinstance(connected, ModelHooks):
        connected.check_access()


def budget_of(pipeline: Pipeline, journal: Journal, out: Path) -> Budget:
    """What the run may still spend: its budget less what earlier starts in this folder paid."""
    run, spent = pipeline.recipe.run, journal.spent(run_id_of(out))
    return Budget(run.budget_usd, run.budget_tokens, spent=spent.cost, spent_tokens=spent.tokens)


def queue_settings(
    pipeline: Pipeline,
    built: BuiltModel,
    connected: ConnectedModel | None = None,
    alternatives: int | None = None,
) -> QueueSettings:
    """How a model is asked: what its endpoint says, else what the run says; at first, as much at once as its
    servers are made for, where that is known. `alternatives` are those that its server gives at most.
    """
    slots = connected.slots_at_start if isinstance(connected, ModelHooks) else 0
    run, endpoint = pipeline.recipe.run, built.endpoint
    concurrency = pipeline.concurrency(built)
    return QueueSettings(
        limit=ConcurrencyLimit(
            None if concurrency == "auto" else concurrency,
            start=slots or START_AT_ONCE,
            most=max(MOST_AT_ONCE, MOST_GROWTH * slots),
        ),
        requests=Rate(endpoint.requests_per_minute),
        tokens=Rate(endpoint.tokens_per_minute),
        price=pipeline.price(built) or FREE,
        timeout=endpoint.timeout or run.timeout,
        server_down_after=run.server_down_after,
        supports_n=bool(getattr(built.backend, "n", True)),
        alternatives=alternatives,
    )


def records_in_flight(pipeline: Pipeline) -> int:
    """Records at work: enough that every model's slots can be full while others wait for their commit."""
    wanted = [pipeline.concurrency(model) for model in pipeline.models.values()]
    slots = sum(at_once if isinstance(at_once, int) else MOST_AT_ONCE for at_once in wanted)
    return pipeline.recipe.run.max_records_in_flight or max(16, min(512, 2 * slots))
