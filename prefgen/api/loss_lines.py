"""What was lost of a run's prompts: where, why, and the raw replies, line by line."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prefgen.dataset.manifest import Manifest
from prefgen.dataset.read_run import FinishedRun
from prefgen.dataset.unfinished_run import UnfinishedRun
from prefgen.text.plain_text import one_line, plain
from prefgen.text.said_lines import Line, line

Loss = Mapping[str, Any]
"""A row of failures.parquet."""


def losses_of(run: FinishedRun | UnfinishedRun, ids: Collection[str]) -> Mapping[str, Sequence[Loss]]:
    """{record's id: what was lost of it} of these records."""
    losses: dict[str, list[Loss]] = {record_id: [] for record_id in ids}
    for loss in with_models((row for row in run.failures() if row["record_id"] in losses), run.manifest):
        losses[loss["record_id"]].append(loss)
    return losses


def with_models(losses: Iterable[Loss], manifest: Manifest) -> Iterator[dict[str, Any]]:
    """The rows; one that names no model, and is of a stage that asked one model alone, is certainly of
    that one.
    """
    models: dict[str, set[str]] = {}
    for cost in manifest.cost.by_stage:
        models.setdefault(cost.stage, set()).add(cost.model)
    only = {stage: next(iter(names)) for stage, names in models.items() if len(names) == 1}
    for row in losses:
        yield {**row, "model": row["model"] or (only.get(row["stage"]) if row["keys"] else None)}


def lost_by(loss: Loss) -> str:
    """The stage, the plug-in and the model, each where it is known and is not said yet."""
    stage, plugin = loss["stage"], loss["plugin"]
    where = stage if plugin in (None, stage) else f"{stage}: {plugin}"
    return one_line(f"{where} ({loss['model']})" if loss["model"] else where)


def loss_lines(loss: Loss, limit: int) -> Iterator[Line]:
    """Why, and of each raw reply up to `limit` characters."""
    yield line(one_line(loss["reason"] or "no reason is known", 600), indent="      ", hanging="  ")
    for number, reply in enumerate(loss["replies"] or (), 1):
        first, *others = plain(reply, limit).split("\n")
        yield line((f"      reply {number}", "dim"), f": {first}", hanging="        ")
        for text in others:
            yield line(text, indent="        ")
