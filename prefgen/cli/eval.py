"""prefgen eval"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from prefgen.cli.arguments import AsJson

if TYPE_CHECKING:
    from prefgen.evaluation.models import LoadedModel
    from prefgen.evaluation.tasks import ItemOutcome, TaskChange

app = typer.Typer(
    help=(
        "What a model is worth: win rates by any judge, items by log-probability, tasks that must not get "
        "worse."
    ),
    no_args_is_help=True,
)
OVER_REFUSAL = "over_refusal"


@app.command("win")
def win(
    run: Annotated[
        Path,
        typer.Argument(
            help=(
                "A complete run in which two models answered and a judge judged: pipelines/winrate.yaml "
                "makes one."
            )
        ),
    ],
    of: Annotated[
        str, typer.Option("--of", help="The model whose wins are counted: its name in the recipe.")
    ],
    against: Annotated[str, typer.Option("--against", help="The other model.")],
    judge: Annotated[
        str | None,
        typer.Option(help="Which judge, or judge.aspect. Default: the only one.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the intervals.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """How often one model's answers are better than another's: raw and at equal length, with intervals over
    the prompts.
    """
    from prefgen.calls.models import model_label
    from prefgen.dataset.read_run import complete_manifest, read_records
    from prefgen.evaluation import winrate

    manifest = complete_manifest(run)

    def label(name: str) -> str:
        """As the rows name a model of the recipe."""
        model = manifest.models.get(name)
        return model_label(model, bool(model.get("simulated"))) if model else name

    result = winrate.win_rate(read_records(run), of=label(of), against=label(against), judge=judge, seed=seed)
    simulated = manifest.simulated
    if as_json:
        print(json.dumps({**winrate.as_json(result), "simulated": simulated}))
        return
    if simulated:
        print("SIMULATED: a model of this run was simulated, so that this says nothing about real ones")
    outcome = f"{result.wins:,} won, {result.ties:,} tied, {result.losses:,} lost"
    print(
        f"{result.of} against {result.against}, by {result.judge}, on {result.prompts:,} prompts: {outcome}"
    )
    for title, interval in (("win rate", result.raw), ("at equal length", result.length_controlled)):
        print(f"  {title:16} {_format_interval(interval) if interval else 'not known'}")
    print(
        f"  answers are {abs(result.longer):,.0f} characters {'longer' if result.longer >= 0 else 'shorter'}"
    )
    if result.consistent is not None:
        print(f"  both orders have the same winner on {result.consistent:.1%} of the prompts")
    for note in result.notes:
        print(f"  note: {note}")


@app.command("tasks")
def tasks(
    model: Annotated[str, typer.Argument(help="A folder (a model, or an adapter), or a name on the Hub.")],
    task: Annotated[
        list[str] | None,
        typer.Argument(help="Files of items, or tasks of lm-evaluation-harness by name or YAML file."),
    ] = None,
    protect: Annotated[
        list[str],
        typer.Option(metavar="TASK[=POINTS]", help="A task that must not lose more points (default 1)."),
    ] = [],  # noqa: B006
    base: Annotated[
        str | None,
        typer.Option(
            help="What to compare with. Default: what the model was trained from.", show_default=False
        ),
    ] = None,
    scoring: Annotated[str, typer.Option(help="mean, sum or mutual: how likely an answer is.")] = "mean",
    limit: Annotated[
        int | None, typer.Option(help="Only so many items of a task by name.", show_default=False, min=1)
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Texts at once.", min=1)] = 16,
    cpu: Annotated[bool, typer.Option("--cpu", help="No GPU, even if there is one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Which answers a model finds likeliest. With --protect exit 4 when a task lost more than it may, item by
    item against the base.

    A set of harmless questions that look harmful is protected with the others: a model that refuses them has
    lost something too.
    """
    import importlib.util

    from prefgen.errors import GateFailed, RecipeError, did_you_mean
    from prefgen.evaluation.models import base_of, load_model
    from prefgen.evaluation.tasks import LIMIT, Scoring, compare_outcomes, summarize_task, verdict
    from prefgen.evaluation.tasks import as_json as shown

    if importlib.util.find_spec("torch") is None:
        raise RecipeError("looking at a model needs torch and transformers: pip install 'prefgen[train]'")
    if scoring not in get_args(Scoring):
        raise RecipeError(
            f"--scoring: there is no {scoring!r}{did_you_mean(scoring, list(get_args(Scoring)))}"
        )
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
    items_by_task = {
        name: _read_task_items(name) for name in names
    }  # a file that cannot be read is known before weights are loaded
    options: dict[str, Any] = {"scoring": scoring, "limit": limit, "batch_size": batch_size}
    model_outcomes = _task_outcomes(load_model(model, cpu=cpu), items_by_task, **options)
    base_outcomes = (
        _task_outcomes(load_model(base_name, cpu=cpu), items_by_task, **options) if base_name else {}
    )
    task_results = [summarize_task(name, found) for name, found in model_outcomes.items()]
    changes = [
        compare_outcomes(name, base_outcomes[name], model_outcomes[name], limit=limits.get(name))
        for name in names
        if base_name
    ]
    found = verdict(changes)
    if as_json:
        summary = (
            {
                "mean": found.mean,
                "worst": found.worst.name,
                "failed": list(found.failed),
                "notes": list(found.notes),
            }
            if found
            else None
        )
        print(
            json.dumps(
                {
                    "model": model,
                    "base": base_name,
                    "tasks": [shown(t) for t in task_results],
                    "compared": [shown(t) for t in changes],
                    "protected": summary,
                }
            )
        )
    else:
        for result in task_results:
            print(f"{result.name}: {_format_interval(result.accuracy)} of {result.items:,} items right")
            for category, share in result.categories.items():
                print(f"  {category or '(none)'}: {share:.1%}")
        _print_changes(changes, base_name)
    if found is None:
        return
    if not as_json:
        print(
            f"protected: {found.mean:+.1f} points in the mean, worst {found.worst.name} "
            f"({found.worst.change[0]:+.1f})"
        )
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if found.failed:
        raise GateFailed(f"{model!r} is worse than {base_name!r}: {'; '.join(found.failed)}")


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
    model: "LoadedModel", items_by_task: dict[str, Any], *, scoring: Any, limit: int | None, batch_size: int
) -> "dict[str, list[ItemOutcome]]":
    from prefgen.evaluation.harness import harness_outcomes
    from prefgen.evaluation.tasks import outcomes

    return {
        name: harness_outcomes(model, name, limit=limit, batch_size=batch_size)
        if items is None
        else outcomes(model, items, scoring=scoring, batch_size=batch_size)
        for name, items in items_by_task.items()
    }


def _print_changes(changes: "list[TaskChange]", base_name: str | None) -> None:
    for task in changes:
        value, low, high = task.change
        allowed = f"; may lose {task.limit:g}" if task.limit is not None else ""
        print(f"{task.name}: {value:+.1f} points against {base_name} ({low:+.1f} to {high:+.1f}){allowed}")


def _format_interval(interval: tuple[float, float, float]) -> str:
    value, low, high = interval
    return f"{value:.1%} ({low:.1%} to {high:.1%})"
