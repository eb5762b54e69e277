"""Judges on real prompts and real models' answers: position bias, cost, and what a prefix cache would have
served.

Needs ../shared (real prompts, recorded answers, the replay server); skips with a reason without it. The
numbers stand in docs/judges.md.
"""

import json
from collections import OrderedDict
from itertools import combinations
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prefgen.dataset.read_run import read_records
from prefgen.stats.scoring import probability_of
from tests.support.paths import SHARED
from tests.support.recipes import run
from tests.support.replay_server import Replay

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared (real prompts and recorded answers) is not on this machine"
)

ALIKE = ("vicuna-13b-v1.5", "OpenHermes-2.5-Mistral-7B")
"""Two models of about the same quality: what a judge likes beside quality decides."""


def a_recipe(port: int, judge: dict, *, prompts: int = 300, models: tuple[str, ...] = ALIKE) -> dict:
    named = {f"m{i}": {"use": "openai", "name": name, "temperature": 1.0} for i, name in enumerate(models)}
    named["judge"] = {"use": "openai", "name": "judge", "temperature": 0}
    return {
        "name": "methods",
        "models": named,
        "stages": [
            {
                "prompts": {
                    "use": "file",
                    "path": str(SHARED / "data" / "alpaca_eval" / "prompts.jsonl"),
                    "column": "prompt",
                }
            },
            {"curate": [{"use": "limit", "count": prompts}]},
            {"sample": {"use": "each", "model": [f"m{i}" for i in range(len(models))], "n": 1}},
            {"judge": {"j": {**judge, "model": "judge"}}},
            {"pair": {"use": "best_vs_worst", "score": "j"}},
        ],
        "run": {
            "concurrency": 32,
            "endpoints": {name: {"base_url": f"http://127.0.0.1:{port}/v1"} for name in named},
        },
    }


async def judged(tmp_path: Path, name: str, recipe: dict) -> list:
    outcome = await run(recipe, tmp_path / name)
    assert outcome.complete, outcome.stopped
    return list(read_records(tmp_path / name))


def preferred(probability: float) -> float:
    """1 for the first, 0 for the second, half for neither."""
    return 0.5 if abs(probability - 0.5) < 1e-9 else float(probability > 0.5)


async def test_a_position_bias_moves_one_order_and_not_both(tmp_path, capsys):
    """With a bias of 0.2 for what is shown first, one order prefers the first clearly more than half the
    time; both orders do not.
    """
    with Replay("--position-bias", "0.2") as server:
        single = await judged(
            tmp_path, "one", a_recipe(server.port, {"use": "pairwise", "swap": False}, prompts=805)
        )
        both = await judged(
            tmp_path, "two", a_recipe(server.port, {"use": "pairwise", "swap": True}, prompts=805)
        )

    first_of_one = [preferred(c.probability) for record in single for c in record.comparisons]
    first_of_both = []
    for record in both:
        shown = [c for c in record.comparisons if c.sample == 0]
        first_of_both += [
            preferred(probability_of(record.comparisons, c.first_id, c.second_id)) for c in shown
        ]
    shares = [sum(found) / len(found) for found in (first_of_one, first_of_both)]
    with capsys.disabled():
        print(
            f"\nfirst shown preferred: one order {shares[0]:.3f}, both orders {shares[1]:.3f} of "
            f"{len(first_of_one)} pairs"
        )
    assert len(first_of_one) == len(first_of_both) >= 790
    deviation = 0.5 / len(first_of_one) ** 0.5
    assert shares[0] > 0.5 + 3 * deviation
    assert abs(shares[1] - 0.5) < 3 * deviation


