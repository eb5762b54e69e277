"""The curators of a segment at work: each sees the whole set, and says which rows go and why."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from prefgen.dataset.record_codec import StoredDrop
from prefgen.engine.curator_tables import (
    curator_table,
    pair_previews,
    pair_table,
    reference_table,
    with_pairs,
    with_prompt,
    with_unique_ids,
    without_vectors,
)
from prefgen.errors import NoPromptsLeft, PluginError, PrefgenError
from prefgen.plugins.plugin import Plugin
from prefgen.plugins.type_words import kind_of
from prefgen.tables import Dropped, Table
from prefgen.types import Prompt, Record

PREVIEW_CHARACTERS = 500


async def run_curators(
    curators: Sequence[tuple[str, Plugin]],
    records: list[Record],
    references: Sequence[Record],
    notify: Callable[[str], object],
) -> tuple[list[Record], list[StoredDrop]]:
    """(what all curators leave, what each dropped). `references` are rows that the first of them compares
    with.

    Raises NoPromptsLeft where one drops every prompt, PluginError where one breaks its contract.
    """
    drops: list[StoredDrop] = []
    for name, curator in curators:
        records = _rewrite_prompts(name, curator, records)
        is_of_pairs = curator.operates_on == "pairs"
        table = pair_table(records) if is_of_pairs else curator_table(records, curator.output_column())
        if references:
            table = replace(table, reference_rows=reference_table(references, curator.output_column()))
            references = ()
        curated = await _call_curator(name, curator, table)
        for notice in curated.notices:
            notify(notice)
        drops += _stored_drops(name, curator, curated, records)
        before, went = table.rows.num_rows, len(curated.dropped)
        notify(f"{name}: {went:,} of {before:,} {curator.operates_on} went")
        if before and not curated.rows.num_rows and not is_of_pairs:
            why = f"{name} dropped all {before:,} prompts. Change its fields, or the prompts, and run again"
            raise NoPromptsLeft(why)
        records = _kept_pairs(name, curated, records) if is_of_pairs else _kept_prompts(curated, records)
    columns = [curator.output_column() for _, curator in curators]
    return [without_vectors(record, columns) for record in records], drops


def _kept_prompts(curated: Table, records: Sequence[Record]) -> list[Record]:
    kept = set(curated.ids())
    return [record for record in records if record.id in kept]


def _kept_pairs(name: str, curated: Table, records: Sequence[Record]) -> list[Record]:
    probabilities = dict(zip(curated.ids(), curated.column("chosen_probability"), strict=True))
    return [with_pairs(record, probabilities, name) for record in records]


def _stored_drops(name: str, curator: Plugin, curated: Table, records: Sequence[Record]) -> list[StoredDrop]:
    if curator.operates_on == "pairs":
        previews = pair_previews(records)
    else:
        previews = {record.id: record.prompt.text[:PREVIEW_CHARACTERS] for record in records}
    return [
        StoredDrop(row_id, name, drop.reason, drop.neighbour, previews[row_id], curator.operates_on)
        for row_id, drop in sorted(curated.dropped.items())
    ]


async def _call_curator(name: str, curator: Any, table: Table) -> Table:
    """What a curator makes of a table, checked: every row that is missing has a reason. Raises
    PluginError.
    """
    try:
        curated = await asyncio.to_thread(curator.curate, table)
    except PrefgenError:
        raise
    except Exception as bug:
        raise PluginError(f"curator {name!r} failed: {type(bug).__name__}: {bug}") from bug
    if not isinstance(curated, Table):
        raise PluginError(f"curator {name!r} returned {kind_of(curated)}, not a Table")
    violation = _contract_violation(curated, table)
    if violation:
        raise PluginError(f"curator {name!r} {violation}")
    kept = set(curated.ids())
    unexplained = {
        row_id: Dropped(f"dropped by {name}")
        for row_id in table.ids()
        if row_id not in kept and row_id not in curated.dropped
    }
    return Table(curated.rows, {**curated.dropped, **unexplained}, curated.notices)


def _contract_violation(curated: Table, table: Table) -> str | None:
    """What a curator may not have done to a table, in words."""
    if set(table.rows.column_names) - set(curated.rows.column_names):
        return "returned a table that lacks columns of the one that it was given"
    unknown = ({*curated.ids()} | {*curated.dropped}) - {*table.ids()}
    if unknown:
        return f"names the row {sorted(unknown)[0]!r}, which it was not given"
    if "chosen_probability" not in table.rows.column_names:
        return None
    probabilities = curated.column("chosen_probability")
    outside = next((p for p in probabilities if p is not None and not 0 <= p <= 1), None)
    return None if outside is None else f"set a chosen_probability of {outside!r}: it lies within 0 to 1"


def _rewrite_prompts(name: str, curator: Plugin, records: list[Record]) -> list[Record]:
    """The records with prompts as a curator rewrites them. Raises PluginError."""
    if type(curator).rewrite is Plugin.rewrite:
        return records
    rewritten: list[Record] = []
    for record in records:
        prompt: Any = curator.rewrite(record.prompt)
        if not isinstance(prompt, Prompt):
            raise PluginError(f"curator {name!r} rewrote a prompt as {kind_of(prompt)}, not a Prompt")
        rewritten.append(record if prompt == record.prompt else with_prompt(record, prompt))
    return list(with_unique_ids(rewritten))
