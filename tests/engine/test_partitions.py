"""Further processes replay what the journal holds: the same bytes, nothing asked, and no harm where they
cannot.
"""

import asyncio
import json
import os
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prefgen import Score, judge
from prefgen.dataset.read_run import read_records
from prefgen.engine import segments
from prefgen.engine.partitions import PartitionFeed, claim, owner_of, partition_of
from prefgen.engine.progress import Progress
from prefgen.engine.segment import REPLAYED_AT_ONCE
from prefgen.errors import JournalError, RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.server import by_content

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


def forget(journal: Path, condition: str) -> int:
    db = sqlite3.connect(journal)
    with db:
        count = db.execute(f"DELETE FROM replies WHERE {condition}").rowcount
    db.close()
    return count


def divided(out: Path) -> list[dict]:
    """What the run's log says of segments that were divided."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "divided"]


def worker_processes() -> Iterator[int]:
    """The further processes of this one that are alive."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            status = (path.parent / "stat").read_text().rpartition(")")[2].split()
            if (
                re.search(rb"prefgen\.engine\.partition_worker", path.read_bytes())
                and int(status[1]) == os.getpid()
            ):
                yield int(path.parent.name)
        except OSError:
            continue


async def test_a_finished_run_is_replayed_by_several_processes_with_the_same_bytes(tmp_path):
    unreadable = {"when": r"Question \d*7\?[\s\S]*The texts that reply", "say": "I cannot say."}
    recipe = parallel(tmp_path)
    recipe["models"]["grader"]["rules"] = [unreadable, *recipe["models"]["grader"]["rules"]]
    first = await run(recipe, tmp_path / "first")
    assert not divided(tmp_path / "first")
    progress = Progress()

    second = await run(recipe, tmp_path / "second", live=False, progress=progress)

    assert second.complete
    [log] = divided(tmp_path / "second")
    assert log["processes"] == 2 and log["merged"] >= 20
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")
    failures = [(tmp_path / name / "failures.parquet").read_bytes() for name in ("first", "second")]
    assert failures[0] == failures[1]
    for part in ("row_digest", "journal_digest", "yields", "served_by"):
        assert getattr(second.manifest, part) == getattr(first.manifest, part)
    assert first.manifest.yields.failures
    requests = sum(cost.requests for cost in second.manifest.cost.by_stage)
    assert sum(stats.replayed for stats in progress.stats.models.values()) == requests
    assert (progress.finished, progress.stage("judge").done) == (300, 300)


async def test_what_the_journal_lacks_is_asked_by_the_run_itself(tmp_path):
    await run(parallel(tmp_path), tmp_path / "first")
    lost = forget(tmp_path / "calls.sqlite", "model = 'grader' AND id % 3 = 0")
    lost += forget(tmp_path / "calls.sqlite", "model = 'writer' AND id % 7 = 0")
    progress = Progress()

    again = await run(parallel(tmp_path), tmp_path / "second", progress=progress, allow_new=True)

    assert again.complete and divided(tmp_path / "second") and lost > 30
    assert sum(stats.requests for stats in progress.stats.models.values()) == lost
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")


async def test_a_new_judge_is_asked_by_the_run_itself(tmp_path):
    """No record can be finished from the journal: the processes see that soon, and the run does
    everything.
    """
    first = await run(parallel(tmp_path), tmp_path / "first")
    changed = parallel(tmp_path)
    changed["stages"][3]["judge"]["quality"]["aspects"] = ["honesty"]

    again = await run(changed, tmp_path / "second")

    assert again.complete and again.manifest.yields.pairs == first.manifest.yields.pairs
    assert [log["merged"] for log in divided(tmp_path / "second")] == [0]


async def test_a_process_that_is_killed_costs_nothing(tmp_path):
    await run(parallel(tmp_path), tmp_path / "first")
    killed: list[int] = []
    over = threading.Event()

    def kill_those_that_work() -> None:
        while not over.is_set():
            claims = (tmp_path / "second" / "partitions").glob("*.claim")
            if any((owner_of(path.parent, int(path.stem)) or "").startswith("worker") for path in claims):
                for process in worker_processes():
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
            time.sleep(0.001)

    killer = threading.Thread(target=kill_those_that_work)
    killer.start()
    again = await run(parallel(tmp_path), tmp_path / "second", live=False)
    over.set()
    killer.join()

    assert again.complete and killed
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")


@judge("test_only_here")
def only_here(responses):
    """A judge that no other process knows."""
    return [Score(response_id=r.id, aspect="length", value=len(r.text), scale=(0, 1000)) for r in responses]


async def test_a_recipe_that_another_process_cannot_build_is_replayed_alone(tmp_path):
    recipe = parallel(tmp_path)
    recipe["stages"][3]["judge"]["quality"] = {"use": "test_only_here"}
    await run(recipe, tmp_path / "first")

    again = await run(recipe, tmp_path / "second", live=False)

    assert again.complete and [log["merged"] for log in divided(tmp_path / "second")] == [0]
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")


STEPPING = '''
import os
from pathlib import Path

from prefgen import Score, judge


def measure(text: str) -> float:
    with (Path(__file__).parent / "pids").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    return float(len(text))


@judge("stepping")
async def Stepping(responses, ask):
    """Measures in steps, and talks while it does."""
    print("a line on standard output")
    scores = []
    for response in responses:
        length = await ask.step("measure", measure, response.text)
        scores.append(Score(response_id=response.id, aspect="length", value=length, scale=(0, 1000)))
    return scores
'''


