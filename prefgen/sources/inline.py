"""Prompts written in the recipe itself."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from prefgen.dataset.columns import parse_records
from prefgen.dataset.provenance import Provenance
from prefgen.plugins.decorators import source
from prefgen.plugins.plugin import Plugin
from prefgen.types import Record


@source("inline")
class Inline(Plugin):
    """A list of texts, or of mappings with `prompt` or `messages`."""

    renamed_fields: ClassVar[Mapping[str, str]] = {"license": "licence"}
    brings_responses: ClassVar[bool] = False

    prompts: tuple[str | dict[str, Any], ...] = Field(min_length=1, description="The prompts.")
    source: str = Field(default="inline", description="What they are said to come from.")
    license: str = Field(default="unknown", description="Their license.")

    def read(self, folder: Path) -> Iterator[Record]:
        rows = (
            (f"prompts[{i}]", {"prompt": p} if isinstance(p, str) else p) for i, p in enumerate(self.prompts)
        )
        provenance = Provenance({"source": self.source, "license": self.license})
        yield from parse_records(rows, {}, "prompts", provenance)
