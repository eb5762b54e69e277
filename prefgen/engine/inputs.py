"""What goes into each segment of a run: the prompts that are read, the seeds of synthesizers, and what curators leave of both."""

import asyncio
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any

from prefgen.engine.curator_tables import (
    curator_table,
    fair_sample,
    following_records,
    is_reference_row,
    pair_previews,
    pair_table,
    reference_record,
    reference_table,
    with_pairs,
    with_prompt,
    with_unique_ids,
    without_vectors,
)
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import DroppedRow as DroppedRow
from prefgen.engine.record_store import RecordStore
from prefgen.engine.seeds import seeds_of
from prefgen.engine.targets import PromptTarget
from prefgen.errors import NoPromptsLeft, PluginError, PrefgenError, RecipeError
from prefgen.plugins.registry import Plugin
from prefgen.recipe.build import Pipeline
from prefgen.recipe.segments import Segment
from prefgen.stages.synthesize import seed_in
from prefgen.tables import Dropped, Table
from prefgen.types import Prompt, Record


def all_prompts(pipeline: Pipeline) -> Iterator[Record]:
    """What the sources read, and the seeds of the first round; each with an id of its own."""

    def sourced() -> Iterator[Record]:
        for plugged in pipeline.sources:
            source: Any = plugged.plugin
            yield from source.read(pipeline.folder)

    return with_unique_ids(chain(sourced(), _seeds(pipeline, pipeline.segments[0])))


def _seeds(pipeline: Pipeline, segment: Segment, but: Sequence[str] = ()) -> Iterator[Record]:
    for plugged in segment.synthesizers:
        if plugged.name not in but:
            yield from seeds_of(plugged, pipeline.folder, segment.round)


