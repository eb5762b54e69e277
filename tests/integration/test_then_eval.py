"""A trained model answers held-out prompts and is judged: tiny models, and a judge on a server here.
(prefgen/evaluation/after_training.py, prefgen/cli/then_eval.py)
"""

import asyncio
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web

from prefgen.dataset.read_run import read_records
from prefgen.trainers.pairs import read_training_pairs
from prefgen.trainers.report_words import ABOUT_ACCURACY
from tests.support.judging import a_judging_recipe
from tests.support.paths import ROOT
from tests.support.recipes import RATE, unused_port
from tests.support.server import answer
from tests.support.tiny import tiny_model
from tests.support.training import file_of, pairs

SETTINGS = ("--set", "cpu=true", "--set", "max_steps=4", "--set", "save=2", "--set", "learning_rate=0.003")


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base") / "base")


async def started(folder, *words, **environment):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prefgen", *map(str, words), cwd=folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip


async def prefgen(folder, *words, **environment) -> tuple[int, str, str]:
    process = await started(folder, *words, **environment)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def split_prompts(data: str) -> tuple[set[str], set[str]]:
    """(held out, trained on), as the training draws them."""
    found = read_training_pairs([data], max_repeated_chosen=0.05, seed=0)
    held_out, seen = ({row["prompt"][-1]["content"] for row in rows} for rows in (found.test, found.train))
    return held_out, seen


async def test_the_trained_model_answers_held_out_prompts_and_is_judged_first(tmp_path, base, server):
    server.script = lambda body, attempt: answer(RATE, body)
    data, recipe = file_of(tmp_path, pairs(80)), a_judging_recipe(tmp_path, server.url)
    command = ("train", data, "--base", base, "-o", "out", *SETTINGS, "--then-eval", recipe)

    code, out, err = await prefgen(tmp_path, *command)

    assert code == 0, err
    held_out, seen = split_prompts(data)
    records = list(read_records(tmp_path / "out" / "eval" / "run"))
    assert {record.prompt.text for record in records} == held_out
    assert not held_out & seen
    assert {r.model for record in records for r in record.responses} == {"base+out", "base"}
    # who won, counted here
    wins = Counter[str]()
    for record in records:
        scores = {score.response_id: score.value for score in record.scores}
        best = {r.model: scores[r.id] for r in record.responses}
        ahead = best["base+out"] - best["base"]
        wins["won" if ahead > 0 else "lost" if ahead < 0 else "tied"] += 1
    first, *rest = out.splitlines()
    assert first == (
        f"base+out against base, by quality, on {len(held_out)} prompts: {wins['won']} won, "
        f"{wins['tied']} tied, {wins['lost']} lost"
    )
    assert [line.startswith("held-out accuracy") for line in rest].index(True) > 1
    assert ABOUT_ACCURACY in out
    card = (tmp_path / "out" / "README.md").read_text()
    assert (
        f"On {len(held_out)} prompts that it was not trained on its answers are better than those of base"
        in card
    )
    assert ABOUT_ACCURACY in card and "SIMULATED" not in card
    # the same as `eval win` reads in the run
    _, shown, _ = await prefgen(
        tmp_path, "eval", "win", "out/eval/run", "--of", "trained", "--against", "base", "--json"
    )
    written = json.loads((tmp_path / "out" / "eval" / "win_rate.json").read_text())
    assert written == {**json.loads(shown), "recipe": "judging 0.1.0", "prompts_of": "test"}
    # again: nothing is trained, nothing is asked
    asked = len(server.bodies)
    code, again, err = await prefgen(tmp_path, *command)
    assert (code, again) == (0, out)
    assert "nothing was trained again" in err
    assert len(server.bodies) == asked


async def test_what_was_killed_while_it_judged_goes_on(tmp_path, base, server):
    stuck, go_on = asyncio.Event(), asyncio.Event()

    def script(body, attempt):
        # one is the trial's, three are answered, and then nothing comes
        return answer(RATE, body) if len(server.bodies) <= 4 or go_on.is_set() else nothing(body)

    async def nothing(body):
        stuck.set()
        await go_on.wait()
        return web.json_response(answer(RATE, body))

    server.script = script
    data, recipe = file_of(tmp_path, pairs(80)), a_judging_recipe(tmp_path, server.url)
    command = ("train", data, "--base", base, "-o", "out", *SETTINGS, "--then-eval", recipe)
    process = await started(tmp_path, *command)
    await asyncio.wait_for(stuck.wait(), 120)
    await asyncio.sleep(1)  # what was answered is on the disk
    process.kill()
    await process.communicate()
    go_on.set()
    answered = {json.dumps(body["messages"]) for body in server.bodies[1:4]}
    before = len(server.bodies)
    stamp = (tmp_path / "out" / "adapter_model.safetensors").stat().st_mtime_ns

    code, out, err = await prefgen(tmp_path, *command)

    assert code == 0, err
    assert "nothing was trained again" in err
    assert (tmp_path / "out" / "adapter_model.safetensors").stat().st_mtime_ns == stamp
    held_out, _ = split_prompts(data)
    later = [json.dumps(body["messages"]) for body in server.bodies[before:]]
    assert len(later) == len(held_out) - 3
    assert not answered & {*later}
    assert f"on {len(held_out)} prompts" in out


