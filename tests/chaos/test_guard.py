"""Servers that a run starts end with it, whoever is killed first (prefgen/serving/)."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from prefgen.serving.processes import processes_of_session
from prefgen.serving.server_process import ServerProcess

SERVER = textwrap.dedent(
    """
    import multiprocessing, os, pathlib, signal, sys, tempfile, time
    from multiprocessing import shared_memory

    def work():
        signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in sys.argv else signal.SIG_DFL)
        time.sleep(600)

    if __name__ == "__main__":
        multiprocessing.set_start_method("spawn")
        memory = shared_memory.SharedMemory(create=True, size=4096)
        worker = multiprocessing.Process(target=work)
        worker.start()
        (pathlib.Path(tempfile.gettempdir()) / "socket").touch()
        print("WORKER", worker.pid, memory.name, tempfile.gettempdir(), flush=True)
        time.sleep(600)
    """
)


async def started(tmp_path: Path, *words: str) -> tuple[ServerProcess, int, Path]:
    """A server with a worker and shared memory: (it, its worker's pid, the file of its memory)."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    process = await ServerProcess.start([sys.executable, str(script), *words], {}, tmp_path / "server.log")
    async with asyncio.timeout(20):
        while not process.written().startswith("WORKER"):
            await asyncio.sleep(0.05)
    _, worker, memory, _ = process.written().split()
    return process, int(worker), Path("/dev/shm") / memory


def is_alive(pid: int) -> bool:
    try:
        return pid in processes_of_session(os.getsid(pid))
    except ProcessLookupError:
        return False


async def test_a_server_that_is_stopped_leaves_nothing(tmp_path):
    process, worker, memory = await started(tmp_path)
    assert memory.exists()

    await process.stop()

    assert not processes_of_session(process.session)
    assert not is_alive(worker)
    assert not memory.exists()
    assert not Path(process.written().split()[3]).exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_workers_that_do_not_hear_are_ended_too(tmp_path, number):
    process, worker, memory = await started(tmp_path, "deaf")
    os.kill(process.pid if number == signal.SIGKILL else worker, number)

    await (process.gone() if number == signal.SIGKILL else process.stop())

    assert process.has_ended
    assert not processes_of_session(process.session)
    assert not memory.exists()


async def test_shared_memory_goes_where_all_are_killed_at_once(tmp_path):
    process, _, memory = await started(tmp_path)
    await asyncio.sleep(1.5)  # the guard has looked

    for pid in processes_of_session(process.session):
        if pid != process.session:
            os.kill(pid, signal.SIGKILL)
    await process.gone()

    assert process.status == -signal.SIGKILL
    assert not memory.exists()


def test_a_run_that_is_killed_takes_its_server_along(tmp_path):
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    run = textwrap.dedent(
        f"""
        import asyncio, sys
        from pathlib import Path
        from prefgen.serving.server_process import ServerProcess

        async def main():
            log = Path({str(tmp_path / "server.log")!r})
            process = await ServerProcess.start([sys.executable, {str(script)!r}, "deaf"], {{}}, log)
            while not process.written().startswith("WORKER"):
                await asyncio.sleep(0.05)
            print(process.session, flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True) as parent:
        session = int(parent.stdout.readline())
        memory = Path("/dev/shm") / (tmp_path / "server.log").read_text().split()[2]
        assert processes_of_session(session)

        parent.kill()

    assert eventually(lambda: not processes_of_session(session), 30)
    assert not memory.exists()


async def test_a_guard_that_is_killed_takes_the_server_along(tmp_path):
    process, worker, _ = await started(tmp_path)
    server = process.pid

    os.kill(process.session, signal.SIGKILL)
    await process.gone()

    assert eventually(lambda: not is_alive(server), 10)
    os.kill(worker, signal.SIGKILL)


async def test_a_command_that_is_not_there_is_said_in_the_log(tmp_path):
    process = await ServerProcess.start(["no-such-vllm"], {}, tmp_path / "server.log")

    await process.gone()

    assert process.status == 127
    assert "cannot start no-such-vllm: No such file or directory" in process.last_line()


def eventually(is_so, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not (so := is_so()) and time.monotonic() < until:
        time.sleep(0.1)
    return so
