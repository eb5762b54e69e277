"""Synthesize stage: the synthesizer that a seed was made for writes prompts.

Reads  a seed, which stands in the record's lineage, and the pool of the prompts that there are already
Adds   prompts, which become records of their own when the segment ends

A record that is no seed goes through as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prefgen.errors import PluginError, ReplyError
from prefgen.roles import Ask
from prefgen.stages.stage import AskFor, Stage, StagePlugin, run_stage
from prefgen.tables import Table
from prefgen.types import Failure, Prompt, Record, Seed, content_id, user


def seed_record(synthesizer: str, seed: Seed, **fields: Any) -> Record:
    """A record that carries a seed to the synthesizer of that name."""
    lineage = {"synthesizer": synthesizer, "seed": seed.model_dump(mode="json")}
    shown = user(seed.text if seed.text else f"seed {seed.index}")
    made_id = content_id(
        "seed of", synthesizer, seed.id
    )  # a synthesizer more, or one fewer, changes no other's seeds
    return Record(prompt=Prompt(id=made_id, messages=(shown,), source=synthesizer, lineage=lineage, **fields))


def seed_in(record: Record) -> Seed | None:
    """The seed that a record carries; None for a prompt."""
    found = record.prompt.lineage.get("seed")
    return Seed.model_validate(found) if isinstance(found, Mapping) else None


async def run(step: Stage, record: Record, ask_for: AskFor, pool: Table) -> tuple[Record, list[Failure]]:
    seed = seed_in(record)
    if seed is None:
        return record, []
    mine = [p for p in step.plugins if p.name == record.prompt.lineage["synthesizer"]]

    def arguments(record: Record, plugged: StagePlugin, ask: Ask) -> Sequence[tuple[Any, ...]]:
        return [(seed, ask, pool)]

    def adds(
        record: Record, plugged: StagePlugin, result: Any
    ) -> tuple[Mapping[str, Sequence[Any]], Sequence[ReplyError]]:
        lost = [one for one in result if isinstance(one, ReplyError)]
        prompts = [one for one in result if isinstance(one, Prompt)]
        if len(prompts) + len(lost) != len(result):
            odd = next(one for one in result if not isinstance(one, Prompt | ReplyError))
            raise PluginError(f"synthesizer {plugged.name!r} returned {type(odd).__name__}, not a Prompt")
        return {"prompts": [_from(plugged.name, seed, record, prompt) for prompt in prompts]}, lost

    return await run_stage(replace(step, plugged=mine), record, ask_for, arguments, adds)


def _from(synthesizer: str, seed: Seed, record: Record, prompt: Prompt) -> Prompt:
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
        licence=record.prompt.licence if prompt.licence == "unknown" else prompt.licence,
        lineage={name: value for name, value in lineage.items() if name != "seed"},
    )
