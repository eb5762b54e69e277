"""How near a plan comes to what was paid: recipes on the recorded answers of ../shared, planned where nothing
is known, after 50 prompts, and where all is known.

What plans expect (prefgen/engine/expectations.py) was mended by `--tuning` alone: recipes that are none of
those whose numbers are reported.
"""

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from prefgen.api.run import options_of
from prefgen.engine.plan import Plan, make_plan
from prefgen.engine.run import Runner
from prefgen.kit.templates import shipped
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe, recipe_from_data
from tests.support.paths import SHARED
from tests.support.replay_server import Replay

PROMPTS = SHARED / "data" / "alpaca_eval" / "prompts.jsonl"
RECORDED = ("gpt4_1106_preview", "claude-2.1", "OpenHermes-2.5-Mistral-7B", "alpaca-7b", "vicuna-13b-v1.5")
PRICE = {"input": 1, "output": 4}
KNOWN = 50

TWO = {"sample": {"use": "each", "model": "policy", "n": 2}}
FOUR = {"sample": {"use": "each", "model": "policy", "n": 4}}
BY_SCORE = {"pair": {"use": "best_vs_worst", "score": "quality"}}
CRITERIA = ["It answers what was asked.", "Its facts are right.", "It is no longer than it has to be."]
REPORTED: dict[str, list[dict[str, Any]] | None] = {
    "ultrafeedback": None,  # None: the recipe that is shipped
    "self_rewarding": None,
    "rlaif": None,
    "d_rlaif": None,
    "tulu3": None,
    "cai_dpo": None,
    "best_of_8": [
        {"sample": {"use": "each", "model": "policy", "n": 8}},
        {"judge": {"quality": {"use": "aspect", "model": "grader", "aspect": "helpfulness"}}},
        BY_SCORE,
    ],
    "jury": [
        FOUR,
        {"judge": {
            "one": {"use": "ultrafeedback", "model": "grader"},
            "other": {"use": "additive", "model": "policy"},
        }},
        {"judge": {"quality": {"use": "jury", "of": ["one", "other"]}}},
        BY_SCORE,
    ],
    "checklist": [
        TWO,
        {"judge": {"quality": {"use": "checklist", "model": "grader", "criteria": CRITERIA}}},
        BY_SCORE,
    ],
    "pairwise_swapped": [
        FOUR,
        {"judge": {"quality": {"use": "pairwise", "model": "grader", "swap": True}}},
        BY_SCORE,
    ],
}  # fmt: skip
TUNING: dict[str, list[dict[str, Any]] | None] = {
    "oaif": None,
    "contrast": None,
    "plural": None,
    "cai_sl": None,
    "delta": None,
    "improve": [
        {"sample": {"use": "each", "model": "policy", "n": 1}},
        {"revise": {"use": "improve", "model": "policy"}},
        {"pair": {"use": "revised_over_original"}},
    ],
    "aspect": [
        TWO,
        {"judge": {"quality": {"use": "ultrafeedback", "model": "grader", "aspects": ["honesty"]}}},
        BY_SCORE,
    ],
}


def recipe_of(name: str, stages: list[dict[str, Any]] | None, prompts: Path, port: int) -> dict[str, Any]:
    """A recipe whose models are recorded ones behind the replay server."""
    if stages is None:
        shipped_recipe = load_recipe(shipped("pipelines") / f"{name}.yaml").data
        models, stages = dict(shipped_recipe["models"]), shipped_recipe["stages"][1:]
    else:
        models = {"policy": {"temperature": 1.0}, "grader": {"temperature": 0}}
    names = {model: model for model in models if model == "policy"} | (
        {"grader": "judge"} if "grader" in models else {}
    )
    for place, model in enumerate(model for model in models if model not in names):
        names[model] = RECORDED[place % len(RECORDED)]
    sampling = ("temperature", "top_p", "max_tokens")
    entries = {
        model: {"use": "openai", "name": names[model], **{k: entry[k] for k in sampling if k in entry}}
        for model, entry in models.items()
    }
    endpoint = {"base_url": f"http://127.0.0.1:{port}/v1"}
    text = json.dumps(stages)
    for model in models:  # a side that is named by what a simulated model calls itself
        text = text.replace(f'"simulated/{model}"', f'"{model}"')
    return {
        "name": name.replace("_", "-"),
        "seed": 7,
        "models": entries,
        "stages": [{"prompts": {"use": "file", "path": str(prompts), "column": "prompt"}}, *json.loads(text)],
        "run": {
            "concurrency": 32,
            "processes": 1,
            "prices": dict.fromkeys(names.values(), PRICE),
            "endpoints": dict.fromkeys(models, endpoint),
        },
    }


async def measure(recipe: dict[str, Any], folder: Path) -> tuple[list[Plan], list[float]]:
    """(the plans at 0, KNOWN and all known prompts, what was then paid: for all, for the others, again)."""
    pipeline = build(recipe_from_data(recipe, folder))
    plans, paid = [], []
    for limit in (KNOWN, None, None):
        options = options_of(pipeline, folder / "out", folder / "calls.sqlite")
        plans.append(await make_plan(pipeline, options, sample=KNOWN))
        options = options_of(pipeline, folder / "out", folder / "calls.sqlite", limit=limit)
        outcome = await Runner(pipeline, options).run()
        assert outcome.complete, outcome.stopped
        paid.append(outcome.manifest.cost.paid_usd)
    first, everything, again = paid
    return plans, [everything, everything - first, again - everything]


def row(name: str, plans: list[Plan], paid: list[float]) -> str:
    """A line of the table."""
    cells = []
    for plan, real in zip(plans[:2], paid[:2], strict=True):
        error = f"{100 * (plan.cost_usd / real - 1):+.0f} %" if real else "-"
        cells += [f"${plan.cost_usd:.4f}", f"${real:.4f}", error]
    rest = f"{plans[2].new_requests:.0f} requests, ${plans[2].cost_usd:.2f} (paid ${paid[2]:.2f})"
    return f"| {name} | {' | '.join(cells)} | {rest} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuning", action="store_true", help="the recipes to mend by; never reported")
    parser.add_argument("--prompts", type=int, default=250)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--stages", action="store_true", help="each stage's tokens, planned and paid")
    options = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "none")
    recipes = TUNING if options.tuning else REPORTED
    print("| recipe | 0 known: plan | paid | error | 50 known: plan of the rest | paid | error | all known |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as root, Replay() as server:
        prompts = Path(root) / "prompts.jsonl"
        lines = PROMPTS.read_text(encoding="utf-8").splitlines()[: options.prompts]
        prompts.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for name, stages in recipes.items():
            if options.only and name not in options.only:
                continue
            folder = Path(root) / name
            folder.mkdir()
            plans, paid = asyncio.run(measure(recipe_of(name, stages, prompts, server.port), folder))
            print(row(name, plans, paid), flush=True)
            if options.stages:
                show_stages(plans, folder / "out")


def show_stages(plans: list[Plan], out: Path) -> None:
    """Tokens of each stage: as the plans have them, and as they came."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    for cost in manifest["cost"]["by_stage"]:
        print(f"  {cost['stage']} {cost['model']}: {cost['requests']} replies, {cost['prompt_tokens']} in, "
              f"{cost['completion_tokens']} out")  # fmt: skip
        for plan in plans[:2]:
            for line in plan.lines:
                if (line.stage, line.model) == (cost["stage"], cost["model"]):
                    print(f"    plan: {line.new_requests:.0f} replies, {line.prompt_tokens:.0f} in, "
                          f"{line.completion_tokens:.0f} out")  # fmt: skip


if __name__ == "__main__":
    main()
