"""Running recipes in tests: short recipes as data, against the local server or scripted models."""

import socket
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from prefgen.api.run import options_of
from prefgen.engine.run import Runner, RunOutcome
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data

RATE = '{"text_1": {"rationale": "a", "rating": 5}, "text_2": {"rationale": "b", "rating": 2}}'


def a_recipe(
    *,
    prompts=("One?", "Two?", "Three?"),
    url: str | None = None,
    n: int = 2,
    run: dict | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Two answers of `writer`, judged on one aspect by `grader`; both scripted, or served at `url`."""
    if url is None:
        rules = [
            {"when": "The texts that reply", "say": RATE},
            {"when": "", "say": [f"Answer number {i}, in words." for i in range(40)]},
        ]
        models = {
            "writer": {"use": "scripted", "rules": rules, "temperature": 1.0},
            "grader": {"use": "scripted", "rules": rules, "temperature": 0},
        }
        endpoints: dict = {}
    else:
        models = {
            "writer": {"use": "openai", "name": "w", "temperature": 1.0},
            "grader": {"use": "openai", "name": "g", "temperature": 0},
        }
        endpoints = {name: {"base_url": url} for name in models}
    recipe = {
        "name": "test",
        "seed": 1,
        "models": models,
        "stages": [
            {"prompts": {"use": "inline", "prompts": list(prompts)}},
            {"sample": {"use": "each", "model": "writer", "n": n}},
            {"judge": {"quality": {"use": "ultrafeedback", "model": "grader", "aspects": ["helpfulness"]}}},
            {"pair": {"use": "best_vs_worst", "score": "quality"}},
        ],
        "run": {
            "endpoints": endpoints,
            "concurrency": 8,
            "server_down_after": 2,
            "timeout": 5,
            **(run or {}),
        },
    }
    return {**recipe, **changes}


async def run(recipe: dict[str, Any], out: Path, **options: Any) -> RunOutcome:
    folder = options.pop("folder", Path.cwd())
    progress = options.pop("progress", None)
    pipeline = build(recipe_from_data(recipe, folder))
    return await Runner(
        pipeline,
        options_of(pipeline, out, options.pop("journal", out.parent / "calls.sqlite"), **options),
        progress,
    ).run()


def shard_bytes(out: Path) -> dict[str, bytes]:
    """The bytes of records/ and pairs/."""
    return {
        str(p.relative_to(out)): p.read_bytes()
        for folder in ("records", "pairs")
        for p in sorted((out / folder).glob("*.parquet"))
    }


def failures_of(out: Path) -> list[dict[str, Any]]:
    """The rows of a run's failures.parquet."""
    return pq.read_table(out / "failures.parquet").to_pylist()


def unused_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
