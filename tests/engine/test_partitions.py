"""Further processes replay what the journal holds: the same bytes, nothing asked, and no harm where they
cannot.
"""

import asyncio
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from prefgen.dataset.read_run import read_records
from prefgen.dataset.unfinished_run import RECORD_STORE
from prefgen.engine import segments
from prefgen.engine.partitions import PartitionFeed, claim, members_of, owner_of
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore
from prefgen.engine.segment import REPLAYED_AT_ONCE, in_order
from prefgen.errors import JournalError
from tests.support.divided import PROMPTS, divided, parallel, worker_processes
from tests.support.recipes import a_recipe, run, shard_bytes
from tests.support.server import by_content
from tests.support.stored import a_stored_record, save


def forget(journal: Path, condition: str) -> int:
    db = sqlite3.connect(journal)
    with db:
        count = db.execute(f"DELETE FROM replies WHERE {condition}").rowcount
    db.close()
    return count


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
                    with suppress(ProcessLookupError):
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


async def test_what_cannot_be_stored_ends_the_run(tmp_path, monkeypatch):
    await run(parallel(tmp_path), tmp_path / "first")

    def full(*_):
        raise JournalError("the disk is full")

    monkeypatch.setattr(segments, "merge_partition", full)

    again = await run(parallel(tmp_path), tmp_path / "second", live=False)

    assert not again.complete and "disk is full" in str(again.stopped)


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


@pytest.mark.parametrize("order", ["file", "hash"])
async def test_partitions_are_pieces_of_the_order_whatever_is_finished(tmp_path, order):
    """So every process comes to the same, also one that looks later; and what is finished is in none."""
    await run(a_recipe(prompts=PROMPTS[:41]), tmp_path / "out")
    with closing(RecordStore(tmp_path / "out" / RECORD_STORE)) as store:
        ordered = in_order(store.input_ids(0), order)
        finished = store.done(0)
        assert members_of(store, 0, 8, order) == {} and len(finished) == 41
        store.clear_results(0)

        members = members_of(store, 0, 8, order)

        assert [position for piece in sorted(members) for position in members[piece]] == ordered
        assert sorted(len(piece) for piece in members.values()) == [5] * 7 + [6]
        save(store, ordered[0], a_stored_record(1))
        store.flush()
        assert members_of(store, 0, 8, order) == {**members, 0: members[0][1:]}


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
