"""Shards of the output, each written once all of its positions are settled."""

import asyncio
import importlib
from pathlib import Path

from prefgen.engine import output
from prefgen.engine.record_store import RecordStore

AT_ONCE = 2
"""Shards that are written at the same time, and so in memory."""


class Shards:
    """Writes shard k once all of its positions are settled, in worker threads."""

    def __init__(
        self, out: Path, spool: RecordStore, segment: int, positions: set[int], done: set[int]
    ) -> None:
        self._out, self._spool, self._segment = out, spool, segment
        self._left: dict[int, int] = {}
        for position in positions:
            shard = position // output.SHARD
            self._left[shard] = self._left.get(shard, 0) + (position not in done)
        self._writers = asyncio.Semaphore(AT_ONCE)
        self._ready = False
        self._writing: set[asyncio.Task[None]] = set()
        self.numbers = sorted(self._left)
        written = spool.shard_digests()
        if (
            not any(self._left.values())
            and output.has_shards(out, self.numbers)
            and spool.placed() == written
            and written
        ):
            output.remove_folder(out / "partial")
            return  # what is in place is this state's
        for shard, left in self._left.items():
            if not left and not (
                f"{shard:05d}" in written and output.has_shards(out / "partial", [shard], others=True)
            ):
                self._start(shard)

    def position_done(self, position: int) -> None:
        if not self._ready:
            self._ready = True
            self._writing.add(asyncio.get_running_loop().create_task(asyncio.to_thread(_get_ready)))
        shard = position // output.SHARD
        self._left[shard] -= 1
        if not self._left[shard]:
            self._start(shard)

    def _start(self, shard: int) -> None:
        task = asyncio.get_running_loop().create_task(self._write(shard))
        self._writing.add(task)

    async def _write(self, shard: int) -> None:
        async with self._writers:
            self._spool.commit()
            digest = await asyncio.to_thread(self._in_thread, shard)
            self._spool.set_shard(shard, digest)

    def _in_thread(self, shard: int) -> str:
        reader = self._spool.reader()
        try:
            return output.write_shard(self._out, reader, self._segment, shard)
        finally:
            reader.close()

    async def finish(self) -> None:
        for task in self._writing:
            await task


def _get_ready() -> None:
    """Import what writes Parquet while the first replies are on their way, and not when the last one is there."""
    importlib.import_module("prefgen.dataset.parquet")
