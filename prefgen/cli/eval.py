"""prefgen eval"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.eval_win import format_interval, win
from prefgen.cli.screen import say_note

if TYPE_CHECKING:
    from prefgen.evaluation.tasks import ItemOutcome, ProtectionVerdict, TaskChange, TaskResult

app = typer.Typer(
    help=(
        "What a model is worth: win rates by any judge, items by log-probability, tasks that must not get "
        "worse."
    ),
    no_args_is_help=True,
)
app.command("win")(win)
OVER_REFUSAL = "over_refusal"


ModelArgument = Annotated[
    str, typer.Argument(help="A folder (a model, or an adapter), or a name on the Hub.")
]
TasksArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Files of items, or tasks of lm-evaluation-harness by name or YAML file."),
]
ProtectOption = Annotated[
    list[str],
    typer.Option(metavar="TASK[=POINTS]", help="A task that must not lose more points (default 1)."),
]
ComparedBaseOption = Annotated[
    str | None,
    typer.Option(help="What to compare with. Default: what the model was trained from.", show_default=False),
]
ScoringNameOption = Annotated[str, typer.Option(help="mean, sum or mutual: how likely an answer is.")]
ItemsOption = Annotated[
    int | None, typer.Option(help="Only so many items of a task by name.", show_default=False, min=1)
]
BatchSizeOption = Annotated[int, typer.Option(help="Texts at once.", min=1)]
CpuOption = Annotated[bool, typer.Option("--cpu", help="No GPU, even if there is one.")]


@app.command("tasks")
def tasks(
    model: ModelArgument,
    task: TasksArgument = None,
    protect: ProtectOption = [],
    base: ComparedBaseOption = None,
    scoring: ScoringNameOption = "mean",
    limit: ItemsOption = None,
    batch_size: BatchSizeOption = 16,
    cpu: CpuOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Which answers a model finds likeliest. With --protect exit 4 when a task lost more than it may, item by
    item against the base.

    A set of harmless questions that look harmful is protected with the others: a model that refuses them has
    lost something too.
    """
    from prefgen.cli.failures import end_with
    from prefgen.errors import GateFailed, RecipeError
    from prefgen.evaluation.models import base_of
    from prefgen.evaluation.tasks import LIMIT, compare_outcomes, protection_verdict, summarize_task

    _check_scoring(scoring)
    limits = dict(_parse_protected(option) for option in protect)
    if limits:
        limits.setdefault(OVER_REFUSAL, LIMIT)
    names: list[str] = list(dict.fromkeys([*(task or []), *limits]))
    if not names:
        raise RecipeError("which tasks? Name files of items or tasks, or --protect some")
    base_name = base or base_of(model)
    if limits and base_name is None:
        raise RecipeError(
            f"--protect compares with what {model!r} was trained from, and nothing says what that is: give "
            "--base"
        )
    # a file that cannot be read is known before weights are loaded
    items_by_task = {name: _read_task_items(name) for name in names}
    options: dict[str, Any] = {"scoring": scoring, "limit": limit, "batch_size": batch_size, "cpu": cpu}
    model_outcomes = _task_outcomes(model, items_by_task, **options)
    base_outcomes = _task_outcomes(base_name, items_by_task, **options) if base_name else {}
    results = [summarize_task(name, outcomes) for name, outcomes in model_outcomes.items()]
    changes = [
        compare_outcomes(name, outcomes, model_outcomes[name], limit=limits.get(name))
        for name, outcomes in base_outcomes.items()
    ]
    protected = protection_verdict(changes)
    for note in protected.notes if protected else ():
        say_note(f"note: {note}")
    worse = None
    if protected and protected.failed:
        worse = GateFailed(f"{model!r} is worse than {base_name!r}: {'; '.join(protected.failed)}")
    if as_json:
        facts = _tasks_as_json(model, base_name, results, changes, protected)
        if worse:
            end_with(worse, **facts)
        print(json.dumps(facts))
        return
    _print_tasks(results)
    _print_changes(changes, base_name, protected)
    if worse:
        raise worse


