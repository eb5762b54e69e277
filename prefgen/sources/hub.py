"""Prompts from a dataset on the Hugging Face Hub, streamed."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from prefgen.dataset.bad_rows import BadRows, OnBadRows
from prefgen.dataset.columns import parse_records
from prefgen.dataset.hub import hub_rows
from prefgen.dataset.provenance import Provenance
from prefgen.kit.source_fields import KEEP_COLUMNS_FIELD, ON_BAD_ROWS_FIELD
from prefgen.plugins.decorators import source
from prefgen.plugins.plugin import Plugin
from prefgen.tables import BadRow
from prefgen.types import Record


@source("hub")
class Hub(Plugin):
    """Reads a split of a Hub dataset. `path` may also be a folder that `datasets` can load."""

    renamed_fields: ClassVar[Mapping[str, str]] = {"license": "licence"}
    brings_responses: ClassVar[bool] = False
    later_fields = ("on_bad_rows", "keep_columns")

    path: str = Field(description="The dataset's name on the Hub, such as owner/name.")
    split: str = Field(default="train", description="The split.")
    config: str | None = Field(default=None, description="The configuration, where the dataset has several.")
    revision: str | None = Field(default=None, description="A tag, branch or commit.")
    columns: dict[str, str] = Field(
        default={},
        description=(
            "Columns by what they fill: messages, system, source, category, language, license, references."
        ),
    )
    where: dict[str, str | int | float | bool] = Field(
        default={}, description="Only rows whose columns equal these values."
    )
    license: str = Field(default="unknown", description="The license of rows that do not say theirs.")
    keep_columns: tuple[str, ...] = KEEP_COLUMNS_FIELD
    on_bad_rows: OnBadRows = ON_BAD_ROWS_FIELD
    limit: int | None = Field(default=None, ge=1, description="Only the first rows that match.")

    def read(self, folder: Path) -> Iterator[Record | BadRow]:
        provenance = Provenance({"source": self.path, "license": self.license}, self.keep_columns)
        bad_rows = BadRows(self.on_bad_rows)
        records = parse_records(self._rows(), self.columns, self.path, provenance, bad_rows)
        yield from islice(records, self.limit)
        provenance.check_columns(self.path)
        yield from bad_rows.rows

    def _rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for number, row in enumerate(hub_rows(self.path, self.config, self.split, self.revision)):
            if all(row.get(name) == value for name, value in self.where.items()):
                yield f"{self.path} row {number}", row
