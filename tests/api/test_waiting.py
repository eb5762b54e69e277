"""Waiting for asynchronous work from plain code. (prefgen/api/waiting.py)"""

import asyncio
import signal
import sys
import time

import pytest

from prefgen.api.waiting import WorkInThread, wait_for
from prefgen.storage.folder_lock import is_held
from tests.support.recipes import a_recipe
from tests.support.server import by_content


async def test_beside_a_running_loop_whatever_ends_the_waiting_ends_the_work():
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("work")

    def tick() -> None:
        raise KeyboardInterrupt("pressed")

    with pytest.raises(KeyboardInterrupt, match="pressed"):
        wait_for(work, tick)

    assert ended == ["work"]


async def test_the_work_s_result_and_its_error_are_handed_on():
    async def works() -> int:
        await asyncio.sleep(0)
        return 3

    async def fails() -> None:
        raise ValueError("no")

    assert wait_for(works) == 3
    with pytest.raises(ValueError, match="no"):
        wait_for(fails)


def test_work_that_is_cancelled_before_it_began_does_not_begin():
    begun = []

    async def main() -> None:
        begun.append("work")

    work = WorkInThread(main)
    work.cancel()
    work.run()

    with pytest.raises(asyncio.CancelledError):
        work.result()
    assert not begun


async def test_ctrl_c_in_a_script_finishes_what_is_in_flight_and_raises_keyboard_interrupt(server, tmp_path):
    opened = asyncio.Event()

    async def answer(body, attempt):
        await opened.wait()
        return by_content(body, attempt)

    server.script = answer
    prompts = [f"{number}?" for number in range(9)]
    recipe = a_recipe(url=server.url, prompts=prompts, run={"concurrency": 2, "timeout": 60})
    code = f"import prefgen; prefgen.run({recipe!r}, out='out', journal='j.sqlite')"
    script = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which tests in a background lack
    )  # fmt: skip
    begun = time.monotonic()
    while len(server.bodies) < 2 and time.monotonic() - begun < 30:
        await asyncio.sleep(0.01)
    script.send_signal(signal.SIGINT)
    await asyncio.sleep(0.3)
    opened.set()
    _, said = await script.communicate()

    assert said.decode().strip().splitlines()[-1] == (
        "KeyboardInterrupt: interrupted: everything that was answered is kept; run again to go on"
    )
    assert len(server.bodies) == 2
    assert not is_held(tmp_path / "out")
