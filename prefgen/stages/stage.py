"""What a stage is made of: its plug-ins by name, what each is limited to, and the identity that says what it
is.

`run_stage` is the one loop that all stages share: a plug-in that fails costs what it alone would have added,
and is written down.
"""

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from prefgen.errors import PluginError, PrefgenError, ReplyError, first_problem
from prefgen.kit.call_method import call_method
from prefgen.kit.gather import gather
from prefgen.plugins.role_table import PLUGIN_ROLES
from prefgen.plugins.type_words import kind_of
from prefgen.roles import Ask
from prefgen.types import Failure, Record, Response

Kind = Literal["synthesize", "annotate", "sample", "revise", "judge", "filter", "pair"]
STAGE_METHODS = {
    "annotate": "annotate",
    "synthesize": PLUGIN_ROLES["synthesizer"].method,
    **{
        role.stage: role.method
        for role in PLUGIN_ROLES.values()
        if role.stage not in ("", "prompts", "curate")
    },
}
"""The method that each kind of stage calls."""


@dataclass(frozen=True)
class StagePlugin:
    """A plug-in of a stage. `only` limits it to prompts, `responses` to responses; `overrides` is {model:
    sampling}.
    """

    name: str
    plugin: Any
    only: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    responses: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Stage:
    """One stage. `identity` covers its fields, texts and models and every stage before; `label` is its place
    in the recipe.
    """

    kind: Kind
    label: str
    plugins: Sequence[StagePlugin]
    identity: str


AskFor = Callable[[StagePlugin], Ask]
ReadResult = Callable[[Record, StagePlugin, Any], tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]]
Arguments = Callable[[Record, StagePlugin, Ask], Sequence[tuple[Any, ...]]]


async def run_stage(
    stage: Stage, record: Record, ask_for: AskFor, arguments: Arguments, adds: ReadResult
) -> tuple[Record, list[Failure]]:
    """Call every plug-in of the stage that applies to `record`; what they return is added in the order of the
    recipe.
    """
    applicable = [p for p in stage.plugins if applies_to(p.only, record)]
    outcomes = await gather(_run_plugin(stage, p, record, ask_for(p), arguments) for p in applicable)
    grown, failures = record, []
    for stage_plugin, outcome in zip(applicable, outcomes, strict=True):
        errors: Sequence[ReplyError] = ()
        if isinstance(outcome, _LostOutcome):
            errors = (outcome.error,)
        else:
            for result in outcome:
                more, lost = _additions_of(stage, stage_plugin, record, result, adds)
                more = _without_known_responses(grown, more)
                grown = grown.adding(**more)
                errors = (*errors, *lost)
        failures += [failure_of(stage, stage_plugin, record, error) for error in errors]
    return grown, failures


def _without_known_responses(
    record: Record, additions: Mapping[str, Sequence[Any]]
) -> Mapping[str, Sequence[Any]]:
    """A response that the record has already (another plug-in came to the same text in the same way) is not
    added again.
    """
    known_ids = {r.id for r in record.responses}
    new_responses = [r for r in additions.get("responses", ()) if r.id not in known_ids]
    return (
        {**additions, "responses": new_responses}
        if len(new_responses) < len(additions.get("responses", ()))
        else additions
    )


def _additions_of(
    stage: Stage, stage_plugin: StagePlugin, record: Record, result: Any, read_result: ReadResult
) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
    try:
        return read_result(record, stage_plugin, result)
    except PrefgenError:
        raise
    except Exception as error:
        raise PluginError(
            f"{stage.kind} {stage_plugin.name!r} ({type(stage_plugin.plugin).__name__}) returned "
            f"{kind_of(result)} on record {record.id[:12]}, which cannot be used: {_bug_in_one_line(error)}"
        ) from error


def returned_items(who: str, result: Any, *kinds: type) -> list[Any]:
    """The list that a plug-in returned, of things of these kinds. Raises PluginError."""
    wanted = " or ".join(kind.__name__ for kind in kinds if kind is not ReplyError)
    if isinstance(result, kinds):
        raise PluginError(f"{who} returned {kind_of(result)} by itself: a list of {wanted} is wanted")
    if isinstance(result, str | bytes) or not isinstance(result, Iterable):
        raise PluginError(f"{who} returned {kind_of(result)}: a list of {wanted} is wanted")
    items = list(result)
    for item in items:
        if not isinstance(item, kinds):
            raise PluginError(f"{who} returned a list that holds {kind_of(item)}: {wanted} is wanted")
    return items


