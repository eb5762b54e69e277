"""Fields that sources of rows share."""

from typing import Any

from pydantic import Field

KEEP_COLUMNS_FIELD: Any = Field(
    default=(), description="Columns that are carried along, into the lineage of records and pairs."
)
ON_BAD_ROWS_FIELD: Any = Field(
    default="fail",
    description="A row that cannot be read: stop, or leave it out (the run's bad_rows.jsonl lists them).",
)
