"""curated.parquet: the rows that curators took out, and why."""

from collections.abc import Iterable
from pathlib import Path

from prefgen.dataset.record_codec import DROPPED, DROPPED_COLUMNS, StoredDrop
from prefgen.storage.atomic_write import atomic_write


def write_dropped(drops: Iterable[tuple[int, StoredDrop]], out: Path) -> None:
    """Write (segment, row) of what went; there is no file where nothing did."""
    rows = [dict(zip(DROPPED_COLUMNS, (segment, *row), strict=True)) for segment, row in drops]
    if not rows:
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    with atomic_write(out / DROPPED) as part:
        pq.write_table(pa.Table.from_pylist(rows), part)