@pytest.mark.parametrize(
    ("changes", "says", "code"),
    [
        ({}, "no server answers|cannot reach", 3),
        ({"key": True}, "the environment variable NO_SUCH_KEY is not set", 2),
        ({"models": {"grader": {"use": "openai", "name": "g"}}}, "the recipe has no model 'trained'", 2),
        ({"judges": 2}, "must have one judge, found first, second", 2),
        ({"alone": True}, "must answer in the recipe's `sample` stages; there answer trained", 2),
        ({"words": ("--set", "use=reward")}, "a reward model writes no answers", 2),
        ({"words": ("--eval-prompts", "some")}, "'some' is neither test nor recipe", 2),
    ],
)
async def test_what_is_missing_is_found_before_anything_is_trained(tmp_path, base, changes, says, code):
    url = f"http://127.0.0.1:{unused_port()}/v1"
    recipe = json.loads(Path(a_judging_recipe(tmp_path, url)).read_text())
    if changes.get("key"):
        recipe["run"]["endpoints"]["grader"]["api_key_env"] = "NO_SUCH_KEY"
    if changes.get("judges"):
        [(_, judge)] = recipe["stages"][2]["judge"].items()
        recipe["stages"][2]["judge"] = {"first": judge, "second": judge}
    if changes.get("alone"):
        recipe["stages"][1]["sample"]["model"] = "trained"
    recipe["models"] = changes.get("models", recipe["models"])
    (tmp_path / "judging.json").write_text(json.dumps(recipe))
    data = file_of(tmp_path, pairs(40))

    found, _, err = await prefgen(
        tmp_path, "train", data, "--base", base, "-o", "out", *SETTINGS, "--then-eval", "judging.json",
        *changes.get("words", ()),
    )  # fmt: skip

    assert re.search(says, err), err
    assert found == code
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in err


async def test_prompts_of_the_recipe_are_asked_without_those_that_were_trained_on(tmp_path, base, server):
    server.script = lambda body, attempt: answer(RATE, body)
    data = file_of(tmp_path, [{**row, "split": "train"} for row in pairs(30)])
    seen = pairs(30)[4]["prompt"]
    prompts = {"use": "inline", "prompts": [seen, "What is there besides all of this?"]}
    recipe = json.loads(Path(a_judging_recipe(tmp_path, server.url)).read_text())
    recipe["stages"][0]["prompts"] = prompts
    (tmp_path / "judging.json").write_text(json.dumps(recipe))
    command = ("train", data, "--base", base, "-o", "out", *SETTINGS, "--then-eval", "judging.json")

    code, _, err = await prefgen(tmp_path, *command)
    assert code == 2 and "with --eval-prompts recipe it is asked those of the recipe" in err

    code, out, err = await prefgen(
        tmp_path, *command, "--eval-prompts", "recipe", "--set", "lora=null", "--json"
    )

    assert code == 0, err
    evaluation = json.loads(out)["evaluation"]
    assert (evaluation["of"], evaluation["against"], evaluation["prompts"]) == ("out", "base", 1)
    [record] = read_records(tmp_path / "out" / "eval" / "run")
    assert record.prompt.text == prompts["prompts"][1]


async def test_what_was_said_of_a_shorter_training_is_not_said_of_a_longer_one(tmp_path, base, server):
    server.script = lambda body, attempt: answer(RATE, body)
    data, recipe = file_of(tmp_path, pairs(40)), a_judging_recipe(tmp_path, server.url)
    command = ("train", data, "--base", base, "-o", "out", *SETTINGS)
    code, _, err = await prefgen(tmp_path, *command, "--then-eval", recipe)
    assert code == 0, err
    assert "answers are better than those of" in (tmp_path / "out" / "README.md").read_text()

    code, _, err = await prefgen(tmp_path, *command, "--set", "max_steps=6", "--resume")

    assert code == 0, err
    assert "answers are better than those of" not in (tmp_path / "out" / "README.md").read_text()
    assert not (tmp_path / "out" / "eval" / "win_rate.json").exists()
    longer = (*command, "--set", "max_steps=6", "--then-eval", recipe)
    asked = len(server.bodies)
    code, _, err = await prefgen(tmp_path, *longer)
    assert code == 2 and "--yes" in err and "moves to out/eval/run/previous/" in err
    assert len(server.bodies) == asked
    code, _, err = await prefgen(tmp_path, *longer, "--yes")
    assert code == 0, err  # the other model's answers are sampled anew
    assert "answers are better than those of" in (tmp_path / "out" / "README.md").read_text()
