"""The real vLLM, started by a run, and killed and stopped in every way (prefgen/backends/_served.py)."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prefgen.serving.processes import processes_of_session
from tests.support.paths import ROOT
from tests.vllm.conftest import a_model

WORDS = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]


def a_recipe(models: Path, *, prompts: int = 60, max_tokens: int = 100, **serve) -> dict:
    model, endpoint = a_model(models, **serve)
    return {
        "name": "served",
        "seed": 3,
        "models": {"own": {**model, "max_tokens": max_tokens}},
        "stages": [
            {"prompts": {"use": "inline", "prompts": [f"Name {i} birds {i % 7}." for i in range(prompts)]}},
            {"sample": {"use": "each", "model": "own", "n": 2}},
        ],
        "run": {"endpoints": {"own": endpoint}, "concurrency": 16, "server_down_after": 20},
    }


def begin(folder: Path, recipe: dict) -> subprocess.Popen:
    (folder / "r.json").write_text(json.dumps(recipe))
    with (folder / "said").open("ab") as said:
        run = subprocess.Popen(
            [sys.executable, "-m", "prefgen", "run", "r.json"], cwd=folder, stdout=said, stderr=said,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
    BEGUN.append(run)
    return run


BEGUN: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def no_run_left(nothing_left):
    yield
    while BEGUN:
        run = BEGUN.pop()
        run.terminate()
        run.wait(60)


def said(folder: Path) -> str:
    return (folder / "said").read_text()


def wait_until(is_so, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def replies(folder: Path) -> int:
    import sqlite3

    journal = folder / "runs" / "calls.sqlite"
    if not journal.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
            return connection.execute("select count(*) from replies").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def session(folder: Path) -> int:
    return json.loads((folder / "runs" / "served" / "servers" / "own.json").read_text())["session"]


def process_called(folder: Path, name: str) -> int:
    """The pid of a process of the server by its title: `vllm serve`, EngineCore, Worker."""
    guard = session(folder)
    for pid in processes_of_session(guard):
        title = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        if name in title and pid != guard:
            return pid
    raise AssertionError(f"there is no {name}")


def is_whole(folder: Path, responses: int) -> None:
    manifest = json.loads((folder / "runs" / "served" / "manifest.json").read_text())
    assert manifest["complete"]
    rows = pq.read_table(folder / "runs" / "served" / "records").num_rows
    assert rows == responses // 2
    assert replies(folder) == responses
    assert all(server["fingerprint"].startswith("prefgen-") for server in manifest["served_by"])


@pytest.mark.parametrize("victim", ["Worker", "EngineCore", "vllm serve"])
def test_whatever_of_the_engine_is_killed_the_run_goes_on(tmp_path, models, victim):
    run = begin(tmp_path, a_recipe(models))
    wait_until(lambda: replies(tmp_path) > 5)

    os.kill(process_called(tmp_path, victim), signal.SIGKILL)

    assert run.wait(120) == 0, said(tmp_path)
    assert "it is started again" in said(tmp_path)
    is_whole(tmp_path, 120)


def test_a_worker_that_is_stopped_is_seen_by_its_tokens(tmp_path, models):
    run = begin(tmp_path, a_recipe(models, hang_after=6))
    wait_until(lambda: replies(tmp_path) > 5)

    os.kill(process_called(tmp_path, "Worker"), signal.SIGSTOP)

    assert run.wait(150) == 0, said(tmp_path)
    assert "made no token for" in said(tmp_path)
    is_whole(tmp_path, 120)


def test_a_run_that_is_killed_leaves_no_server_and_goes_on(tmp_path, models):
    run = begin(tmp_path, a_recipe(models))
    wait_until(lambda: replies(tmp_path) > 5)
    its_session = session(tmp_path)

    run.kill()
    run.wait()

    wait_until(lambda: not processes_of_session(its_session), 30)
    known = replies(tmp_path)
    assert 5 < known < 120
    assert begin(tmp_path, a_recipe(models)).wait(120) == 0, said(tmp_path)
    is_whole(tmp_path, 120)


def test_an_engine_that_many_at_once_kill_answers_them_one_at_a_time(tmp_path, models):
    """The CPU build with chunked prefill dies of sixty seeded requests at once, each time."""
    recipe = a_recipe(models, prompts=64, max_tokens=20, enable_chunked_prefill=True)
    recipe["run"]["concurrency"] = 64

    run = begin(tmp_path, recipe)

    assert run.wait(300) == 0, said(tmp_path)
    is_whole(tmp_path, 128)
