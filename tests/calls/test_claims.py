"""What a run asks for now, so that no other run on the journal pays for it too. (prefgen/calls/claims.py)"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.calls.claims import HELD_BY_ALL, Claims, place_of
from prefgen.calls.journal import Journal
from prefgen.dataset.read_run import read_records
from prefgen.errors import JournalError
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content

KEY, OTHER_KEY = bytes(range(16)), bytes(range(1, 17))
HOLDER = """
import sys
from pathlib import Path
from prefgen.calls import claims
claims.OPEN_FILE_LOCKS = claims.OPEN_FILE_LOCKS and sys.argv[2] == "open file"
held = claims.Claims(Path(sys.argv[1]))
print(held.claim(bytes(range(16))), flush=True)
sys.stdin.read()
"""


def a_holder(path: Path, kind: str) -> subprocess.Popen:
    """Another process that has claimed KEY."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, kind],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "True\n"
    return holder


@pytest.mark.parametrize("kind", ["open file", "process"])
def test_a_claim_ends_with_its_process_however_that_ends(tmp_path, kind):
    holder = a_holder(tmp_path / "claims", kind)
    claims = Claims(tmp_path / "claims")
    assert not claims.claim(KEY) and claims.claim(OTHER_KEY)

    holder.kill()
    holder.communicate()

    assert claims.claim(KEY)
    claims.close()


def test_two_journals_in_one_process_keep_each_other_from_a_key(tmp_path):
    mine, theirs = Claims(tmp_path / "claims"), Claims(tmp_path / "claims")
    assert mine.claim(KEY) and mine.claim(KEY), "who has it has it still"
    assert not theirs.claim(KEY)

    theirs.release(KEY)
    assert not theirs.claim(KEY), "nobody gives back what another has"
    mine.release(KEY)
    assert theirs.claim(KEY)
    mine.close()
    theirs.close()


def test_a_child_that_is_forked_does_not_keep_the_claims_of_a_killed_process(tmp_path):
    code = """
import multiprocessing, os, sys, time
from pathlib import Path
from prefgen.calls.claims import Claims
claims = Claims(Path(sys.argv[1]))
assert claims.claim(bytes(range(16)))
multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,)).start()
print("ready", os.getpid(), flush=True)
time.sleep(60)
"""
    words = [sys.executable, "-c", code, tmp_path / "claims"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, start_new_session=True) as holder:
        assert holder.stdout.readline().startswith(b"ready")
        claims = Claims(tmp_path / "claims")
        assert not claims.claim(KEY)

        holder.kill()
        holder.wait()

        deadline = time.monotonic() + 10  # the child lets go as soon as it runs
        while not (is_claimed := claims.claim(KEY)) and time.monotonic() < deadline:
            time.sleep(0.01)
        claims.close()
        os.killpg(holder.pid, signal.SIGKILL)
        assert is_claimed


def test_what_is_closed_claims_nothing_and_can_be_closed_again(tmp_path):
    claims = Claims(tmp_path / "claims")
    claims.close()
    claims.close()

    with open(tmp_path / "other", "w"), pytest.raises(ValueError, match="closed"):
        claims.claim(KEY)


def test_one_journal_has_one_file_of_claims_by_whatever_name_it_is_opened(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here.sqlite").symlink_to(tmp_path / "there" / "calls.sqlite")
    first, second = Journal(tmp_path / "there" / "calls.sqlite"), Journal(tmp_path / "here.sqlite")

    assert first.claims.claim(KEY) and not second.claims.claim(KEY)
    first.close()
    second.close()


def test_a_journal_that_cannot_be_opened_leaves_no_file_open(tmp_path):
    def open_files():
        return len(os.listdir("/proc/self/fd"))

    (tmp_path / "calls.sqlite-claims").mkdir()
    before = open_files()
    for _ in range(20):
        with pytest.raises(JournalError, match="cannot tell each other"):
            Journal(tmp_path / "calls.sqlite")

    assert open_files() == before


def test_a_full_disk_is_told_as_one(tmp_path):
    (tmp_path / "claims").symlink_to("/dev/full")
    claims = Claims(tmp_path / "claims")

    with pytest.raises(JournalError, match="the disk is full"):
        claims.join()
    claims.close()


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["open", "write", "close"])), max_size=14))
def test_nobody_is_alone_once_another_has_written(steps):
    """Each of three journals is opened, written and closed in any order; a list of what was written is the
    judge.
    """
    with tempfile.TemporaryDirectory() as folder:
        opened: dict[int, Claims] = {}
        unseen: dict[int, set[int]] = {}  # who has begun to write since each was opened, or was at it
        writing: set[int] = set()
        for number, step in steps:
            if step == "open" and number not in opened:
                opened[number] = Claims(Path(folder) / "claims")
                unseen[number] = set(writing)
            elif step == "write" and number in opened:
                opened[number].join()
                writing.add(number)
                for other in opened.keys() - {number}:
                    unseen[other].add(number)
            elif step == "close" and number in opened:
                opened.pop(number).close()
                writing.discard(number)
            for each, claims in opened.items():
                assert claims.is_alone == (not unseen[each])
        for claims in opened.values():
            claims.close()


@given(st.binary(min_size=16, max_size=16))
def test_a_key_has_a_byte_of_its_own_that_a_file_can_have(key):
    assert HELD_BY_ALL < place_of(key) < 2**63 - 1


async def test_two_runs_at_one_moment_pay_each_request_once(tmp_path, server):
    """The server says something else each time: what one run was told, the other has too."""
    told = Counter()

    async def script(body, attempt):
        await asyncio.sleep(0.05)
        told[str(body)] += 1
        return by_content({**body, "seed": len(server.bodies)}, attempt)

    server.script = script
    recipe = a_recipe(url=server.url, prompts=[f"Question {i}?" for i in range(30)])
    journal = tmp_path / "calls.sqlite"

    first, second = await asyncio.gather(
        run(recipe, tmp_path / "first", journal=journal),
        run({**recipe, "name": "second"}, tmp_path / "second", journal=journal),
    )

    assert first.complete and second.complete
    assert set(told.values()) == {1} and len(told) == 60
    assert first.manifest.row_digest == second.manifest.row_digest
    assert list(read_records(tmp_path / "first")) == list(read_records(tmp_path / "second"))
