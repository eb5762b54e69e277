"""Synthesize stage: the synthesizer that a seed was made for writes prompts.

Reads  a seed, which stands in the record's lineage, and the pool of the prompts that there are already
Adds   prompts, which become records of their own when the segment ends

A record that is no seed goes through as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prefgen.errors import ReplyError
from prefgen.roles import Ask
from prefgen.stages.stage import AskFor, Stage, StagePlugin, returned_items, run_stage
from prefgen.tables import Table
from prefgen.types import Failure, Prompt, Record, Seed, content_id, user


def seed_record(synthesizer: str, seed: Seed, **fields: Any) -> Record:
    """A record that carries a seed to the synthesizer of that name."""
    lineage = {"synthesizer": synthesizer, "seed": seed.model_dump(mode="json")}
    message = user(seed.text if seed.text else f"seed {seed.index}")
    # a synthesizer more, or one fewer, changes no other's seeds
    record_id = content_id("seed of", synthesizer, seed.id)
    return Record(
        prompt=Prompt(id=record_id, messages=(message,), source=synthesizer, lineage=lineage, **fields)
    )


def seed_in(record: Record) -> Seed | None:
    """The seed that a record carries; None for a prompt."""
    seed_data = record.prompt.lineage.get("seed")
    return Seed.model_validate(seed_data) if isinstance(seed_data, Mapping) else None


async def run(stage: Stage, record: Record, ask_for: AskFor, pool: Table) -> tuple[Record, list[Failure]]:
    seed = seed_in(record)
    if seed is None:
        return record, []
    synthesizers = [p for p in stage.plugins if p.name == record.prompt.lineage["synthesizer"]]

    def arguments(record: Record, stage_plugin: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
        return [(seed, ask, pool)]

    def read_result(
        record: Record, stage_plugin: StagePlugin, result: Any
    ) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
        items = returned_items(f"synthesizer {stage_plugin.name!r}", result, Prompt, ReplyError)
        reply_errors = [item for item in items if isinstance(item, ReplyError)]
        prompts = [item for item in items if isinstance(item, Prompt)]
        return {
            "prompts": [_with_lineage(stage_plugin.name, seed, record, prompt) for prompt in prompts]
        }, reply_errors

    return await run_stage(replace(stage, plugins=synthesizers), record, ask_for, arguments, read_result)


def _with_lineage(synthesizer: str, seed: Seed, record: Record, prompt: Prompt) -> Prompt:
    """The prompt, which says where it comes from."""
    lineage = {
        **prompt.lineage,
        "synthesizer": synthesizer,
        "seed_id": record.id,
        "round": seed.round,
        "grounded": bool(seed.text),
    }
    return prompt.replacing(
        origin="synthesized",
        source=synthesizer if prompt.source == "unknown" else prompt.source,
        category=prompt.category or record.prompt.category,
        language=prompt.language or record.prompt.language,
        license=record.prompt.license if prompt.license == "unknown" else prompt.license,
        lineage={name: value for name, value in lineage.items() if name != "seed"},
    )