def _check_scoring(scoring: str) -> None:
    import importlib.util

    from prefgen.errors import RecipeError, did_you_mean
    from prefgen.evaluation.tasks import Scoring

    if importlib.util.find_spec("torch") is None:
        raise RecipeError("looking at a model needs torch and transformers: pip install 'prefgen[train]'")
    if scoring not in get_args(Scoring):
        raise RecipeError(
            f"--scoring: there is no {scoring!r}{did_you_mean(scoring, list(get_args(Scoring)))}"
        )


def _parse_protected(option: str) -> tuple[str, float]:
    from prefgen.errors import RecipeError
    from prefgen.evaluation.tasks import LIMIT

    name, equals, points = option.partition("=")
    try:
        limit = float(points) if equals else LIMIT
    except ValueError:
        limit = -1.0
    if not 0 <= limit <= 100:
        raise RecipeError(f"--protect wants TASK or TASK=POINTS with points from 0 to 100, found {option!r}")
    return name, limit


def _read_task_items(name: str) -> Any:
    """The items of a file; None for a task of the harness."""
    from prefgen.evaluation.items import read_items
    from prefgen.kit.templates import shipped

    if name == OVER_REFUSAL:
        return read_items(shipped("prompts") / "evaluation" / "over_refusal.jsonl")
    path = Path(name)
    by_harness = path.suffix in (".yaml", ".yml") or (not path.suffix and not path.is_file())
    return None if by_harness else read_items(path)


def _task_outcomes(
    name: str, items_by_task: dict[str, Any], *, scoring: Any, limit: int | None, batch_size: int, cpu: bool
) -> "dict[str, list[ItemOutcome]]":
    """What the model of this name makes of each task."""
    from prefgen.evaluation.harness import harness_outcomes
    from prefgen.evaluation.models import load_model
    from prefgen.evaluation.tasks import outcomes

    model = load_model(name, cpu=cpu)
    return {
        task: harness_outcomes(model, task, limit=limit, batch_size=batch_size)
        if items is None
        else outcomes(model, items, scoring=scoring, batch_size=batch_size)
        for task, items in items_by_task.items()
    }


def _tasks_as_json(
    model: str,
    base_name: str | None,
    results: "Sequence[TaskResult]",
    changes: "Sequence[TaskChange]",
    protected: "ProtectionVerdict | None",
) -> dict[str, Any]:
    from prefgen.evaluation.tasks import task_as_json
    from prefgen.stats.intervals import span_fields

    summary = protected and {
        "mean": span_fields(protected.mean),
        "worst": protected.worst.name,
        "failed": list(protected.failed),
        "notes": list(protected.notes),
    }
    return {
        "model": model,
        "base": base_name,
        "tasks": [task_as_json(result) for result in results],
        "compared": [task_as_json(change) for change in changes],
        "protected": summary,
    }


def _print_tasks(results: "Sequence[TaskResult]") -> None:
    for result in results:
        print(f"{result.name}: {format_interval(result.accuracy)} of {result.items:,} items right")
        for category, share in result.categories.items():
            print(f"  {category or '(none)'}: {share:.1%}")


def _print_changes(
    changes: "Sequence[TaskChange]", base_name: str | None, protected: "ProtectionVerdict | None"
) -> None:
    for task in changes:
        value, low, high = task.change
        allowed = f"; may lose {task.limit:g}" if task.limit is not None else ""
        print(f"{task.name}: {value:+.1f} points against {base_name} ({low:+.1f} to {high:+.1f}){allowed}")
    if protected:
        value, low, high = protected.mean
        print(
            f"protected: {value:+.1f} points in the mean ({low:+.1f} to {high:+.1f}), worst "
            f"{protected.worst.name} ({protected.worst.change[0]:+.1f})"
        )
