"""prefgen in a notebook: a real kernel runs the cells."""

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import prefgen
from prefgen.calls.journal import Journal
from prefgen.engine.run_folder import is_held
from tests.support.kernel import Cell, kernel  # noqa: F401
from tests.support.recipes import a_recipe
from tests.support.server import Server, by_content

PROMPTS = [f"Question {number}?" for number in range(12)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


def known_replies(journal: Path) -> int:
    with closing(Journal(journal)) as opened:
        return len(list(opened.rows()))


class Gate:
    """A server's answers wait until it is opened."""

    def __init__(self, server: Server) -> None:
        self.opened = asyncio.Event()
        server.script = self.answer

    async def answer(self, body: dict, attempt: int) -> object:
        await self.opened.wait()
        return by_content(body, attempt)


@pytest.mark.parametrize("call", ["prefgen.run", "await prefgen.arun"])
async def test_stop_ends_a_run_and_the_cell_again_goes_on(kernel, server, tmp_path, call):
    gate, stopped = Gate(server), Cell()
    recipe = a_recipe(url=server.url, prompts=PROMPTS, run={"concurrency": 2})
    recipe["run"]["timeout"] = 60
    recipe["stages"][1]["sample"]["n"] = 1
    recipe["stages"] = recipe["stages"][:2]
    out, journal = tmp_path / "out", tmp_path / "calls.sqlite"
    code = (
        f"import prefgen\nresult = {call}({json.dumps(recipe)}, out={str(out)!r}, journal={str(journal)!r})"
    )

    running = asyncio.create_task(kernel.run(code, stopped))
    await until(lambda: len(server.bodies) == 2)
    kernel.stop()
    await asyncio.sleep(0.5)
    gate.opened.set()
    await running
    await asyncio.sleep(0.3)

    assert stopped.error is not None
    assert stopped.error[0] in ("KeyboardInterrupt", "CancelledError")
    assert len(server.bodies) == 2
    assert not is_held(out)
    assert known_replies(journal) == 2

    again = await kernel.run(f"{code}\nresult.complete")

    assert again.error is None
    assert again.results["text/plain"] == "True"
    assert set(server.seen.values()) == {1}
    assert len(server.bodies) == len(PROMPTS)


async def test_the_tab_key_offers_the_public_names(kernel):
    await kernel.run("import prefgen")

    offered = await kernel.completions("prefgen.")

    assert set(offered) == {name for name in prefgen.__all__ if not name.startswith("_")}
