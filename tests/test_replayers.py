"""Further processes replay what the journal holds: the same bytes, nothing asked, and no harm where they cannot."""

import asyncio
import os
import re
import sqlite3
import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest

from prefgen import Score, judge
from prefgen.backends.scripted import ScriptedBackend
from prefgen.engine import replay, segment
from prefgen.engine.progress import Progress
from prefgen.engine.replay import Replayer
from prefgen.errors import JournalError, RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.running import a_recipe, run, shard_bytes
from tests.test_engine import by_content

PROMPTS = [f"Question {i}?" for i in range(300)]


@pytest.fixture
def replayers(monkeypatch):
    """Small runs are replayed apart too; the list says what each answer finished, or None where a process had none."""
    monkeypatch.setattr(replay, "LEAST", 10)
    monkeypatch.setattr(segment, "LENT", 10)
    answered: list[int | None] = []
    real = Replayer.answer

    async def answer(self):
        found = await real(self)
        answered.append(sum(row[3] for row in found.rows) if found else None)
        return found

    monkeypatch.setattr(Replayer, "answer", answer)
    return answered


def parallel(**more):
    return a_recipe(prompts=PROMPTS, run={"processes": 3, **more.pop("run", {})}, **more)


def forget(journal: Path, which: str) -> int:
    db = sqlite3.connect(journal)
    with db:
        count = db.execute(f"DELETE FROM replies WHERE {which}").rowcount
    db.close()
    return count


async def test_a_finished_run_is_replayed_by_several_processes_with_the_same_bytes(tmp_path, replayers):
    cut = {"when": r"Question \d*7\?[\s\S]*The texts that reply", "say": "I cannot say."}
    recipe = parallel()
    recipe["models"]["grader"]["rules"] = [
        cut,
        *recipe["models"]["grader"]["rules"],
    ]  # some judgments fail, and are on the ledger
    first = await run(recipe, tmp_path / "first")
    assert not replayers
    progress = Progress()

    second = await run(recipe, tmp_path / "second", live=False, progress=progress)

    assert second.complete
    assert sum(filter(None, replayers)) >= 20
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")
    assert (tmp_path / "second" / "failures.parquet").read_bytes() == (
        tmp_path / "first" / "failures.parquet"
    ).read_bytes()
    assert {k: second.manifest[k] for k in ("row_digest", "journal", "yield", "served_by")} == {
        k: first.manifest[k] for k in ("row_digest", "journal", "yield", "served_by")
    }
    assert first.manifest["yield"]["failures"]
    rows = second.manifest["cost"]["by_stage"]
    assert sum(m.replayed for m in progress.stats.models.values()) == sum(row["requests"] for row in rows)
    assert (progress.finished, progress.stage("judge").done) == (300, 300)


async def test_what_the_journal_lacks_is_asked_by_the_run_itself(tmp_path, replayers):
    await run(parallel(), tmp_path / "first")
    lost = forget(tmp_path / "calls.sqlite", "model = 'grader' AND id % 3 = 0") + forget(
        tmp_path / "calls.sqlite", "model = 'writer' AND id % 7 = 0"
    )
    progress = Progress()

    again = await run(parallel(), tmp_path / "second", progress=progress, allow_new=True)

    assert again.complete
    assert replayers and lost > 30
    assert sum(m.requests for m in progress.stats.models.values()) == lost
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")


async def test_where_nothing_is_known_any_more_no_more_is_lent(tmp_path, replayers):
    """A new judge: every record is begun by the replayers at most, and the first answers say that they are of no use."""
    first = await run(parallel(), tmp_path / "first")
    changed = parallel()
    changed["stages"][2]["judge"]["quality"]["aspects"] = ["honesty"]

    again = await run(changed, tmp_path / "second")

    assert again.complete and again.manifest["yield"]["pairs"] == first.manifest["yield"]["pairs"]
    assert set(replayers) == {0} and len(replayers) <= 4


async def test_a_replayer_that_is_killed_costs_nothing(tmp_path, replayers, monkeypatch):
    await run(parallel(), tmp_path / "first")
    send, sent_to = Replayer.send, set()

    def killed(self, positions):
        send(self, positions)
        if self in sent_to:
            self._process.kill()  # it has two lists to work on
        sent_to.add(self)

    monkeypatch.setattr(Replayer, "send", killed)

    again = await run(parallel(), tmp_path / "second", live=False)

    assert again.complete and None in replayers
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")


@judge("test_only_here")
def only_here(responses):
    """A judge that no other process knows."""
    return [Score(response_id=r.id, aspect="length", value=len(r.text), scale=(0, 1000)) for r in responses]


async def test_a_recipe_that_another_process_cannot_build_is_replayed_alone(tmp_path, replayers):
    recipe = parallel()
    recipe["stages"][2]["judge"]["quality"] = {"use": "test_only_here"}
    await run(recipe, tmp_path / "first")

    again = await run(recipe, tmp_path / "second", live=False)

    assert again.complete and set(replayers) == {None}
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
    return [
        Score(response_id=r.id, aspect="length", value=await ask.step("measure", measure, r.text), scale=(0, 1000)) for r in responses
    ]