class Inputs:
    """The input of every segment, in the spool. `limit` and `only` say that a part of the prompts is worked on."""

    def __init__(
        self,
        pipeline: Pipeline,
        spool: RecordStore,
        progress: Progress,
        *,
        limit: int | None,
        only: frozenset[str] | None,
    ) -> None:
        self._pipeline = pipeline
        self._spool = spool
        self._progress = progress
        self._limit = limit
        self._only = only

    def read(self) -> None:
        """Store the prompts as the first segment's input, unless just these are stored already. Raises RecipeError when there are none."""
        first = self._pipeline.segments[0]
        raw = bool(first.curators)
        digest = hashlib.blake2b(digest_size=16)

        def meta() -> tuple[str, str]:
            return "prompts", f"{digest.hexdigest()} {self._limit} {raw}"

        before = self._spool.meta("prompts")
        if before is None:
            count = self._spool.store_inputs(0, self._first(), meta, raw=raw, seen=digest.update)
        else:
            count = 0
            for record in self._first():
                count += 1
                digest.update(record.model_dump_json().encode())
            if before != meta()[1]:
                now = meta()
                self._spool.store_inputs(0, self._first(), lambda: now, raw=raw)
        if not count:
            names = [p.name for p in (*self._pipeline.sources, *first.synthesizers)]
            raise RecipeError("the recipe's prompts are empty: no row was read from " + ", ".join(names))

    def _first(self) -> Iterator[Record]:
        """What the first segment works on: nothing at all where there are no prompts."""
        prompts = self._prompts()
        first = next(prompts, None)
        return (
            iter(())
            if first is None
            else chain([first], prompts, _reference_records(self._pipeline.segments[0]))
        )

    def _prompts(self) -> Iterator[Record]:
        records = all_prompts(self._pipeline)
        wanted = self._wanted
        return records if wanted is None else (r for r in records if r.id in wanted)

    @cached_property
    def _wanted(self) -> frozenset[str] | None:
        """The ids that are worked on, where not all of them are."""
        if self._only is not None or self._limit is None:
            return self._only
        return fair_sample([r.id for r in all_prompts(self._pipeline)], self._limit)

    @cached_property
    def _share(self) -> float:
        return (
            1.0
            if self._wanted is None
            else len(self._wanted) / max(1, sum(1 for _ in all_prompts(self._pipeline)))
        )

    @cached_property
    def _first_without_seeds(self) -> int:
        """The segment that the last round and the curators after it lead to; -1 where no prompt is written."""
        rounds = [i for i, segment in enumerate(self._pipeline.segments) if segment.synthesizers]
        following = range(rounds[-1] + 1, len(self._pipeline.segments)) if rounds else ()
        annotating = [
            bool(segment.stages) and all(step.kind == "annotate" for step in segment.stages)
            for segment in self._pipeline.segments
        ]
        return next((i for i in following if not annotating[i]), -1)

    def _later_seeds(self, segment: Segment, records: Sequence[Record]) -> list[Record]:
        """The seeds of a later round, without those of a synthesizer that has written enough; of a part of the prompts the same part."""
        missing = {p.name: PromptTarget(p, records) for p in segment.synthesizers}
        enough = [name for name, wanted in missing.items() if wanted.is_reached]
        seeds = [
            seed
            for seed in with_unique_ids(_seeds(self._pipeline, segment, enough))
            if not missing[seed.prompt.lineage["synthesizer"]].has_enough_of(seed.prompt.category)
        ]
        if self._share < 1:
            wanted = fair_sample([r.id for r in seeds], math.ceil(self._share * len(seeds)))
            seeds = [r for r in seeds if r.id in wanted]
        return seeds

    async def curate(self, number: int, fingerprint: str) -> None:
        """Let the curators of a segment thin what stands before it, unless they have. Raises NothingLeft when no prompt stays."""
        segment = self._pipeline.segments[number]
        if not segment.curators or self._spool.meta(f"curated {number}") == fingerprint:
            return
        self._progress.phase = "curating"
        raw = list(self._spool.raw_inputs(number))
        records = [r for r in raw if not is_reference_row(r)]
        references = [
            r for r in raw if is_reference_row(r)
        ]  # of the first curator: one that annotates stands first
        gone: list[DroppedRow] = []
        for name, curator in segment.curators:
            pairs = curator.operates_on == "pairs"
            records = _rewritten(name, curator, records)
            table = pair_table(records) if pairs else curator_table(records, curator.output_column())
            if references:
                table, references = (
                    replace(table, reference_rows=reference_table(references, curator.output_column())),
                    [],
                )
            thinned = await self._thin(name, curator, table)
            odds = thinned.column("chosen_probability") if pairs else [None] * thinned.rows.num_rows
            kept: dict[str, float | None] = dict(zip(thinned.ids(), odds, strict=True))
            texts = pair_previews(records) if pairs else {r.id: r.prompt.text[:500] for r in records}
            gone += [
                (i, name, g.reason, g.neighbour, texts[i], curator.operates_on)
                for i, g in sorted(thinned.dropped.items())
            ]
            self._progress.stats.notify(
                f"{name}: {len(thinned.dropped):,} of {table.rows.num_rows:,} {curator.operates_on} went"
            )
            if not kept and table.rows.num_rows and not pairs:
                raise NoPromptsLeft(
                    f"{name} dropped all {table.rows.num_rows:,} prompts. Change its fields, or the prompts, and run again"
                )
            records = (
                [with_pairs(r, kept, name) for r in records]
                if pairs
                else [r for r in records if r.id in kept]
            )
        records = [
            without_vectors(r, [curator.output_column() for _, curator in segment.curators]) for r in records
        ]
        records, over = self._to_target(number, records)
        left = chain(records, self._later_seeds(segment, records), _reference_records(segment))
        self._spool.store_inputs(
            number, left, lambda: (f"curated {number}", fingerprint), gone=[*gone, *over]
        )
        self._spool.set_meta(f"segment {number}", fingerprint)

    async def _thin(self, name: str, curator: Plugin, table: Table) -> Table:
        thin: Callable[[Table], Table] = curator.curate  # pyright: ignore[reportAttributeAccessIssue] - the role has it
        try:
            thinned = await asyncio.to_thread(thin, table)
        except PrefgenError:
            raise
        except Exception as bug:
            raise PluginError(f"curator {name!r} failed: {type(bug).__name__}: {bug}") from bug
        if not isinstance(thinned, Table):  # pyright: ignore[reportUnnecessaryIsInstance] - a plug-in's word
            raise PluginError(f"curator {name!r} returned {type(thinned).__name__}, not a Table")
        wrong = _not_of(thinned, table)
        if wrong:
            raise PluginError(f"curator {name!r} {wrong}")
        left = set(thinned.ids())
        unsaid = {
            i: Dropped(f"dropped by {name}")
            for i in table.ids()
            if i not in left and i not in thinned.dropped
        }
        for line in thinned.notices:
            self._progress.stats.notify(line)
        return Table(thinned.rows, {**thinned.dropped, **unsaid})

    def pass_on(self, number: int) -> None:
        """A finished segment's records become the next one's input; of a seed, the prompts that were written. Raises NothingLeft."""
        digest = hashlib.blake2b(digest_size=16)
        for record, *_ in self._spool.lines(number):
            digest.update(record)
        following = self._pipeline.segments[number + 1]
        raw = bool(following.curators)
        meta = (f"input {number + 1}", f"{digest.hexdigest()} {raw}")
        if self._spool.meta(meta[0]) == meta[1]:
            return
        records = with_unique_ids(
            grown for record in self._spool.results(number) for grown in following_records(record)
        )
        gone: list[DroppedRow] = []
        if self._pipeline.segments[number].synthesizers:
            written = list(records)
            if not written:
                raise NoPromptsLeft(self._nothing_written(number))
            if not raw:
                written, gone = self._to_target(number + 1, written)
                written += self._later_seeds(following, written)
            records = iter(written)
        if not raw:
            records = chain(records, _reference_records(following))
        self._spool.store_inputs(number + 1, records, lambda: meta, raw=raw, gone=gone, gone_in=number)

    def _nothing_written(self, number: int) -> str:
        failures = [failure["reason"] for failure in self._spool.failures_of(number)]
        example = f", for example: {failures[0][:200]}" if failures else ""
        return f"no prompt was written from {len(self._spool.input_ids(number)):,} seeds; {len(failures):,} failed{example}"

    def _to_target(self, number: int, records: list[Record]) -> tuple[list[Record], list[DroppedRow]]:
        """After the last round: no more prompts of a synthesizer than are wanted of it; what falls short is said."""
        segments = self._pipeline.segments
        if number != self._first_without_seeds:
            return records, []
        over: dict[str, DroppedRow] = {}
        for plugged in segments[0].synthesizers:
            wanted = PromptTarget(plugged, records)
            for line in wanted.shortfalls():
                self._progress.stats.notify(line)
            for record, reason in wanted.excess():
                over[record.id] = (record.id, plugged.name, reason, None, record.prompt.text[:500], "prompts")
        return [r for r in records if r.id not in over], list(over.values())

    def pool(self, number: int) -> Table | None:
        """What synthesizers are told of the prompts that there are already; None for a segment without them."""
        if not self._pipeline.segments[number].synthesizers:
            return None
        return curator_table([r for r in self._spool.inputs(number) if seed_in(r) is None])


