"""What goes into each segment of a run: the prompts that are read, the seeds of synthesizers, and what
curators leave of both.
"""

import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from prefgen.dataset.bad_rows import write_bad_rows
from prefgen.dataset.unfinished_run import SEGMENT
from prefgen.engine.curate import PREVIEW_CHARACTERS, run_curators
from prefgen.engine.curator_tables import (
    curator_table,
    fair_sample,
    following_records,
    is_reference_row,
    reference_record,
    sample_rank,
    with_unique_ids,
)
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore, StoredDrop
from prefgen.engine.seeds import seeds_of
from prefgen.engine.targets import PromptTarget
from prefgen.errors import NoPromptsLeft, RecipeError
from prefgen.recipe.build import Pipeline
from prefgen.recipe.segments import Segment
from prefgen.stages.synthesize import seed_in
from prefgen.tables import BadRow, Table
from prefgen.types import Record


class Inputs:
    """The input of every segment, in the store. With `limit` a fair sample of so many prompts is worked on,
    drawn with `salt`.
    """

    def __init__(
        self, pipeline: Pipeline, store: RecordStore, progress: Progress, *, limit: int | None, salt: str = ""
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._progress = progress
        self._limit = limit
        self._salt = salt
        self.prompts = 0
        """How many there are in all, once they are read."""
        self.bad_rows: list[BadRow] = []
        """What sources left out."""

    def read(self) -> None:
        """Read every source once, and store the prompts as the first segment's input. Raises RecipeError when
        there are none.
        """
        first = self._pipeline.segments[0]
        raw = bool(first.curators)
        digest = hashlib.blake2b(digest_size=16)

        def meta() -> tuple[str, str]:
            return "prompts", f"{digest.hexdigest()} {self._limit} {raw}"

        self._store.store_inputs(0, self._first_input(), meta, raw=raw, seen=digest.update)
        if not self.prompts:
            names = [plugin.name for plugin in (*self._pipeline.sources, *first.synthesizers)]
            raise RecipeError("the recipe's prompts are empty: no row was read from " + ", ".join(names))

    def note_bad_rows(self, path: Path) -> None:
        """Write down and say what sources left out."""
        write_bad_rows(self.bad_rows, path)
        if self.bad_rows:
            first, count = self.bad_rows[0], len(self.bad_rows)
            said = f"{count:,} rows of the prompts were left out, such as {first.where}: {first.reason}"
            self._progress.stats.notify(f"{said} ({path.name})")

    def _first_input(self) -> Iterator[Record]:
        """What the first segment works on: nothing at all where there are no prompts."""
        prompts = self._counted(all_prompts(self._pipeline, self.bad_rows))
        yield from prompts if self._limit is None else sampled(prompts, self._limit, self._salt)
        if self.prompts:
            yield from _reference_records(self._pipeline.segments[0])

    def _counted(self, records: Iterable[Record]) -> Iterator[Record]:
        self.prompts = 0
        for record in records:
            self.prompts += 1
            yield record

    @property
    def _share(self) -> float:
        """The part of the prompts that is worked on."""
        return 1.0 if self._limit is None else min(1.0, self._limit / max(1, self.prompts))

    async def curate(self, number: int, fingerprint: str) -> None:
        """Let the curators of a segment thin what stands before it, unless they have. Raises NoPromptsLeft
        when no prompt stays.
        """
        segment = self._pipeline.segments[number]
        if not segment.curators or self._store.meta(f"curated {number}") == fingerprint:
            return
        self._progress.phase = "curating"
        rows = list(self._store.raw_inputs(number))
        records = [row for row in rows if not is_reference_row(row)]
        references = [row for row in rows if is_reference_row(row)]
        notify = self._progress.stats.notify
        records, drops = await run_curators(segment.curators, records, references, notify)
        records, excess = self._within_targets(number, records)
        following = chain(records, self._later_seeds(segment, records), _reference_records(segment))
        self._store.store_inputs(
            number, following, lambda: (f"curated {number}", fingerprint), dropped=[*drops, *excess]
        )
        self._store.set_meta(f"{SEGMENT} {number}", fingerprint)

    def pass_on(self, number: int) -> None:
        """A finished segment's records become the next one's input; of a seed, the prompts that were written.
        Raises NoPromptsLeft.
        """
        finished = self._store.finished(number)
        digest = hashlib.blake2b(digest_size=16)
        for record, *_ in finished.lines():
            digest.update(record)
        following = self._pipeline.segments[number + 1]
        raw = bool(following.curators)
        meta = (f"input {number + 1}", f"{digest.hexdigest()} {raw}")
        if self._store.meta(meta[0]) == meta[1]:
            return
        records = with_unique_ids(
            next_ for record in finished.records() for next_ in following_records(record)
        )
        excess: list[StoredDrop] = []
        if self._pipeline.segments[number].synthesizers:
            written = list(records)
            if not written:
                raise NoPromptsLeft(self._nothing_written(number))
            if not raw:
                written, excess = self._within_targets(number + 1, written)
                written += self._later_seeds(following, written)
            records = iter(written)
        if not raw:
            records = chain(records, _reference_records(following))
        self._store.store_inputs(
            number + 1, records, lambda: meta, raw=raw, dropped=excess, dropped_in=number
        )

    def pool(self, number: int) -> Table | None:
        """What synthesizers are told of the prompts that there are already; None for a segment without
        them.
        """
        if not self._pipeline.segments[number].synthesizers:
            return None
        return curator_table([record for record in self._store.inputs(number) if seed_in(record) is None])

    # --- prompts that are written ---------------------------------------------------------------------------

    @cached_property
    def _first_without_seeds(self) -> int:
        """The segment that the last round and the curators after it lead to; -1 where no prompt is
        written.
        """
        segments = self._pipeline.segments
        rounds = [i for i, segment in enumerate(segments) if segment.synthesizers]
        following = range(rounds[-1] + 1, len(segments)) if rounds else ()
        annotates = [
            bool(segment.stages) and all(stage.kind == "annotate" for stage in segment.stages)
            for segment in segments
        ]
        return next((i for i in following if not annotates[i]), -1)

    def _later_seeds(self, segment: Segment, records: Sequence[Record]) -> list[Record]:
        """The seeds of a later round, without those of a synthesizer that has written enough; of a part of
        the prompts the same part.
        """
        targets = {plugin.name: PromptTarget(plugin, records) for plugin in segment.synthesizers}
        enough = [name for name, target in targets.items() if target.is_reached]
        seeds = [
            seed
            for seed in with_unique_ids(_seeds(self._pipeline, segment, enough))
            if not targets[seed.prompt.lineage["synthesizer"]].has_enough_of(seed.prompt.category)
        ]
        if self._share < 1:
            sample = fair_sample([seed.id for seed in seeds], math.ceil(self._share * len(seeds)))
            seeds = [seed for seed in seeds if seed.id in sample]
        return seeds

    def _within_targets(self, number: int, records: list[Record]) -> tuple[list[Record], list[StoredDrop]]:
        """After the last round: no more prompts of a synthesizer than are wanted of it; what falls short is
        said.
        """
        if number != self._first_without_seeds:
            return records, []
        excess: dict[str, StoredDrop] = {}
        for plugin in self._pipeline.segments[0].synthesizers:
            target = PromptTarget(plugin, records)
            for line in target.shortfalls():
                self._progress.stats.notify(line)
            for record, reason in target.excess():
                preview = record.prompt.text[:PREVIEW_CHARACTERS]
                excess[record.id] = StoredDrop(record.id, plugin.name, reason, None, preview, "prompts")
        return [record for record in records if record.id not in excess], list(excess.values())

    def _nothing_written(self, number: int) -> str:
        reasons = [failure["reason"] for failure in self._store.finished(number).failures()]
        example = f", for example: {reasons[0][:200]}" if reasons else ""
        seeds = len(self._store.input_ids(number))
        return f"no prompt was written from {seeds:,} seeds; {len(reasons):,} failed{example}"


def all_prompts(pipeline: Pipeline, bad_rows: list[BadRow]) -> Iterator[Record]:
    """What the sources read, and the seeds of the first round; each with an id of its own. Rows that a source
    leaves out are added to `bad_rows`.
    """

    def sourced() -> Iterator[Record]:
        for stage_plugin in pipeline.sources:
            source: Any = stage_plugin.plugin
            for read in source.read(pipeline.folder):
                if isinstance(read, BadRow):
                    bad_rows.append(read)
                else:
                    yield read

    return with_unique_ids(chain(sourced(), _seeds(pipeline, pipeline.segments[0])))


def sampled(records: Iterable[Record], count: int, salt: str) -> list[Record]:
    """The records of a fair sample, in their order: what `fair_sample` draws of their ids, in one pass."""
    ranked = ((sample_rank(record.id, salt), place, record) for place, record in enumerate(records))
    drawn = heapq.nsmallest(count, ranked, key=lambda row: row[:2])
    return [record for _, _, record in sorted(drawn, key=lambda row: row[1])]


def _seeds(pipeline: Pipeline, segment: Segment, but: Sequence[str] = ()) -> Iterator[Record]:
    for plugin in segment.synthesizers:
        if plugin.name not in but:
            yield from seeds_of(plugin, pipeline.folder, segment.round)


def _reference_records(segment: Segment) -> Iterator[Record]:
    """What the curators that a segment asks for compare its rows with."""
    for plugin in (
        plugin for stage in segment.stages if stage.kind == "annotate" for plugin in stage.plugins
    ):
        for place, prompt in plugin.plugin.reference_rows():
            yield reference_record(plugin.name, place, prompt)
