"""The table of docs/prompts.md: what each synthesizer makes of the same 175 seeds, by the measures of
`prefgen show prompts`.

    python tests/bench/bench_synthesizers.py ../shared/data [--model use=openai,name=...,base_url=...]

Without a model it is the simulated one that writes: then the rows say what a method does with its seeds (how
many prompts, of which length, how near to the seeds), and nothing about how varied a real model's prompts
are. The first rows are people's own prompts.
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from prefgen.api.run import options_of
from prefgen.dataset.read_run import read_records
from prefgen.engine.run import Runner
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.text.diversity import diversity_measures

SYNTHESIZERS: dict[str, dict[str, Any]] = {
    "few_shot": {"shots": 3},
    "self_instruct": {"shots": 6},
    "persona": {},
    "evolve": {},
    "evolve_constraints": {},
    "keywords": {},
    "backtranslate": {"least": None},
    "questions_for_traits": {},
    "taxonomy": {},
    "magpie": {"seeds": None, "count": 175},
    "multi_turn": {},
}
SHOWN = (
    "prompts",
    "words",
    "distinct_2",
    "self_bleu",
    "nearest_cosine",
    "vendi",
    "near_duplicates",
    "topic_entropy",
    "reference_rouge_l",
    "reference_auc",
    "grounded",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="use=simulated")
    options = parser.parse_args()
    fields = dict(one.split("=", 1) for one in options.model.split(","))
    base_url = fields.pop("base_url", None)
    seeds = _texts(options.data / "self_instruct/seed_tasks.jsonl", "instruction")
    print(f"| written by `{options.model}` | {' | '.join(SHOWN)} |\n|---{'|---' * len(SHOWN)}|")
    people = {
        "the 175 seeds themselves": seeds,
        "252 user instructions": _texts(
            options.data / "self_instruct/user_oriented_instructions.jsonl", "instruction"
        ),
        "805 of AlpacaEval": _texts(options.data / "alpaca_eval/prompts.jsonl", "prompt"),
    }
    for name, texts in people.items():
        _row(name, diversity_measures([(text, None) for text in texts], seeds, grounded=[True] * len(texts)))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "seeds.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in seeds))
        for name, more in SYNTHESIZERS.items():
            written = {"use": name, "model": "writer", "seeds": "seeds.jsonl"} | more
            recipe = {
                "name": name,
                "models": {"writer": {"temperature": 1.0, **fields}},
                "stages": [{"prompts": {name: written}}],
                "run": {"endpoints": {"writer": {"base_url": base_url}}} if base_url else {},
            }
            pipeline = build(recipe_from_data(recipe, place))
            asyncio.run(Runner(pipeline, options_of(pipeline, place / name, place / "calls.sqlite")).run())
            prompts = [record.prompt for record in read_records(place / name)]
            _row(
                f"`{name}`",
                diversity_measures(
                    [(p.text, p.category) for p in prompts], seeds, grounded=[p.grounded for p in prompts]
                ),
            )


def _texts(path: Path, column: str) -> list[str]:
    return [json.loads(line)[column] for line in path.read_text(encoding="utf-8").splitlines()]


def _row(name: str, found: Any) -> None:
    values = [found[key][0] for key in SHOWN]
    print(f"| {name} | {' | '.join(map(_cell, values))} |", flush=True)


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


main()