def _reference_records(segment: Segment) -> Iterator[Record]:
    """What the curators that a segment asks for compare its rows with."""
    for plugged in (p for step in segment.stages if step.kind == "annotate" for p in step.plugins):
        if hasattr(plugged.plugin, "reference_rows"):
            yield from (
                reference_record(plugged.name, place, prompt)
                for place, prompt in plugged.plugin.reference_rows()
            )


def _rewritten(name: str, curator: Any, records: list[Record]) -> list[Record]:
    """The records with prompts as a curator rewrites them. Raises PluginError."""
    if not hasattr(curator, "rewrite"):
        return records
    made: list[Record] = []
    for record in records:
        prompt = curator.rewrite(record.prompt)
        if not isinstance(prompt, Prompt):
            raise PluginError(f"curator {name!r} rewrote a prompt as {type(prompt).__name__}, not a Prompt")
        made.append(record if prompt == record.prompt else with_prompt(record, prompt))
    return list(with_unique_ids(made))


def _not_of(thinned: Table, table: Table) -> str | None:
    """What a curator may not have done to a table, in words."""
    if set(table.rows.column_names) - set(thinned.rows.column_names):
        return "returned a table that lacks columns of the one that it was given"
    strange = ({*thinned.ids()} | {*thinned.dropped}) - {*table.ids()}
    if strange:
        return f"names the row {sorted(strange)[0]!r}, which it was not given"
    odds = thinned.column("chosen_probability") if "chosen_probability" in table.rows.column_names else []
    bad = next((p for p in odds if p is not None and not 0 <= p <= 1), None)
    return None if bad is None else f"set a chosen_probability of {bad!r}: it lies within 0 to 1"
