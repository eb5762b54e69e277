"""What a run writes at its end: the manifest, the tables of what was lost, and the shards put in place. The
manifest comes last.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from prefgen.calls.budget import PICO, Budget
from prefgen.calls.context import CallContext
from prefgen.calls.usage import Usage
from prefgen.dataset.manifest import JournalDigest, Manifest, OrderEffect, RunCost, ServedBy, StageCost
from prefgen.dataset.unfinished_run import Begun
from prefgen.engine.curator_tables import fair_sample
from prefgen.engine.dropped_rows import write_dropped
from prefgen.engine.previous import move_to_previous
from prefgen.engine.progress import Progress
from prefgen.engine.record_store import RecordStore
from prefgen.engine.run_folder import PARTIAL, append_log, put_in_place
from prefgen.engine.shards import Shards
from prefgen.engine.yield_table import YieldTable
from prefgen.recipe.build import Pipeline
from prefgen.recipe.identity import changed_stages, template_digests
from prefgen.recipe.load import recipe_text
from prefgen.storage.atomic_write import atomic_write, write_json
from prefgen.text.diversity import diversity_measures
from prefgen.version import installed_versions

MEASURED_PROMPTS = 1000
"""Prompts whose variety is measured at the end of a run."""
LIBRARIES = (
    "prefgen", "pyarrow", "pydantic", "jinja2", "datasketch", "rapidfuzz", "py3langid", "distilabel",
    "transformers", "torch",
)  # fmt: skip
"""What shapes the output."""


@dataclass(frozen=True)
class RunSummary:
    """A run at its end, for whoever writes down what it came to."""

    pipeline: Pipeline
    context: CallContext
    store: RecordStore
    budget: Budget
    begun_with: Manifest
    """What was known when nothing had been asked (`manifest_before`)."""
    complete: bool

    @property
    def last_segment(self) -> int:
        return len(self.pipeline.segments) - 1


async def write_output(
    summary: RunSummary, out: Path, shards: Shards | None, before: Manifest | None, progress: Progress
) -> Manifest:
    """Write everything; the finished dataset of an earlier start goes to previous/ where this is another, and
    stays where nobody was asked and this is not whole. Returns the manifest, which is written last and whole.
    """
    stats = summary.context.stats
    progress.phase = "writing"
    table = yield_table(summary)
    manifest = manifest_of(summary, table)  # while the last shards are written
    if shards:
        await shards.finish()
    if summary.complete and shards:
        digests = json.dumps(summary.store.shard_digests()).encode()
        digest = hashlib.blake2b(digests, digest_size=16).hexdigest()
        manifest = manifest.replacing(row_digest=digest)
    is_look = not (summary.context.rules.live or summary.complete)
    if is_look and before is not None and before.complete:
        stats.notify(f"the finished dataset in {out} stays as it is")
    else:
        _put_output(summary, out, shards, before, table, manifest)
    append_log(
        out,
        "end",
        complete=summary.complete,
        stopped=manifest.stopped,
        models=stats.models,
        notices=stats.notices,
    )
    progress.phase = "done" if summary.complete else "stopped"
    return manifest


def _put_output(
    summary: RunSummary,
    out: Path,
    shards: Shards | None,
    before: Manifest | None,
    table: YieldTable,
    manifest: Manifest,
) -> None:
    """Put what a run came to in its folder; the manifest comes last."""
    has_new_shards = (out / PARTIAL).exists()
    is_as_before = summary.complete and not has_new_shards
    if before is not None and before.complete and not is_as_before and _is_another(manifest, before):
        summary.context.stats.notify(f"the dataset that was here is in {move_to_previous(out)} now")
    if summary.complete and shards:
        _write_failures(out, table)
        write_dropped(summary.store.dropped(), out)
        if has_new_shards:
            put_in_place(out, shards.numbers)
            summary.store.set_placed()
    with atomic_write(out / "recipe.yaml") as part:
        part.write_text(resolved_recipe(summary.pipeline), encoding="utf-8")
    write_json(out / "manifest.json", manifest.as_json())


def _is_another(manifest: Manifest, before: Manifest) -> bool:
    """Whether what an earlier start finished must make room: the recipe is another, replies are asked for
    again that may change it, the rows are others, or nobody knows yet, since this start did not come to its
    end and its manifest takes the place of the earlier one.
    """
    changed = changed_stages(before.stage_fingerprints, manifest.stage_fingerprints)
    asked_again = dict(manifest.attempts) != dict(before.attempts)
    other_rows = not manifest.complete or manifest.row_digest != before.row_digest
    return bool(changed) or asked_again or other_rows


def yield_table(summary: RunSummary) -> YieldTable:
    """What became of every prompt, with the failures of earlier segments."""
    table = YieldTable(any(stage.kind == "pair" for stage in summary.pipeline.stages))
    earlier: dict[str, list[dict[str, Any]]] = {}
    for segment in range(summary.last_segment):
        for failure in summary.store.finished(segment).failures():
            earlier.setdefault(failure["record_id"], []).append(failure)
    for counts, failures in summary.store.finished(summary.last_segment).counts():
        table.add(counts, [*earlier.pop(counts["id"], []), *failures])
    table.failures += [failure for failures in earlier.values() for failure in failures]
    return table


def manifest_of(summary: RunSummary, table: YieldTable) -> Manifest:
    """The manifest, but for the row digest, which is known when the last shard is written."""
    context = summary.context
    usage = total_usage(summary)
    by_stage = stage_costs(usage)
    requests = sum(cost.requests for cost in by_stage)
    return summary.begun_with.replacing(
        complete=summary.complete,
        stopped=str(context.run.reason) if context.run.reason else None,
        finished_at=_utc(time.time()),
        served_by=tuple(servers_of(usage)),
        cost=RunCost(
            paid_usd=summary.budget.spent / PICO,
            full_usd=sum(cost.cost_usd for cost in by_stage),
            by_stage=tuple(by_stage),
        ),
        attempts=dict(context.rules.attempts),
        yields=table.summary(row for _, row in summary.store.dropped()),
        prompts=_prompt_measures(summary) if summary.complete else None,
        order_effects={
            judge: OrderEffect(pairs=matrix.pairs, flipped=matrix.flipped, winners=matrix.counts)
            for judge, matrix in sorted(table.orders.items())
        },
        journal_digest=_journal_digest(summary, requests) if summary.complete else None,
    )


def manifest_before(pipeline: Pipeline) -> Manifest:
    """What a manifest says of what a run is made by: all that is known before anything is asked."""
    recipe = pipeline.recipe
    judges = [p for stage in pipeline.stages if stage.kind == "judge" for p in stage.plugins]
    plugins = [*pipeline.sources, *(p for stage in pipeline.stages for p in stage.plugins)]
    return Manifest(
        name=recipe.name,
        version=recipe.version,
        simulated=pipeline.simulated,
        seed=recipe.seed,
        stage_fingerprints=tuple(pipeline.identities),
        code_version=pipeline.code,
        models={
            name: {"use": type(model.backend).name, **model.identity, "sampling": dict(model.sampling)}
            for name, model in pipeline.models.items()
        },
        description=recipe.description,
        judges=tuple(sorted({plugin.name for plugin in judges})),
        models_without_price=tuple(
            sorted(n for n, m in pipeline.models.items() if pipeline.price(m) is None)
        ),
        template_digests=template_digests(plugins),
        unvalidated_judges=tuple(sorted(plugin.name for plugin in judges if plugin.plugin.texts)),
        libraries=installed_versions(LIBRARIES),
    )


def begun_segment(pipeline: Pipeline, number: int) -> Begun:
    """What is known of a run when it begins to work on a segment."""
    segment, *later = pipeline.segments[number:]
    names = chain.from_iterable(
        (
            *(f"the curator {name}" for name, _ in following.curators),
            *(stage.label for stage in following.stages),
        )
        for following in later
    )
    return Begun(
        manifest_before(pipeline),
        resolved_recipe(pipeline),
        tuple(dict.fromkeys(names)),
        chooses_prompts=bool(segment.synthesizers)
        or any(stage.kind in ("annotate", "synthesize") for stage in segment.stages),
    )


def resolved_recipe(pipeline: Pipeline) -> str:
    """The recipe as recipe.yaml has it."""
    return recipe_text(json.loads(json.dumps(pipeline.resolved)))


def total_usage(summary: RunSummary) -> Usage:
    """What all finished records were served and cost."""
    usage = Usage()
    for segment in range(summary.last_segment + 1):
        for text in summary.store.finished(segment).usage():
            usage.merge(Usage.load(text))
    return usage


def stage_costs(usage: Usage) -> list[StageCost]:
    return [
        StageCost(
            stage=stage,
            model=model,
            requests=requests,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost_usd=cost / PICO,
        )
        for (stage, model), (requests, prompt_tokens, completion_tokens, cost) in usage.costs.items()
    ]


def servers_of(usage: Usage) -> list[ServedBy]:
    return [
        ServedBy(
            backend=backend,
            host=host,
            model=model,
            fingerprint=fingerprint,
            replies=int(replies),
            first=_utc(first),
            last=_utc(last),
        )
        for (backend, host, model, fingerprint), (replies, first, last) in sorted(usage.servers.items())
    ]


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _journal_digest(summary: RunSummary, replies: int) -> JournalDigest:
    context, segment = summary.context, summary.last_segment
    identities = [context.stage_key(stage.identity) for stage in summary.pipeline.segments[segment].stages]
    ids = [record_id for _, record_id in summary.store.input_ids(segment)]
    return JournalDigest(replies=replies, digest=context.journals.progress.asked_digest(ids, identities))


def _prompt_measures(summary: RunSummary) -> Mapping[str, Any] | None:
    """How varied the prompts are, where some were written; of a fair sample of them."""
    if not summary.pipeline.segments[0].synthesizers:
        return None
    store, segment = summary.store, summary.last_segment
    wanted = fair_sample([record_id for _, record_id in store.input_ids(segment)], MEASURED_PROMPTS)
    prompts = [record.prompt for record in store.inputs(segment) if record.id in wanted]
    measures = diversity_measures(
        [(prompt.text, prompt.category) for prompt in prompts],
        grounded=[prompt.grounded for prompt in prompts],
    )
    return {name: value for name, (value, _) in measures.items()}


def _write_failures(out: Path, table: YieldTable) -> None:
    from prefgen.dataset.parquet import FAILURES, write_lines  # pyarrow

    write_lines([orjson.dumps(failure) for failure in table.failures], FAILURES, out / "failures.parquet")
