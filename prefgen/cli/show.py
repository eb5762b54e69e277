"""prefgen show"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefgen.cli import show_lost, show_rows
from prefgen.cli.arguments import AsJsonOption
from prefgen.cli.completion import complete_runs, plugin_names
from prefgen.cli.say_partial import say_partial
from prefgen.cli.screen import NoPagerOption, on_terminal, paged, say, screen_width
from prefgen.plugins.role_table import PLUGIN_ROLES

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

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
        say((f"{role:12}", "bold"), f" {', '.join(plugins) or '(none shipped)'}", hanging=" " * 13)


def _plugin_command(role: str) -> Callable[..., None]:
    def show_plugin(
        name: Annotated[
            str | None, typer.Argument(show_default=False, autocompletion=plugin_names(role))
        ] = None,
        no_pager: NoPagerOption = False,
        as_json: AsJsonOption = False,
    ) -> None:
        from prefgen.plugins.registry import find, list_plugin_names

        if name is None:
            names = list_plugin_names(role)
            if as_json:
                print(json.dumps(names))
            else:
                _print_names(role, names)
            return
        plugin = find(role, name, Path.cwd())
        if as_json:
            print(json.dumps(plugin.model_json_schema()))
        else:
            with paged(off=no_pager):
                _print_plugin(role, name, plugin)

    show_plugin.__doc__ = f"The {role}s, or the fields of one."
    return show_plugin


def _print_names(role: str, names: Sequence[str]) -> None:
    """Each name with the first sentence of what it is for."""
    from prefgen.plugins.registry import find

    width = max(map(len, names), default=0) + 2
    hanging = " " * width if screen_width() > LEAST_FOR_COLUMNS else "    "
    for name in names:
        first, *_ = re.split(r"(?<=[.:])\s|\n\n", _about(find(role, name, Path.cwd())), maxsplit=1)
        say((f"{name:{width}}", "bold"), " ".join(first.split()).rstrip(".:"), hanging=hanging)


def _about(plugin: "type[Plugin]") -> str:
    """What a plug-in's author says of it."""
    import inspect

    module = inspect.getmodule(plugin)
    return ((module.__doc__ if module else None) or plugin.__doc__ or "").strip()


def _print_plugin(role: str, name: str, plugin: "type[Plugin]") -> None:
    """What a plug-in is for, what it asks, and its fields."""
    from prefgen.plugins.type_words import type_in_words

    say((f"{role} {name}", "bold"))
    about = _about(plugin)
    if on_terminal(sys.stdout):  # its paragraphs have the terminal's width, and not that of the code
        about = re.sub(r"(?<=\S)\n(?=[^\s*-])", " ", about)
    say(f"\n{about}\n")
    if plugin.cost:
        say(f"asks: {plugin.cost}", hanging="  ")
    if role == "judge" and plugin.texts:
        say("wording: unmeasured (docs/judges.md says what is known of judges)", hanging="  ")
    if plugin.cost:
        print()
    required = set(plugin.model_json_schema().get("required", []))
    for field_name, info in plugin.model_fields.items():
        if info.exclude:  # it holds what earlier recipes say
            continue
        default = "required" if field_name in required else f"default {_default_of(info)}"
        say(
            (f"  {field_name}", "bold cyan"), f": {type_in_words(info.annotation)} ", (f"({default})", "dim"),
            hanging="      ",
        )  # fmt: skip
        if info.description:
            say(info.description, indent="      ")


def _default_of(info: "FieldInfo") -> str:
    """A default as a recipe writes it."""
    from pydantic import BaseModel

    value: Any = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(value, ensure_ascii=False, default=str)


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
    say((f"{pipeline.recipe.name} {pipeline.recipe.version}, seed {pipeline.recipe.seed}", "bold"))
    for name, model in pipeline.models.items():
        sampling = json.dumps(dict(model.sampling), ensure_ascii=False, default=str)
        say(f"  model {name}: {type(model.backend).name} {model.identity['name']} {sampling}", hanging="    ")
    for label, identity in pipeline.identities:
        say((f"  {label:10}", "bold"), f" {identity[:12]}")
    labelled_plugins = [(pipeline.identities[0][0], plugin) for plugin in pipeline.sources]
    labelled_plugins += [(stage.label, plugin) for stage in pipeline.stages for plugin in stage.plugins]
    for line in dict.fromkeys(
        f"  {label}: {p.name} = {type(p.plugin).name} "
        + json.dumps(p.plugin.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False)
        for label, p in labelled_plugins
    ):
        say(line, hanging="    ")


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
        hanging = " " * 41 if screen_width() > LEAST_FOR_COLUMNS else "    "
        say(f"{name:28} ", (f"{number:>10}", "bold"), f"  {description}", hanging=hanging)


LEAST_FOR_COLUMNS = 60
"""Characters of a terminal below which descriptions are folded under their names."""


def _read_prompts(path: Path, *, as_json: bool) -> "list[Prompt]":
    """The prompts of a run, or of a file."""
    from prefgen.dataset.columns import parse_records
    from prefgen.dataset.read_files import read_rows
    from prefgen.dataset.read_run import holds_run, open_run

    if holds_run(path):
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


@app.command("report")
def report(
    run: Annotated[Path, typer.Argument(help="A run's folder.", autocompletion=complete_runs)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Default: report.html in the run's folder.")
    ] = None,
    as_json: AsJsonOption = False,
) -> None:
    """Write a run's report.html, of one that stopped or is at work as far as it is, and print where it is."""
    from prefgen.report.html import write_report

    path = write_report(run, out)
    print(json.dumps({"path": str(path)}) if as_json else path)
