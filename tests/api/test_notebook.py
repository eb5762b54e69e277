"""prefgen in a notebook: a real kernel runs the cells."""

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import prefgen
from prefgen.calls.journal import Journal
from prefgen.storage.folder_lock import is_held
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
    await until(lambda: "finishing what is in flight" in stopped.shown)
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


async def test_a_run_shows_how_far_it_is_in_one_place_and_its_result_as_a_table(kernel, tmp_path):
    code = f"prefgen.run({a_recipe()!r}, out={str(tmp_path / 'out')!r}, journal={str(tmp_path / 'j')!r})"

    cell = await kernel.run(f"import prefgen\n{code}")
    quiet = await kernel.run(code.replace("out=", "quiet=True, out="))

    assert cell.error is None
    assert cell.displays == 1
    assert cell.shown.splitlines()[0].startswith("test: done, 3 of 3 prompts, 3 pairs, ")
    assert cell.results["text/plain"].startswith("Result(run: test, pairs: 3 of 3 prompts, lost: 0, ")
    assert cell.results["text/html"].startswith("<table>")
    assert quiet.displays == 0
