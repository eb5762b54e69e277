"""Reading Parquet files: the one place where a damaged one becomes a line that says which."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefgen.dataset.class_labels import label_names_of_schema, with_names
from prefgen.dataset.hub import first_line
from prefgen.errors import RecipeError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_A_READ = 256
"""Rows of wide text are read in small groups: a record may hold megabytes."""


def read_parquet(path: Path, display_path: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a file, in order. Raises RecipeError, with `display_path` in it, where it cannot be
    read.
    """
    import pyarrow.parquet as pq  # 0.15 s, wanted only by what reads rows

    with _explained(display_path or str(path)):
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise RecipeError(f"two columns have one name: {twice}", display_path or str(path))
        names_of_labels = label_names_of_schema(file.schema_arrow.metadata)
        number = 0
        for batch in file.iter_batches(batch_size=ROWS_A_READ):
            for row in _rows_of(batch, display_path or str(path)):
                number += 1
                place = f"{display_path or path} row {number}"
                yield with_names(row, names_of_labels, place) if names_of_labels else row


CELL_ERRORS = (ValueError, OverflowError, LookupError, TypeError, NotImplementedError)
"""What libraries raise of a cell that they cannot make a value of: bytes that are no UTF-8, times beyond the
years of Python, zones of time that nobody knows.
"""


def _rows_of(batch: "pa.RecordBatch", display_path: str) -> list[dict[str, Any]]:
    try:
        return batch.to_pylist()
    except CELL_ERRORS:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                column.to_pylist()
            except CELL_ERRORS as error:
                raise RecipeError(
                    f"the column {name!r} holds what cannot be read ({first_line(error)})", display_path
                ) from None
        raise


def read_table(path: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """The file, or some of its columns, in memory. Raises RecipeError where it cannot be read."""
    import pyarrow.parquet as pq

    with _explained(str(path)):
        return pq.ParquetFile(path).read(columns=list(columns) if columns is not None else None)


def count_rows(path: Path) -> int:
    """How many rows a file says that it holds. Raises RecipeError where it cannot be read."""
    import pyarrow.parquet as pq

    with _explained(str(path)):
        return pq.read_metadata(path).num_rows


@contextmanager
def _explained(display_path: str) -> Generator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise RecipeError(f"not a readable Parquet file ({error})", display_path) from None
