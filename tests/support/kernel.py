"""A real Jupyter kernel: cells that run in it, what they show, and Stop."""

import asyncio
import os
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.paths import ROOT

CELL_SECONDS = 60


@dataclass
class Cell:
    """What a cell has shown so far. `error` is the name and the text of what it raised."""

    shown: str = ""
    """The present state of what it displays."""
    displays: int = 0
    results: dict[str, str] = field(default_factory=dict)
    """{mime type: what the last line of the cell is shown as}."""
    error: tuple[str, str] | None = None


class Kernel:
    """A kernel that has been started. Cells run one after the other."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager, self.client = manager, client

    async def run(self, code: str, cell: Cell | None = None) -> Cell:
        """Run a cell to its end; what it shows is in `cell` while it runs."""
        cell = cell or Cell()
        await asyncio.to_thread(self._run, code, cell)
        return cell

    async def completions(self, code: str) -> list[str]:
        """What the Tab key offers at the end of `code`."""
        message = await asyncio.to_thread(
            self.client.complete, code, len(code), reply=True, timeout=CELL_SECONDS
        )
        return message["content"]["matches"]

    def stop(self) -> None:
        """What the button does."""
        self.manager.interrupt_kernel()

    def _run(self, code: str, cell: Cell) -> None:
        def show(message: Any) -> None:
            kind, content = message["header"]["msg_type"], message["content"]
            if kind in ("display_data", "update_display_data"):
                cell.displays += kind == "display_data"
                cell.shown = content["data"]["text/plain"]
            elif kind == "execute_result":
                cell.results = content["data"]

        reply = self.client.execute_interactive(code, output_hook=show, timeout=CELL_SECONDS)["content"]
        if reply["status"] == "error":
            cell.error = (reply["ename"], reply["evalue"])


@pytest.fixture(scope="module")
def kernel():
    """One kernel for the tests of a module."""
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: make test installs it")
    jupyter_client = pytest.importorskip("jupyter_client", reason="jupyter_client is not installed")
    manager = jupyter_client.KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "PYTHONPATH": str(ROOT)})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=CELL_SECONDS)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
