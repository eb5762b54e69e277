"""The shards of a run's output: shard k holds fixed positions, and is written once all of them are done.

Shards stand under partial/ until the last one is there. No partial output ever looks complete.
"""

import asyncio
import hashlib
import importlib
from pathlib import Path

from prefgen.engine.record_store import RecordStore
from prefgen.engine.run_folder import PARTIAL, has_shards, remove_folder

RECORDS_A_SHARD = 1000
WRITTEN_AT_ONCE = 2
"""Shards that are written at the same time, and so in memory."""


def write_shard(out: Path, store: RecordStore, segment: int, number: int) -> str:
    """Write shard `number` under partial/ and return its digest."""
    # pyarrow: 0.15 s, while others work
    from prefgen.dataset.parquet import RECORDS, pairs_schema, write_lines

    name = f"{number:05d}.parquet"
    digest = hashlib.blake2b(digest_size=16)
    records: list[bytes] = []
    pairs: list[bytes] = []
    start, end = number * RECORDS_A_SHARD, (number + 1) * RECORDS_A_SHARD
    for record, *record_pairs in store.finished(segment).lines(start, end):
        records.append(record)
        pairs += record_pairs
        digest.update(b"\n".join((record, *record_pairs, b"")))
    write_lines(records, RECORDS, out / PARTIAL / "records" / name)
    write_lines(pairs, pairs_schema(pairs), out / PARTIAL / "pairs" / name)
    return digest.hexdigest()


class Shards:
    """Writes each shard once all of its positions are done, in worker threads."""

    def __init__(
        self, out: Path, store: RecordStore, segment: int, positions: set[int], done: set[int]
    ) -> None:
        self._out, self._store, self._segment = out, store, segment
        self._missing: dict[int, int] = {}
        for position in positions:
            shard = position // RECORDS_A_SHARD
            self._missing[shard] = self._missing.get(shard, 0) + (position not in done)
        self._writers = asyncio.Semaphore(WRITTEN_AT_ONCE)
        self._prepared = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.numbers = sorted(self._missing)
        self._write_what_is_whole()

    def _write_what_is_whole(self) -> None:
        """Write the shards that an earlier start made whole and did not write."""
        written = self._store.shard_digests()
        in_place = self._store.placed() == written and has_shards(self._out, self.numbers)
        if written and in_place and not any(self._missing.values()):
            remove_folder(self._out / PARTIAL)
            return  # what is in place is this state's
        for shard, missing in self._missing.items():
            is_written = f"{shard:05d}" in written and has_shards(self._out / PARTIAL, [shard], others=True)
            if not missing and not is_written:
                self._start(shard)

    def position_done(self, position: int) -> None:
        if not self._prepared:
            self._prepared = True
            self._tasks.add(asyncio.create_task(asyncio.to_thread(_import_writers)))
        shard = position // RECORDS_A_SHARD
        self._missing[shard] -= 1
        if not self._missing[shard]:
            self._start(shard)

    def _start(self, shard: int) -> None:
        self._tasks.add(asyncio.create_task(self._write(shard)))

    async def _write(self, shard: int) -> None:
        async with self._writers:
            self._store.flush()
            digest = await asyncio.to_thread(self._write_in_thread, shard)
            self._store.set_shard(shard, digest)

    def _write_in_thread(self, shard: int) -> str:
        reader = RecordStore(self._store.path)
        try:
            return write_shard(self._out, reader, self._segment, shard)
        finally:
            reader.close()

    async def finish(self) -> None:
        """Wait until everything that is whole is written."""
        for task in self._tasks:
            await task
        if (self._out / PARTIAL).exists():
            from prefgen.dataset.parquet import give_one_schema  # pyarrow: 0.15 s, it is there by now

            await asyncio.to_thread(give_one_schema, self._out / PARTIAL / "pairs")


def _import_writers() -> None:
    """Import what writes Parquet while the first replies are on their way, and not when the last one is
    there.
    """
    importlib.import_module("prefgen.dataset.parquet")