'''


async def test_plug_ins_of_a_file_may_print_and_their_steps_run_in_the_run_alone(tmp_path, replayers):
    (tmp_path / "mine.py").write_text(STEPPING)
    recipe = parallel()
    recipe["stages"][2]["judge"]["quality"] = {"use": "./mine.py:Stepping"}
    await run(recipe, tmp_path / "first", folder=tmp_path)
    (tmp_path / "pids").unlink()
    forget(tmp_path / "calls.sqlite", "origin = 'step' AND id % 5 = 0")

    again = await run(recipe, tmp_path / "second", folder=tmp_path)

    assert again.complete and sum(filter(None, replayers)) >= 10
    assert shard_bytes(tmp_path / "second") == shard_bytes(tmp_path / "first")
    assert set((tmp_path / "pids").read_text().split()) == {str(os.getpid())}


async def test_what_cannot_be_stored_ends_the_run(tmp_path, replayers, monkeypatch):
    await run(parallel(), tmp_path / "first")

    def broken(self, found):
        raise JournalError("the disk is full")

    monkeypatch.setattr(segment.SegmentRun, "_take_back", broken)

    again = await run(parallel(), tmp_path / "second", live=False)

    assert not again.complete and "disk is full" in str(again.stopped)


@pytest.mark.parametrize(
    ("where", "name", "why"),
    [(replay, "framed", TypeError("cannot pickle")), (Replayer, "__init__", OSError("no more processes"))],
)
async def test_where_no_process_can_be_had_the_run_replays_alone(
    tmp_path, replayers, monkeypatch, where, name, why
):
    await run(parallel(), tmp_path / "first")
    monkeypatch.setattr(where, name, Mock(side_effect=why))

    assert (await run(parallel(), tmp_path / "second", live=False)).complete
    assert not replayers


async def test_processes_that_started_ahead_replay_or_are_ended(tmp_path, replayers, monkeypatch):
    await run(parallel(), tmp_path / "first")
    monkeypatch.setattr(replay, "LONG_JOURNAL", 1)
    begun = []
    real = Replayer.__init__

    def noted(self):
        real(self)
        begun.append(self._process)

    monkeypatch.setattr(Replayer, "__init__", noted)

    again = await run(parallel(), tmp_path / "second", live=False)
    assert again.complete and len(begun) == 2 and sum(filter(None, replayers)) >= 20

    other = await run(
        a_recipe(prompts=["Of this nothing is known."], run={"processes": 3}), tmp_path / "third"
    )
    assert other.complete and len(begun) == 4

    done = await run(parallel(), tmp_path / "second", live=False)
    assert done.complete and len(begun) == 4, "a folder that holds records already is no new run"
    assert all(process.poll() is not None for process in begun)


def test_what_cannot_be_handed_over_is_one_kind_of_error():
    with pytest.raises(TypeError):
        replay.framed(lambda: None)


async def test_weights_are_not_read_by_further_processes(tmp_path, replayers, monkeypatch):
    await run(parallel(), tmp_path / "first")
    monkeypatch.setattr(ScriptedBackend, "described", lambda self: {}, raising=False)
    monkeypatch.setattr(subprocess, "Popen", None)

    assert (await run(parallel(), tmp_path / "second", live=False)).complete


async def test_one_process_is_enough_where_the_recipe_says_so(tmp_path, replayers, monkeypatch):
    await run(parallel(), tmp_path / "first")
    monkeypatch.setattr(subprocess, "Popen", None)

    assert (await run(parallel(run={"processes": 1}), tmp_path / "second", live=False)).complete
    assert not replayers


def test_processes_are_a_number_or_auto():
    with pytest.raises(RecipeError, match="processes"):
        build(recipe_from_data(a_recipe(run={"processes": 0}), Path()))


def test_no_replayer_is_left_behind(tmp_path):
    """After all of the above: they end with the runs that started them."""
    left = [
        p for p in Path("/proc").glob("[0-9]*/cmdline") if re.search(rb"prefgen\.engine\.replayer", _read(p))
    ]
    mine = [p for p in left if _parent(p.parent) == os.getpid()]

    assert not mine


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


async def test_the_window_is_wide_again_where_not_everything_is_known_after_all(
    tmp_path, server, monkeypatch
):
    """A hundred records say that all is known; of the others nothing is."""
    monkeypatch.setattr(replay, "known_of", lambda *_: replay.Known(40, all_passed=True))
    here = most = 0

    async def slowly(body):
        nonlocal here, most
        here += 1
        most = max(most, here)
        await asyncio.sleep(0.2)
        here -= 1
        return by_content(body, 1)

    server.script = lambda body, attempt: slowly(body)
    recipe = a_recipe(url=server.url, prompts=PROMPTS[:120], run={"concurrency": 40, "stage_timeout": 1.0})

    assert (await run(recipe, tmp_path / "out")).complete
    assert most > 2 * segment.REPLAYED_AT_ONCE
