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

from prefgen.cli.arguments import AsJson

if TYPE_CHECKING:
    from prefgen.types import Prompt

app = typer.Typer(
    help="Show roles, plug-ins and their fields, a recipe's steps, or the records and pairs of a run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Sample = Annotated[int, typer.Option("--sample", help="How many, a seeded draw.", min=1)]
Where = Annotated[
    list[str],
    typer.Option(
        "--where", help="Only rows that fit, such as margin<0.5 or source=hh.", metavar="FIELD<VALUE"
    ),
]


@app.command("roles")
def roles(as_json: AsJson = False) -> None:
    """What can be plugged in, and what there is."""
    from prefgen.plugins.registry import ROLES, names

    found = {role: names(role) for role in ROLES}
    if as_json:
        print(json.dumps(found))
        return
    for role, plugins in found.items():
        print(f"{role:12} {', '.join(plugins) or '(none shipped)'}")


def _plugin_command(role: str) -> Callable[..., None]:
    def one(
        name: Annotated[str | None, typer.Argument(show_default=False)] = None, as_json: AsJson = False
    ) -> None:
        from prefgen.plugins.registry import find, names

        if name is None:
            for known in names(role):
                print(known)
            return
        plugin = find(role, name, Path.cwd())
        schema = plugin.model_json_schema()
        if as_json:
            print(json.dumps(schema))
            return
        import inspect

        module = inspect.getmodule(plugin)
        print(f"{role} {name}\n\n{(module.__doc__ if module else None) or plugin.__doc__ or ''}\n")
        if plugin.cost:
            print(f"asks: {plugin.cost}")
        if role == "judge" and plugin.texts:
            print("wording: unmeasured (docs/judges.md says what is known of judges)")
        if plugin.cost:
            print()
        required = set(schema.get("required", []))
        for field_name, info in plugin.model_fields.items():
            kind = re.sub(
                r"typing\.|collections\.abc\.|prefgen\.\w+\.|<class '(\w+)'>", r"\1", str(info.annotation)
            )
            default = (
                "required"
                if field_name in required
                else f"default {info.get_default(call_default_factory=True)!r}"
            )
            print(f"  {field_name}: {kind} ({default})")
            if info.description:
                print(f"      {info.description}")

    one.__doc__ = f"The {role}s, or the fields of one."
    return one


for _role in (
    "source",
    "synthesizer",
    "curator",
    "sampler",
    "reviser",
    "judge",
    "filter",
    "pairer",
    "backend",
):
    app.command(_role)(_plugin_command(_role))


@app.command("recipe")
def recipe(path: Path, as_json: AsJson = False) -> None:
    """A recipe's steps, models and identities."""
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
    shown = [(pipeline.identities[0][0], plugged) for plugged in pipeline.sources]
    shown += [(step.label, plugged) for step in pipeline.stages for plugged in step.plugins]
    for line in dict.fromkeys(
        f"  {label}: {p.name} = {type(p.plugin).name} {p.plugin.model_dump(mode='json', exclude_defaults=True)}"
        for label, p in shown
    ):
        print(line)


@app.command("prompts")
def prompts(
    run: Annotated[Path, typer.Argument(help="A run's folder, or a file of prompts.")],
    against: Annotated[
        Path | None, typer.Option("--against", help="A file of prompts to compare with, such as the seeds.")
    ] = None,
    benchmarks: Annotated[
        list[Path],
        typer.Option("--benchmark", help="A file of benchmark items: which part of the prompts holds one?"),
    ] = [],  # noqa: B006
    sample: Annotated[
        int, typer.Option("--sample", help="The costly measures look at so many, a seeded draw.", min=10)
    ] = 1000,
    seed: int = 0,
    as_json: AsJson = False,
) -> None:
    """How varied a run's prompts are: lengths, repeated wording, nearness, near-duplicates, groups."""
    from prefgen.dataset.columns import records as prompts_of
    from prefgen.dataset.read_files import rows_of
    from prefgen.dataset.read_run import is_run, read_records
    from prefgen.text.diversity import diversity_measures

    def prompts_in(path: Path) -> "list[Prompt]":
        found = (
            read_records(path) if is_run(path) else prompts_of(rows_of(path, str(path)), {}, str(path), {})
        )
        return [record.prompt for record in found]

    asked = prompts_in(run)
    reference = [prompt.text for prompt in prompts_in(against)] if against else None
    pairs_of = [(prompt.text, prompt.category) for prompt in asked]
    found = diversity_measures(
        pairs_of, reference, sample=sample, seed=seed, grounded=[prompt.grounded for prompt in asked]
    )
    if benchmarks:
        found["contaminated"] = _contaminated(asked, benchmarks), "part that holds an item of the benchmarks"
    if as_json:
        print(json.dumps(found))
        return
    for name, (value, what) in found.items():
        print(
            f"{name:28} {'-' if value is None else f'{value:,}' if isinstance(value, int) else f'{value:.3f}':>10}  {what}"
        )


def _contaminated(prompts: "Sequence[Prompt]", benchmarks: Sequence[Path]) -> float | None:
    from prefgen.engine.curator_tables import curator_table
    from prefgen.plugins.registry import find
    from prefgen.types import Record

    decontaminate: Any = find("curator", "decontaminate", Path())(
        against=[str(path.absolute()) for path in benchmarks]
    )
    thinned = decontaminate.curate(curator_table([Record(prompt=prompt) for prompt in prompts]))
    return len(thinned.gone) / len(prompts) if prompts else None


@app.command("records")
def records(run: Path, sample: Sample = 5, where: Where = [], seed: int = 0, as_json: AsJson = False) -> None:  # noqa: B006
    """Records of a run: prompts, answers, scores, rationales, pairs."""
    from prefgen.cli.records import print_record
    from prefgen.dataset.read_run import read_records

    tests = [_test(words) for words in where]

    def fits(record: Any) -> bool:
        margin = max((p.margin or 0.0 for p in record.pairs), default=None)
        row = {
            **record.prompt.model_dump(),
            "margin": margin,
            "pairs": len(record.pairs),
            "responses": len(record.responses),
        }
        return all(test(row) for test in tests)

    for record in _drawn((r for r in read_records(run) if fits(r)), sample, seed):
        if as_json:
            print(record.model_dump_json())
        else:
            print_record(record)


@app.command("pairs")
def pairs(run: Path, sample: Sample = 5, where: Where = [], seed: int = 0, as_json: AsJson = False) -> None:  # noqa: B006
    """Pairs of a run, as a trainer reads them."""
    from prefgen.cli.records import plain
    from prefgen.dataset.read_run import is_run, read_manifest, read_pairs
    from prefgen.errors import RecipeError

    if not is_run(run) or not read_manifest(run).get("complete"):
        raise RecipeError(f"{str(run)!r} is not the folder of a complete run")
    tests = [_test(words) for words in where]
    for row in _drawn((r for r in read_pairs(run) if all(test(r) for test in tests)), sample, seed):
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
            continue
        print(
            f"\n{row['id'][:12]}  margin {row['margin']}  {row['chosen_model']} over {row['rejected_model']}  source {row['source']}"
        )
        for name in ("prompt", "chosen", "rejected"):
            for turn in row[name]:
                print(f"  {name.upper()} {turn['role']}: {plain(turn['content'], 600)}")


def _drawn(rows: Any, count: int, seed: int) -> list[Any]:
    """A seeded reservoir sample, in order."""
    rng, kept = Random(seed), []
    for i, row in enumerate(rows):
        if len(kept) < count:
            kept.append((i, row))
        elif (j := rng.randrange(i + 1)) < count:
            kept[j] = (i, row)
    return [row for _, row in sorted(kept, key=lambda item: item[0])]


_OPERATORS = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


def _test(words: str) -> Callable[[Any], bool]:
    from prefgen.errors import RecipeError

    found = re.fullmatch(r"\s*(\w+)\s*(<=|>=|!=|<|>|==?)\s*(.+?)\s*", words)
    if not found:
        raise RecipeError(f"--where wants FIELD<VALUE (one of < <= = != >= >), found {words!r}")
    name, compare, text = found[1], _OPERATORS[found[2].replace("==", "=")], found[3]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text

    def test(row: Any) -> bool:
        if name not in row:
            raise RecipeError(f"--where: there is no field {name!r}; known: {', '.join(row)}")
        have = row[name]
        try:
            return have is not None and bool(compare(have, value))
        except TypeError:
            raise RecipeError(
                f"--where: {name} is {type(have).__name__}, which cannot be compared with {value!r}"
            ) from None

    return test
