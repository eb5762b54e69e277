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
    help="What a model is worth: win rates by any judge, items by log-probability, tasks that must not get worse.",
    no_args_is_help=True,
)
OVER_REFUSAL = "over_refusal"


@app.command("win")
def win(
    run: Annotated[
        Path,
        typer.Argument(
            help="A complete run in which two models answered and a judge judged: pipelines/winrate.yaml makes one."
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
    """How often one model's answers are better than another's: raw and at equal length, with intervals over the prompts."""
    from prefgen.calls.ask import model_label
    from prefgen.dataset.read_run import complete_manifest, read_records
    from prefgen.evaluation import winrate

    manifest = complete_manifest(run)

    def label(name: str) -> str:
        """As the rows name a model of the recipe."""
        its = manifest["models"].get(name)
        return model_label(its, bool(its.get("simulated"))) if its else name

    found = winrate.win_rate(read_records(run), of=label(of), against=label(against), judge=judge, seed=seed)
    simulated = bool(manifest.get("simulated"))
    if as_json:
        print(json.dumps({**winrate.as_json(found), "simulated": simulated}))
        return
    if simulated:
        print("SIMULATED: a model of this run was simulated, so that this says nothing about real ones")
    outcome = f"{found.wins:,} won, {found.ties:,} tied, {found.losses:,} lost"
    print(f"{found.of} against {found.against}, by {found.judge}, on {found.prompts:,} prompts: {outcome}")
    for words, span in (("win rate", found.raw), ("at equal length", found.length_controlled)):
        print(f"  {words:16} {_span(span) if span else 'not known'}")
    print(f"  answers are {abs(found.longer):,.0f} characters {'longer' if found.longer >= 0 else 'shorter'}")
    if found.consistent is not None:
        print(f"  both orders have the same winner on {found.consistent:.1%} of the prompts")
    for note in found.notes:
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
    """Which answers a model finds likeliest. With --protect exit 4 when a task lost more than it may, item by item against the base.

    A set of harmless questions that look harmful is protected with the others: a model that refuses them has lost something too.
    """
    import importlib.util

    from prefgen.errors import GateFailed, RecipeError
    from prefgen.evaluation.models import base_of, load
    from prefgen.evaluation.tasks import LIMIT, Scoring, compare_outcomes, summarize_task, verdict
    from prefgen.evaluation.tasks import as_json as shown
    from prefgen.plugins.registry import did_you_mean

    if importlib.util.find_spec("torch") is None:
        raise RecipeError("looking at a model needs torch and transformers: pip install 'prefgen[train]'")
    if scoring not in get_args(Scoring):
        raise RecipeError(
            f"--scoring: there is no {scoring!r}{did_you_mean(scoring, list(get_args(Scoring)))}"
        )
    limits = dict(_protected(words) for words in protect)
    if limits:
        limits.setdefault(OVER_REFUSAL, LIMIT)
    names: list[str] = list(dict.fromkeys([*(task or []), *limits]))
    if not names:
        raise RecipeError("which tasks? Name files of items or tasks, or --protect some")
    other = base or base_of(model)
    if limits and other is None:
        raise RecipeError(
            f"--protect compares with what {model!r} was trained from, and nothing says what that is: give --base"
        )
    known = {
        name: _items(name) for name in names
    }  # a file that cannot be read is known before weights are loaded
    options: dict[str, Any] = {"scoring": scoring, "limit": limit, "batch_size": batch_size}
    after = _outcomes(load(model, cpu=cpu), known, **options)
    before = _outcomes(load(other, cpu=cpu), known, **options) if other else {}
    alone = [summarize_task(name, found) for name, found in after.items()]
    both = [
        compare_outcomes(name, before[name], after[name], limit=limits.get(name)) for name in names if other
    ]
    found = verdict(both)
    if as_json:
        told = (
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
                    "base": other,
                    "tasks": [shown(t) for t in alone],
                    "compared": [shown(t) for t in both],
                    "protected": told,
                }
            )
        )
    else:
        for one in alone:
            print(f"{one.name}: {_span(one.accuracy)} of {one.items:,} items right")
            for category, share in one.categories.items():
                print(f"  {category or '(none)'}: {share:.1%}")
        _say_changes(both, other)
    if found is None:
        return
    if not as_json:
        print(
            f"protected: {found.mean:+.1f} points in the mean, worst {found.worst.name} ({found.worst.change[0]:+.1f})"
        )
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if found.failed:
        raise GateFailed(f"{model!r} is worse than {other!r}: {'; '.join(found.failed)}")


def _protected(words: str) -> tuple[str, float]:
    from prefgen.errors import RecipeError
    from prefgen.evaluation.tasks import LIMIT

    name, equals, points = words.partition("=")
    try:
        limit = float(points) if equals else LIMIT
    except ValueError:
        limit = -1.0
    if not 0 <= limit <= 100:
        raise RecipeError(f"--protect wants TASK or TASK=POINTS with points from 0 to 100, found {words!r}")
    return name, limit


def _items(name: str) -> Any:
    """The items of a file; None for a task of the harness."""
    from prefgen.evaluation.items import read_items
    from prefgen.kit.templates import shipped

    if name == OVER_REFUSAL:
        return read_items(shipped("prompts") / "evaluation" / "over_refusal.jsonl")
    path = Path(name)
    by_harness = path.suffix in (".yaml", ".yml") or (not path.suffix and not path.is_file())
    return None if by_harness else read_items(path)


def _outcomes(
    model: "LoadedModel", known: dict[str, Any], *, scoring: Any, limit: int | None, batch_size: int
) -> "dict[str, list[ItemOutcome]]":
    from prefgen.evaluation.harness import harness_outcomes
    from prefgen.evaluation.tasks import outcomes

    return {
        name: harness_outcomes(model, name, limit=limit, batch_size=batch_size)
        if items is None
        else outcomes(model, items, scoring=scoring, batch_size=batch_size)
        for name, items in known.items()
    }


def _say_changes(both: "list[TaskChange]", other: str | None) -> None:
    for one in both:
        value, low, high = one.change
        allowed = f"; may lose {one.limit:g}" if one.limit is not None else ""
        print(f"{one.name}: {value:+.1f} points against {other} ({low:+.1f} to {high:+.1f}){allowed}")


def _span(span: tuple[float, float, float]) -> str:
    value, low, high = span
    return f"{value:.1%} ({low:.1%} to {high:.1%})"
