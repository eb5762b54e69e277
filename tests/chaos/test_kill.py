"""Real processes are killed and interrupted; nothing that was paid for is lost, and no partial output looks
complete.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prefgen.dataset.read_run import read_manifest
from tests.support.killing import end, start
from tests.support.paths import ROOT
from tests.support.recipes import RATE, shard_bytes
from tests.support.recipes import a_recipe as scripted_recipe


def a_recipe(folder: Path, prompts: int = 400) -> Path:
    models = {
        "writer": {"use": "simulated", "temperature": 1.0, "latency_ms": 10},
        "grader": {"use": "simulated", "temperature": 0, "latency_ms": 10},
    }
    stages = [
        {"prompts": {"use": "inline", "prompts": [f"Question number {i}?" for i in range(prompts)]}},
        {"curate": [{"use": "dedupe"}]},
        {"sample": {"use": "each", "model": "writer", "n": 4}},
        {"judge": {"quality": {"use": "ultrafeedback", "model": "grader"}}},
        {"curate": [{"use": "limit", "count": 300}]},
        {
            "judge": {
                "second": {"use": "ultrafeedback", "model": "grader", "show": "pointwise", "calls": "one"}
            }
        },
        {"pair": {"use": "best_vs_worst", "score": {"mean": ["quality", "second"]}}},
    ]
    path = folder / "chaos.json"
    path.write_text(
        json.dumps({"name": "chaos", "models": models, "stages": stages, "run": {"concurrency": 16}})
    )
    return path


def wait_until_it_works(out: Path) -> None:
    """Wait for the first replies in the journal: the handlers of signals are there before anything is
    asked.
    """
    until = time.monotonic() + 30
    while time.monotonic() < until:
        journal = out / "simulated.sqlite-wal"
        if journal.exists() and journal.stat().st_size > 200_000:
            return
        time.sleep(0.02)
    raise AssertionError("the run did not begin to work")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    code, said = end(start(a_recipe(folder), folder / "out"))
    assert code == 0, said
    return folder / "out"


@pytest.mark.parametrize("moments", [(0.9, 1.4, 2.0), (1.2, 1.2, 1.2), (1.6, 0.7, 2.4)])
def test_sigkill_at_any_moment_and_the_same_bytes_in_the_end(tmp_path, unbroken, moments):
    recipe = a_recipe(tmp_path)
    for moment in moments:
        process = start(recipe, tmp_path / "out")
        time.sleep(moment)
        process.kill()
        process.communicate()
    code, said = end(start(recipe, tmp_path / "out"))

    assert code == 0, said
    assert shard_bytes(tmp_path / "out") == shard_bytes(unbroken)
    assert read_manifest(tmp_path / "out").row_digest == read_manifest(unbroken).row_digest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_finishes_what_is_in_flight_and_exits_with_130(tmp_path, unbroken, number):
    recipe = a_recipe(tmp_path)
    process = start(recipe, tmp_path / "out")
    wait_until_it_works(tmp_path / "out")
    process.send_signal(number)
    code, said = end(process)

    assert code == 130, said
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "pairs").exists()
    assert not read_manifest(tmp_path / "out").complete
    assert end(start(recipe, tmp_path / "out"))[0] == 0
    assert shard_bytes(tmp_path / "out") == shard_bytes(unbroken)


def test_nohup_goes_on_when_its_terminal_closes(tmp_path, unbroken):
    process = start(a_recipe(tmp_path), tmp_path / "out", "nohup")
    wait_until_it_works(tmp_path / "out")
    process.send_signal(signal.SIGHUP)
    code, said = end(process)

    assert code == 0, said
    assert shard_bytes(tmp_path / "out") == shard_bytes(unbroken)


def test_two_interrupts_stop_at_once_and_lose_nothing(tmp_path, unbroken):
    recipe = a_recipe(tmp_path)
    process = start(recipe, tmp_path / "out")
    wait_until_it_works(tmp_path / "out")
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    code, said = end(process)

    assert code == 130, said
    assert "Traceback" not in said
    assert end(start(recipe, tmp_path / "out"))[0] == 0
    assert shard_bytes(tmp_path / "out") == shard_bytes(unbroken)


def test_another_hash_seed_gives_the_same_bytes(tmp_path, unbroken):
    recipe = a_recipe(tmp_path)
    command = [sys.executable, "-m", "prefgen", "run", str(recipe), "--out", str(tmp_path / "out"), "--quiet"]

    subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "4242"}, check=True, capture_output=True
    )

    assert shard_bytes(tmp_path / "out") == shard_bytes(unbroken)


@pytest.mark.skipif(
    not shutil.which("mount") or os.geteuid() != 0, reason="a small file system can be mounted by root alone"
)
def test_a_full_disk_is_one_line_and_nothing_is_lost(tmp_path, unbroken):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    recipe = a_recipe(tmp_path)
    try:
        code, said = end(start(recipe, small / "out"))
        assert code == 1
        assert "disk is full" in said
        assert "Traceback" not in said
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        assert end(start(recipe, small / "out"))[0] == 0
        assert shard_bytes(small / "out") == shard_bytes(unbroken)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def a_recipe_that_writes(folder: Path) -> Path:
    """Prompts written in three rounds, rated between them, answered, paired, and the pairs thinned."""
    (folder / "seeds.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Thing number {i}"}) + "\n" for i in range(60))
    )
    models = {
        name: {"use": "simulated", "temperature": t, "latency_ms": 20}
        for name, t in (("writer", 1.0), ("grader", 0))
    }
    made = {
        "use": "self_instruct",
        "model": "writer",
        "seeds": "seeds.jsonl",
        "per_seed": 2,
        "rounds": 3,
        "target": 200,
    }
    stages = [
        {"prompts": {"made": made}},
        {"curate": [{"use": "dedupe"}, {"use": "rated", "model": "grader", "least": 1}]},
        {"sample": {"use": "each", "model": "writer", "n": 3}},
        {"judge": {"quality": {"use": "additive", "model": "grader", "samples": 1}}},
        {"pair": {"use": "best_vs_worst", "score": "quality"}},
        {"curate": [{"use": "length_balance"}]},
    ]
    path = folder / "writes.json"
    path.write_text(
        json.dumps({"name": "writes", "models": models, "stages": stages, "run": {"concurrency": 16}})
    )
    return path


@pytest.mark.parametrize("moments", [(0.9, 1.1, 1.3, 1.5), (1.5, 1.5, 0.9)])
def test_rounds_of_written_prompts_end_the_same_however_often_they_are_killed(tmp_path, moments):
    recipe = a_recipe_that_writes(tmp_path)
    code, said = end(start(recipe, tmp_path / "unbroken"))
    assert code == 0, said

    for moment in moments:
        process = start(recipe, tmp_path / "out")
        time.sleep(moment)
        process.kill()
        process.communicate()
    code, said = end(start(recipe, tmp_path / "out"))

    assert code == 0, said
    assert shard_bytes(tmp_path / "out") == shard_bytes(tmp_path / "unbroken")


def a_known_run(folder: Path) -> tuple[list[str], Path]:
    """The command that replays 2,500 prompts whose replies are in the journal, in two processes, and the run
    that asked them.
    """
    rules = [
        {"when": "The texts that reply", "say": RATE},
        {"say": [f"Answer number {i}, in words." for i in range(40)]},
    ]
    recipe = scripted_recipe(prompts=[f"Question {i}?" for i in range(2500)], run={"processes": 2})
    for model in recipe["models"].values():
        model["rules"] = rules
    (folder / "known.json").write_text(json.dumps(recipe))
    command = [
        sys.executable,
        "-m",
        "prefgen",
        "run",
        str(folder / "known.json"),
        "--journal",
        str(folder / "calls.sqlite"),
        "--quiet",
    ]
    subprocess.run(
        [*command, "--out", str(folder / "first")], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    return command, folder / "first"


def worker_processes() -> set[int]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"prefgen.engine.partition_worker" in (process / "cmdline").read_bytes():
                found.add(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_ends_in_the_middle_of_replaying_takes_its_helpers_along(tmp_path, number):
    command, first = a_known_run(tmp_path)
    before = worker_processes()
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 30
    while not worker_processes() - before and time.monotonic() < until:
        time.sleep(0.01)
    helpers = worker_processes() - before
    assert helpers
    time.sleep(0.5)
    process.send_signal(number)
    code, said = end(process)

    until = time.monotonic() + 5
    while worker_processes() & helpers and time.monotonic() < until:
        time.sleep(0.05)
    assert not worker_processes() & helpers
    assert code == (-9 if number == signal.SIGKILL else 130), said
    assert (
        not read_manifest(tmp_path / "out").complete
        if (tmp_path / "out" / "manifest.json").exists()
        else number == signal.SIGKILL
    )

    again = subprocess.run(
        [*command, "--out", str(tmp_path / "out"), "--offline"], cwd=ROOT, capture_output=True
    )
    assert again.returncode == 0, again.stderr
    assert shard_bytes(tmp_path / "out") == shard_bytes(first)