@pytest.mark.parametrize(
    "judge",
    [
        {"use": "pairwise", "reasoning": True, "clamp": None},
        {"use": "additive", "samples": 3},
        {"use": "aspect", "aspect": "helpfulness"},
    ],
    ids=lambda j: j["use"],
)
async def test_a_noiseless_judge_never_prefers_the_answer_of_lower_recorded_quality(tmp_path, judge):
    rows = pq.read_table(SHARED / "data" / "alpaca_eval" / "responses.parquet").to_pylist()
    prompts = {
        row["id"]: row["prompt"]
        for row in map(
            json.loads, (SHARED / "data" / "alpaca_eval" / "prompts.jsonl").read_text().splitlines()
        )
    }
    quality = {(prompts[row["prompt_id"]], row["model"]): row["win_prob_vs_gpt4_turbo"] for row in rows}
    starts = {}
    for row in rows:
        starts.setdefault(prompts[row["prompt_id"]], []).append(row["response"][:60])

    with Replay() as server:
        records = await judged(
            tmp_path,
            "run",
            a_recipe(server.port, judge, models=("claude-2.1", "FuseChat-Llama-3.1-8B-Instruct")),
        )

    proven = 0
    for record in records:
        text = record.prompt.text
        if any(a == b for a, b in combinations(starts[text], 2)) or any(
            len(r.text) < 60 for r in record.responses
        ):
            continue  # the server knows answers by their first characters
        for pair in record.pairs:
            by_id = {r.id: r for r in record.responses}
            sides = [
                0.5 if (q := quality[text, by_id[i].model]) is None else q
                for i in (pair.chosen_id, pair.rejected_id)
            ]
            assert sides[0] >= sides[1], (text, sides)
            proven += 1
    assert proven >= 50


@pytest.mark.parametrize("show", ["listwise", "pointwise"])
async def test_a_prefix_cache_serves_most_of_the_judges_prompt_tokens(tmp_path, server, show, capsys):
    """At least 60 % of the characters of judge requests begin as one of the requests about the last 64
    prompts did.
    """
    answers = {}
    prompts = {
        row["id"]: row["prompt"]
        for row in map(
            json.loads, (SHARED / "data" / "alpaca_eval" / "prompts.jsonl").read_text().splitlines()
        )
    }
    for row in pq.read_table(SHARED / "data" / "alpaca_eval" / "responses.parquet").to_pylist():
        answers[prompts[row["prompt_id"]], row["model"]] = row["response"]

    def says(body, attempt):
        schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
        if schema is None:
            return answers[body["messages"][-1]["content"], body["model"]] or "(nothing)"
        return json.dumps(
            {name: {"rationale": "r", "types": [1], "rating": 3} for name in schema["properties"]}
        )

    server.script = says
    models = ("gpt4_1106_preview", "claude-2.1", "OpenHermes-2.5-Mistral-7B", "alpaca-7b")
    recipe = a_recipe(0, {"use": "ultrafeedback", "show": show}, prompts=100, models=models)
    recipe["run"]["endpoints"] = {name: {"base_url": server.url} for name in recipe["models"]}

    await judged(tmp_path, "run", recipe)

    share = served_by_a_prefix_cache(
        [
            "\n".join(str(m["content"]) for m in body["messages"])
            for body in server.bodies
            if "response_format" in body
        ]
    )
    with capsys.disabled():
        print(f"\n{show}: a prefix cache of 64 prompts would have served {share:.1%}")
    # listwise requests of one prompt share the conversation alone: each aspect draws an order of its own
    assert share >= {"pointwise": 0.6, "listwise": 0.1}[show]


def served_by_a_prefix_cache(requests: list[str], prompts: int = 64) -> float:
    """Share of the characters that begin as a request about one of the last `prompts` prompts did."""
    held: OrderedDict[str, list[str]] = OrderedDict()
    served = 0
    for text in requests:
        about = text.split("<prompt>", 1)[1].split("</prompt>", 1)[0]
        served += max(
            (common(text, earlier) for group in held.values() for earlier in group[-16:]), default=0
        )
        held.setdefault(about, []).append(text)
        held.move_to_end(about)
        while len(held) > prompts:
            held.popitem(last=False)
    return served / sum(map(len, requests))


def common(one: str, other: str) -> int:
    """How many characters two texts begin alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