async def test_plug_ins_of_a_file_may_print_and_their_steps_run_in_the_run_alone(tmp_path):
    (tmp_path / "mine.py").write_text(STEPPING)
    recipe = parallel(tmp_path)
    recipe["stages"][3]["judge"]["quality"] = {"use": "./mine.py:Stepping"}
    await run(recipe, tmp_path / "first")
    (tmp_path / "pids").unlink()
    forget(tmp_path / "calls.sqlite", "origin = 'step' AND id % 5 = 0")

    again = await run(recipe, tmp_path / "second")

    assert again.complete and divided(tmp_path / "second")[0]["merged"] >= 10
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")
    assert set((tmp_path / "pids").read_text().split()) == {str(os.getpid())}


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


async def test_processes_that_started_ahead_replay_or_are_ended(tmp_path):
    await run(parallel(tmp_path), tmp_path / "first")
    with processes_seen() as seen:
        again = await run(parallel(tmp_path), tmp_path / "second", live=False)
    assert again.complete and len(seen) == 2 and divided(tmp_path / "second")[0]["merged"] >= 20

    with processes_seen() as seen:
        unknown = a_recipe(prompts=["Of this nothing is known."], run={"processes": 3})
        other = await run(unknown, tmp_path / "third")
    assert other.complete and not divided(tmp_path / "third")
    assert not list(worker_processes())

    with processes_seen() as seen:
        done = await run(parallel(tmp_path), tmp_path / "second", live=False)
    assert done.complete and not seen, "a folder that holds records already is no new run"


WEIGHTY = """
from prefgen import backend
from prefgen.backends.scripted import ScriptedBackend


@backend("weighty")
class Weighty(ScriptedBackend):
    loads_weights = True
"""


async def test_weights_are_not_read_by_further_processes(tmp_path):
    (tmp_path / "weighty.py").write_text(WEIGHTY)
    recipe = parallel(tmp_path)
    recipe["models"]["grader"]["use"] = "./weighty.py:Weighty"
    await run(recipe, tmp_path / "first")

    with processes_seen() as seen:
        again = await run(recipe, tmp_path / "second", live=False)

    assert again.complete and not seen and not divided(tmp_path / "second")


async def test_where_no_process_can_be_had_the_run_replays_alone(tmp_path):
    """One value of the environment is longer than the system hands to a process."""
    await run(parallel(tmp_path), tmp_path / "first")
    os.environ["TOO_LONG_TO_HAND_ON"] = "x" * 2**20
    try:
        again = await run(parallel(tmp_path), tmp_path / "second", live=False)
    finally:
        del os.environ["TOO_LONG_TO_HAND_ON"]

    assert again.complete and not divided(tmp_path / "second")
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")


async def test_what_cannot_be_stored_ends_the_run(tmp_path, monkeypatch):
    await run(parallel(tmp_path), tmp_path / "first")

    def full(*_):
        raise JournalError("the disk is full")

    monkeypatch.setattr(segments, "merge_partition", full)

    again = await run(parallel(tmp_path), tmp_path / "second", live=False)

    assert not again.complete and "disk is full" in str(again.stopped)


async def test_one_process_is_enough_where_the_recipe_says_so(tmp_path):
    await run(parallel(tmp_path), tmp_path / "first")

    assert (await run(parallel(tmp_path, run={"processes": 1}), tmp_path / "second", live=False)).complete
    assert not divided(tmp_path / "second")


def test_processes_are_a_number_or_auto():
    with pytest.raises(RecipeError, match="processes"):
        build(recipe_from_data(a_recipe(run={"processes": 0}), Path()))


def test_a_partition_is_claimed_once(tmp_path):
    members = {0: [1, 2], 1: [3], 2: [4, 5, 6]}
    assert claim(tmp_path, 1, "worker-0")
    feed = PartitionFeed(tmp_path, members)

    taken = [*feed.take(2), *feed.take(2), *feed.take(2), *feed.take(2)]

    assert sorted(taken) == [1, 2, 4, 5, 6] and not feed.is_exhausted()
    assert feed.claimed_by("worker-0") == [1]
    feed.give_back(1, members[1])
    assert list(feed.take(9)) == [3] and feed.is_exhausted()
    assert not claim(tmp_path, 0, "worker-0")


def test_partitions_are_the_same_everywhere_and_about_as_large():
    sizes = [0] * 8
    for i in range(8000):
        sizes[partition_of(f"record {i}", 8)] += 1
    assert partition_of("record 1", 8) == partition_of("record 1", 8)
    assert min(sizes) > 850 and sum(sizes) == 8000


def test_no_process_is_left_behind():
    """After all of the above: they end with the runs that started them."""
    assert not list(worker_processes())


async def test_more_records_are_at_work_again_where_not_everything_is_known_after_all(tmp_path, server):
    """Every third record, which are those that are looked at, says that all is known; of the others nothing
    is.
    """
    settings = {"concurrency": 40, "plugin_timeout": 1.0, "processes": 1}
    recipe = a_recipe(url=server.url, prompts=PROMPTS[:240], run=settings)
    server.script = lambda body, attempt: by_content(body, 1)
    await run(recipe, tmp_path / "first")
    unknown = [
        (record.id,)
        for number, record in enumerate(
            sorted(read_records(tmp_path / "first"), key=lambda r: PROMPTS.index(r.prompt.text))
        )
        if number % 3
    ]
    db = sqlite3.connect(tmp_path / "calls.sqlite")
    with db:
        db.executemany("DELETE FROM replies WHERE record = ?", unknown)
        db.executemany("DELETE FROM completed WHERE record = ?", unknown)
    db.close()
    at_work = most = 0

    async def slowly(body):
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.2)
        at_work -= 1
        return by_content(body, 1)

    server.script = lambda body, attempt: slowly(body)

    assert (await run(recipe, tmp_path / "second")).complete
    assert most > 2 * REPLAYED_AT_ONCE