def _bug_in_one_line(bug: BaseException) -> str:
    """A bug in one line."""
    if isinstance(bug, ValidationError):
        return f"a {bug.title} that cannot be made: {first_problem(bug)[1]}"
    return " ".join(f"{type(bug).__name__}: {bug}".split())


@contextmanager
def plugin_errors(stage: Stage, stage_plugin: StagePlugin, record: Record) -> Generator[None]:
    """Whatever a plug-in raises that is no error of ours becomes a PluginError in one line that names it."""
    try:
        yield
    except PrefgenError:
        raise
    except ExceptionGroup as many:
        known, bugs = many.split(PrefgenError)
        if known is not None and bugs is None:  # a TaskGroup of asks, of which some were lost
            raise _first_exception(known) from None
        raise _plugin_error(stage, stage_plugin, record, _first_exception(bugs or many)) from many
    except (Exception, SystemExit) as bug:
        raise _plugin_error(stage, stage_plugin, record, bug) from bug


def _first_exception(many: BaseException) -> BaseException:
    """The first exception of a group, however deep; one that ends the run before one that costs a reply."""
    leaves = (
        [_first_exception(one) for one in many.exceptions] if isinstance(many, ExceptionGroup) else [many]
    )
    return next((one for one in leaves if not isinstance(one, ReplyError)), leaves[0])


def _plugin_error(stage: Stage, stage_plugin: StagePlugin, record: Record, bug: BaseException) -> PluginError:
    plugin = f"{stage.kind} {stage_plugin.name!r} ({type(stage_plugin.plugin).__name__})"
    return PluginError(f"{plugin} failed on record {record.id[:12]}: {_bug_in_one_line(bug)}")


async def _run_plugin(
    stage: Stage, stage_plugin: StagePlugin, record: Record, ask: Ask, arguments: Arguments
) -> "list[Any] | _LostOutcome":
    method: Callable[..., Awaitable[Any]] = getattr(stage_plugin.plugin, STAGE_METHODS[stage.kind])
    try:
        with plugin_errors(stage, stage_plugin, record):
            return await gather(
                call_method(method, *args, record=record) for args in arguments(record, stage_plugin, ask)
            )
    except ReplyError as error:
        return _LostOutcome(error)


@dataclass(frozen=True)
class _LostOutcome:
    """A plug-in's result that was lost whole: not the error itself, which `gather` would raise and so take
    the other plug-ins along.
    """

    error: ReplyError


def failure_of(stage: Stage, stage_plugin: StagePlugin, record: Record, error: ReplyError) -> Failure:
    """The ledger's row for a reply that could not be used."""
    return Failure(
        record_id=record.id,
        stage=stage.label,
        plugin=stage_plugin.name,
        model=error.model,
        code=error.code,
        reason=str(error),
        replies=error.replies,
        keys=error.keys,
    )


def applies_to(only: Mapping[str, Sequence[Any]], record: Record) -> bool:
    """Whether `only: {field: [values]}` lets the record's prompt through."""
    for name, wanted in only.items():
        value = (
            getattr(record.prompt, name, None)
            if name in type(record.prompt).model_fields
            else record.prompt.metadata.get(name)
        )
        if value not in wanted:
            return False
    return True


def select_responses(record: Record, responses: Mapping[str, Any]) -> list[Response]:
    """The responses that `responses: {origin, model, which}` lets a stage see.

    Default: every response that is no revision, and of each chain of revisions the last. `which: all` takes
    every revision.
    """
    parents = {r.parent_id for r in record.responses if r.parent_id}
    if not responses and not parents:
        return list(record.responses)
    which = responses.get("which", "default")
    shown = []
    for r in record.responses:
        first, last = r.parent_id is None, r.id not in parents
        fits = {"all": True, "first": first, "last": last, "default": first or last}[which]
        if (
            fits
            and r.origin in responses.get("origin", (r.origin,))
            and r.model in responses.get("model", (r.model,))
        ):
            shown.append(r)
    return shown
