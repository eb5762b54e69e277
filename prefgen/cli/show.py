"""prefgen show"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefgen.cli import show_lost, show_rows
from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.say_partial import say_partial
from prefgen.plugins.role_table import PLUGIN_ROLES

if TYPE_CHECKING:
    from prefgen.plugins.plugin import Plugin
    from prefgen.types import Prompt

app = typer.Typer(
    help="Show roles, plug-ins and their fields, a recipe's stages, or what a run made, lost and dropped.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


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

    run_prompts = _read_prompts(run, as_json=as_json)
    measures = diversity_measures(
        [(prompt.text, prompt.category) for prompt in run_prompts],
        [prompt.text for prompt in _read_prompts(against, as_json=as_json)] if against else None,
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


def _read_prompts(path: Path, *, as_json: bool) -> "list[Prompt]":
    """The prompts of a run, or of a file."""
    from prefgen.dataset.columns import parse_records
    from prefgen.dataset.read_files import read_rows
    from prefgen.dataset.read_run import is_begun, is_run, open_run

    if is_run(path) or is_begun(path):
        run = open_run(path)
        say_partial(run.partial, as_json=as_json)
        return [record.prompt for record in run.records()]
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


app.command("records")(show_rows.records)
app.command("pairs")(show_rows.pairs)
app.command("lost")(show_lost.lost)
app.command("dropped")(show_lost.dropped)
