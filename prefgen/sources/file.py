"""Prompts from a JSONL, JSON, CSV, TSV, Parquet or text file (also gzipped), or from a folder of them."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from prefgen.dataset.bad_rows import BadRows, OnBadRows
from prefgen.dataset.columns import parse_records
from prefgen.dataset.file_splits import select_split, single_split
from prefgen.dataset.partial import refuse_part
from prefgen.dataset.provenance import Provenance
from prefgen.dataset.read_files import read_rows
from prefgen.kit.source_fields import KEEP_COLUMNS_FIELD, ON_BAD_ROWS_FIELD
from prefgen.plugins.decorators import source
from prefgen.plugins.plugin import Plugin
from prefgen.tables import BadRow
from prefgen.types import Record


@source("file")
class File(Plugin):
    """Reads prompts, one a row. `column` holds text or a list of {role, content}."""

    renamed_fields: ClassVar[Mapping[str, str]] = {"license": "licence"}
    brings_responses: ClassVar[bool] = False
    source_files = ("path",)
    later_fields = ("split", "on_bad_rows", "keep_columns")

    path: str = Field(description="A file or a folder, relative to the recipe.")
    column: str | None = Field(
        default=None,
        description="The column with the prompt. Default: messages, prompt, instruction, question or text.",
    )
    columns: dict[str, str] = Field(
        default={},
        description="Further columns by what they fill: source, category, language, license, references.",
    )
    source: str | None = Field(
        default=None,
        description="What rows without a source are said to come from. Default: the file's name.",
    )
    license: str = Field(default="unknown", description="The license of rows that do not say theirs.")
    split: str = Field(
        default="train",
        description="Of rows that are of several splits, by their files or a column: which one is read.",
    )
    keep_columns: tuple[str, ...] = KEEP_COLUMNS_FIELD
    on_bad_rows: OnBadRows = ON_BAD_ROWS_FIELD
    limit: int | None = Field(default=None, ge=1, description="Only the first rows.")

    def read(self, folder: Path) -> Iterator[Record | BadRow]:
        bad_rows = BadRows(self.on_bad_rows)
        provenance = Provenance(
            {"source": self.source or Path(self.path).name, "license": self.license}, self.keep_columns
        )
        yield from islice(self._read_records(folder, provenance, bad_rows), self.limit)
        provenance.check_columns(self.path)
        yield from bad_rows.rows

    def _read_records(self, folder: Path, provenance: Provenance, bad_rows: BadRows) -> Iterator[Record]:
        columns = {**self.columns, **({"messages": self.column} if self.column else {})}
        refuse_part(folder / self.path, self.path)
        rows = read_rows(folder / self.path, self.path, bad_rows)
        if (folder / self.path).is_dir() or "split" in self.model_fields_set:
            rows = select_split(rows, self.split, self.path)
        else:
            rows = single_split(rows)
        yield from parse_records(rows, columns, self.path, provenance, bad_rows)
