"""prefgen show"""

import ast
import json
import operator
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefgen.cli import show_lost
from prefgen.cli.arguments import AsJsonOption
from prefgen.plugins.role_table import PLUGIN_ROLES

if TYPE_CHECKING:
    from prefgen.plugins.plugin import Plugin
    from prefgen.types import Prompt

app = typer.Typer(
    help="Show roles, plug-ins and their fields, a recipe's stages, or what a run made, lost and dropped.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SampleOption = Annotated[int, typer.Option("--sample", help="How many, a seeded draw.", min=1)]
WhereOption = Annotated[
    list[str],
    typer.Option(
        "--where", help="Only rows that fit, such as margin<0.5 or source=hh.", metavar="FIELD<VALUE"
    ),
]


@app.command("roles")
def roles(as_json: AsJsonOption = False) -> None:
    """What can be plugged in, and what there is."""
    from prefgen.plugins.registry import list_plugin_names

    plugin_names = {role: list_plugin_names(role) for role in PLUGIN_ROLES}
    if as_json:
        print(json.dumps(plugin_names))
        return
    for role, plugins in plugin_names.items():
        print(f"{role:12} {', '.join(plugins) or '(none shipped)'}")


def _plugin_command(role: str) -> Callable[..., None]:
    def show_plugin(
        name: Annotated[str | None, typer.Argument(show_default=False)] = None, as_json: AsJsonOption = False
    ) -> None:
        from prefgen.plugins.registry import find, list_plugin_names

        if name is None:
            for plugin_name in list_plugin_names(role):
                print(plugin_name)
            return
        plugin = find(role, name, Path.cwd())
        if as_json:
            print(json.dumps(plugin.model_json_schema()))
        else:
            _print_plugin(role, name, plugin)

    show_plugin.__doc__ = f"The {role}s, or the fields of one."
    return show_plugin


def _print_plugin(role: str, name: str, plugin: "type[Plugin]") -> None:
    """What a plug-in is for, what it asks, and its fields."""
    import inspect

    module = inspect.getmodule(plugin)
    print(f"{role} {name}\n\n{(module.__doc__ if module else None) or plugin.__doc__ or ''}\n")
    if plugin.cost:
        print(f"asks: {plugin.cost}")
    if role == "judge" and plugin.texts:
        print("wording: unmeasured (docs/judges.md says what is known of judges)")
    if plugin.cost:
        print()
    required = set(plugin.model_json_schema().get("required", []))
    for field_name, info in plugin.model_fields.items():
        annotation = re.sub(
            r"typing\.|collections\.abc\.|prefgen\.\w+\.|<class '(\w+)'>", r"\1", str(info.annotation)
        )
        default = (
            "required"
            if field_name in required
            else f"default {info.get_default(call_default_factory=True)!r}"
        )
        print(f"  {field_name}: {annotation} ({default})")
        if info.description:
            print(f"      {info.description}")


for _role in PLUGIN_ROLES:
    app.command(_role)(_plugin_command(_role))


@app.command("recipe")
def recipe(path: Path, as_json: AsJsonOption = False) -> None:
    """A recipe's stages, models and identities."""
    from prefgen.recipe.build import build
    from prefgen.recipe.load import load_recipe

    pipeline = build(load_recipe(path))
    if as_json:
        print(
            json.dumps({"name": pipeline.recipe.name, "identities": [list(i) for i in pipeline.identities]})
        )
        return
    print(f"{pipeline.recipe.name} {pipeline.recipe.version}, seed {pipeline.recipe.seed}")
    for name, model in pipeline.models.items():
        print(f"  model {name}: {type(model.backend).name} {model.identity['name']} {dict(model.sampling)}")
    for label, identity in pipeline.identities:
        print(f"  {label:10} {identity[:12]}")
    labelled_plugins = [(pipeline.identities[0][0], plugin) for plugin in pipeline.sources]
    labelled_plugins += [(stage.label, plugin) for stage in pipeline.stages for plugin in stage.plugins]
    for line in dict.fromkeys(
        f"  {label}: {p.name} = {type(p.plugin).name} "
        f"{p.plugin.model_dump(mode='json', exclude_defaults=True)}"
        for label, p in labelled_plugins
    ):
        print(line)


PromptsFileArgument = Annotated[Path, typer.Argument(help="A run's folder, or a file of prompts.")]
AgainstFileOption = Annotated[
    Path | None, typer.Option("--against", help="A file of prompts to compare with, such as the seeds.")
]
BenchmarksOption = Annotated[
    list[Path],
    typer.Option("--benchmark", help="A file of benchmark items: which part of the prompts holds one?"),
]
SampleSizeOption = Annotated[
    int, typer.Option("--sample", help="The costly measures look at so many, a seeded draw.", min=10)
]


@app.command("prompts")
def prompts(
    run: PromptsFileArgument,
    against: AgainstFileOption = None,
    benchmarks: BenchmarksOption = [],
    sample: SampleSizeOption = 1000,
    seed: int = 0,
    as_json: AsJsonOption = False,
) -> None:
    """How varied a run's prompts are: lengths, repeated wording, nearness, near-duplicates, groups."""
    from prefgen.text.diversity import diversity_measures

    run_prompts = _read_prompts(run)
    measures = diversity_measures(
        [(prompt.text, prompt.category) for prompt in run_prompts],
        [prompt.text for prompt in _read_prompts(against)] if against else None,
        sample=sample,
        seed=seed,
        grounded=[prompt.grounded for prompt in run_prompts],
    )
    if benchmarks:
        share = _contaminated_share(run_prompts, benchmarks)
        measures["contaminated"] = (share, "part that holds an item of the benchmarks")
    if as_json:
        print(json.dumps(measures))
        return
    for name, (value, description) in measures.items():
        number = "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
        print(f"{name:28} {number:>10}  {description}")


def _read_prompts(path: Path) -> "list[Prompt]":
    from prefgen.dataset.columns import parse_records
    from prefgen.dataset.read_files import read_rows
    from prefgen.dataset.read_run import is_run, read_records

    if is_run(path):
        return [record.prompt for record in read_records(path)]
    return [record.prompt for record in parse_records(read_rows(path, str(path)), {}, str(path))]


def _contaminated_share(prompts: "Sequence[Prompt]", benchmarks: Sequence[Path]) -> float | None:
    from prefgen.engine.curator_tables import curator_table
    from prefgen.plugins.registry import find
    from prefgen.types import Record

    decontaminate: Any = find("curator", "decontaminate", Path()).model_validate(
        {"against": [str(path.absolute()) for path in benchmarks]}
    )
    curation = decontaminate.curate(curator_table([Record(prompt=prompt) for prompt in prompts]))
    return len(curation.dropped) / len(prompts) if prompts else None


@app.command("records")
def records(
    run: Path, sample: SampleOption = 5, where: WhereOption = [], seed: int = 0, as_json: AsJsonOption = False
) -> None:
    """Records of a run: prompts, answers, scores, rationales, pairs."""
    from prefgen.cli.records import print_record
    from prefgen.dataset.read_run import read_records

    conditions = [_parse_condition(text) for text in where]

    def is_match(record: Any) -> bool:
        margin = max((p.margin or 0.0 for p in record.pairs), default=None)
        row = {
            **record.prompt.model_dump(),
            "margin": margin,
            "pairs": len(record.pairs),
            "responses": len(record.responses),
        }
        return all(condition(row) for condition in conditions)

    for record in _sample_rows((r for r in read_records(run) if is_match(r)), sample, seed):
        if as_json:
            print(record.model_dump_json())
        else:
            print_record(record)


@app.command("pairs")
def pairs(
    run: Path, sample: SampleOption = 5, where: WhereOption = [], seed: int = 0, as_json: AsJsonOption = False
) -> None:
    """Pairs of a run, as a trainer reads them."""
    from prefgen.cli.records import plain
    from prefgen.dataset.read_run import is_run, read_manifest, read_pairs
    from prefgen.errors import RecipeError

    if not is_run(run) or not read_manifest(run).complete:
        raise RecipeError(f"{str(run)!r} is not the folder of a complete run")
    conditions = [_parse_condition(text) for text in where]
    for row in _sample_rows(
        (r for r in read_pairs(run) if all(condition(r) for condition in conditions)), sample, seed
    ):
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        print(
            f"\n{row['id'][:12]}  margin {row['margin']}  {row['chosen_model']} over "
            f"{row['rejected_model']}  source {row['source']}"
        )
        for name in ("prompt", "chosen", "rejected"):
            for turn in row[name]:
                print(f"  {name.upper()} {turn['role']}: {plain(turn['content'], 600)}")


app.command("lost")(show_lost.lost)
app.command("dropped")(show_lost.dropped)


def _sample_rows(rows: Any, count: int, seed: int) -> list[Any]:
    """A seeded reservoir sample, in order."""
    rng, reservoir = Random(seed), []
    for i, row in enumerate(rows):
        if len(reservoir) < count:
            reservoir.append((i, row))
        elif (j := rng.randrange(i + 1)) < count:
            reservoir[j] = (i, row)
    return [row for _, row in sorted(reservoir, key=lambda item: item[0])]


_OPERATORS = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


def _parse_condition(condition_text: str) -> Callable[[Any], bool]:
    from prefgen.errors import RecipeError

    match = re.fullmatch(r"\s*(\w+)\s*(<=|>=|!=|<|>|==?)\s*(.+?)\s*", condition_text)
    if not match:
        raise RecipeError(f"--where wants FIELD<VALUE (one of < <= = != >= >), found {condition_text!r}")
    name, compare, text = match[1], _OPERATORS[match[2].replace("==", "=")], match[3]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text

    def condition(row: Any) -> bool:
        if name not in row:
            raise RecipeError(f"--where: there is no field {name!r}; known: {', '.join(row)}")
        field_value = row[name]
        try:
            return field_value is not None and bool(compare(field_value, value))
        except TypeError:
            raise RecipeError(
                f"--where: {name} is {type(field_value).__name__}, which cannot be compared with {value!r}"
            ) from None

    return condition
