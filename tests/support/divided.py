"""Runs that are replayed by several processes."""

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.recipes import a_recipe

PROMPTS = [f"Question {i}?" for i in range(300)]


SLOW = '''
import time
from pathlib import Path

from prefgen import filter

FIRST = Path(__file__).parent / "first" / "manifest.json"


@filter("slow")
def slow(record):
    """Takes so long, once there is a first run, that other processes have time to begin."""
    time.sleep(0.01 if FIRST.exists() else 0)
    return []
'''


def parallel(folder: Path, **changes):
    """A recipe whose replay takes some seconds."""
    (folder / "slow.py").write_text(SLOW)
    recipe = a_recipe(prompts=PROMPTS, run={"processes": 3, **changes.pop("run", {})}, **changes)
    recipe["stages"].insert(2, {"filter": {"use": "./slow.py:slow"}})
    return recipe


def divided(out: Path) -> list[dict]:
    """What the run's log says of segments that were divided."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "divided"]


def worker_processes() -> Iterator[int]:
    """The further processes of this one that are alive."""
    for process in filter(str.isdigit, os.listdir("/proc")):  # a glob would look at what has ended meanwhile
        try:
            folder = Path("/proc") / process
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if (
                re.search(rb"prefgen\.engine\.partition_worker", (folder / "cmdline").read_bytes())
                and int(status[1]) == os.getpid()
            ):
                yield int(process)
        except OSError:
            continue


@contextmanager
def processes_seen() -> Iterator[set[int]]:
    """The further processes that were there at any moment of the block."""
    seen: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.update(worker_processes())
            time.sleep(0.005)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield seen
    finally:
        over.set()
        looker.join()
