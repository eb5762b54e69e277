"""Shards of a release or a mix: the rows of each split, streamed into Parquet files of fifty thousand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

STAGING = "release"
"""The folder in a run's, or a mix's, where a release is put together; it stays, to be looked at."""
ROWS_A_SHARD = 50_000
ROWS_A_WRITE = 500


@dataclass
class WrittenRelease:
    """What was written: {config: {split: rows}}, the files by their path in the repository, and a digest of
    every row in its order.
    """

    schemas: Mapping[str, pa.Schema]
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    content_hash: str = ""
    harmful: int = 0
    """Rows of `preferences` that were made from harmful texts."""
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """{rule of `check`: where the rows of `preferences` stand that break it, and are in no release}."""
    between_splits: int = 0
    """Prompts that are nearly the same as prompts of both splits, and in neither."""


def write_config(
    config: str,
    rows: Iterable[tuple[str | None, dict[str, Any]]],
    folder: Path,
    digest: Any,
    written: WrittenRelease,
) -> None:
    """Write the rows of a config (those whose split is None are in none), and note in `written` and `digest`
    what they are.
    """
    shards: dict[str, SplitShards] = {}
    for split, row in rows:
        if split is None:
            continue
        if split not in shards:
            shards[split] = SplitShards(folder / "data" / config, split, written.schemas[config])
        digest.update(orjson.dumps([config, split, row], option=orjson.OPT_SORT_KEYS))
        shards[split].add(row)
    for split, split_shards in sorted(shards.items()):
        paths = split_shards.close()
        written.counts.setdefault(config, {})[split] = split_shards.rows
        written.sizes.setdefault(config, {})[split] = sum(path.stat().st_size for path in paths)
        written.files |= {str(path.relative_to(folder)): path for path in paths}
    written.counts.setdefault(config, {})


class SplitShards:
    """The shards of one split, written a few hundred rows at a time; they get their names when their number
    is known.
    """

    def __init__(self, folder: Path, split: str, schema: pa.Schema) -> None:
        self._folder, self._split, self._schema = folder, split, schema
        self._pending: list[dict[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None
        self._parts: list[Path] = []
        self._rows_in_part = 0
        self.rows = 0
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, row: dict[str, Any]) -> None:
        """Take a row; it is on the disk when enough of them are together."""
        self._pending.append(row)
        self.rows += 1
        if len(self._pending) >= ROWS_A_WRITE:
            self._flush()

    def _flush(self) -> None:
        if self._writer is None:
            self._parts.append(self._folder / f"{self._split}-{len(self._parts)}.part")
            self._writer = pq.ParquetWriter(self._parts[-1], self._schema, compression="zstd", version="2.6")
            self._rows_in_part = 0
        self._writer.write_table(pa.Table.from_pylist(self._pending, self._schema))
        self._rows_in_part += len(self._pending)
        self._pending = []
        if self._rows_in_part >= ROWS_A_SHARD:
            self._writer.close()
            self._writer = None

    def close(self) -> list[Path]:
        """The files, in their order."""
        if self._pending:
            self._flush()
        if self._writer is not None:
            self._writer.close()
        return [
            part.rename(self._folder / f"{self._split}-{number:05d}-of-{len(self._parts):05d}.parquet")
            for number, part in enumerate(self._parts)
        ]
