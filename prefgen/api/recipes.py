"""`prefgen.preview(...)` and `prefgen.plan(...)`: what a run would make, and what it would ask and cost."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefgen.api.consent import refuse_unasked
from prefgen.api.loss_lines import losses_of
from prefgen.api.notebook import shown_in_notebook
from prefgen.api.options import require_one
from prefgen.api.record_lines import record_lines
from prefgen.api.run import options_of, pipeline_of, wait_for_run, with_warnings
from prefgen.api.waiting import wait_for
from prefgen.dataset.read_run import FinishedRun, complete_manifest
from prefgen.engine.plan import Plan, make_plan
from prefgen.engine.run import Runner
from prefgen.errors import EndpointDown
from prefgen.text.said_lines import RULE_WIDTH, Line, Said, line
from prefgen.types import Record


@dataclass(frozen=True, repr=False)
class Preview(Said):
    """What became of a few prompts. What they cost, a run that follows does not pay again."""

    records: Sequence[Record]
    paid_usd: float
    failures: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """{record's id: what was lost of it, as rows of failures.parquet}."""

    def said_lines(self) -> Iterator[Line]:
        """What came of how many, then each of them."""
        pairs = sum(len(record.pairs) for record in self.records)
        paid = f"; {paid_note(self.paid_usd)}" if self.paid_usd else ""
        yield line((f"{pairs:,} pairs of {len(self.records):,} prompts", "bold"), paid)
        for record in self.records:
            yield line("─" * RULE_WIDTH)
            yield from record_lines(record, self.failures.get(record.id, ()))


def paid_note(paid_usd: float) -> str:
    return f"paid ${paid_usd:.4f}, which a run that follows does not pay again (nor count against its budget)"


def preview(
    recipe: str | Path | Mapping[str, Any],
    *,
    n: int = 5,
    out: str | Path | None = None,
    journal: str | Path | None = None,
    sets: Sequence[str] = (),
    yes: bool = False,
    quiet: bool = False,
) -> Preview:
    """Run a fair sample of `n` prompts. Raises what stopped it, EndpointDown where replies are missing, and
    RecipeError where the recipe changed since the run in `out` and it would pay for anything, unless `yes`.
    """
    require_one("n", n)
    pipeline = pipeline_of(recipe, sets).asked_live()  # somebody waits for it
    of_run = options_of(pipeline, out, journal, limit=n)
    wait_for(lambda: refuse_unasked(pipeline, of_run, yes=yes, of=of_run.out))
    with tempfile.TemporaryDirectory(prefix="prefgen-preview-") as folder:
        options = options_of(pipeline, Path(folder) / pipeline.recipe.name, journal, limit=n)
        runner = with_warnings(Runner(pipeline, options))
        with shown_in_notebook(runner.progress, quiet=quiet) as update:
            outcome = wait_for_run(runner, update)
        if outcome.stopped is not None:
            raise outcome.stopped
        if not outcome.complete:
            raise EndpointDown(outcome.incomplete_reason())
        records, losses = preview_records(outcome.out)
        return Preview(records, outcome.manifest.cost.paid_usd, losses)


def preview_records(run: Path) -> tuple[Sequence[Record], Mapping[str, Sequence[Mapping[str, Any]]]]:
    """The records of a complete run, and what was lost of each by its id."""
    finished = FinishedRun(run, complete_manifest(run))
    records = tuple(finished.records())
    return records, losses_of(finished, {record.id for record in records})


def plan(
    recipe: str | Path | Mapping[str, Any],
    *,
    sample: int = 50,
    out: str | Path | None = None,
    journal: str | Path | None = None,
    sets: Sequence[str] = (),
    why: bool = False,
) -> Plan:
    """What a run would ask and cost, from `sample` of its prompts, without asking. Raises RecipeError."""
    require_one("sample", sample)
    pipeline = pipeline_of(recipe, sets)
    options = options_of(pipeline, out, journal)
    return wait_for(lambda: make_plan(pipeline, options, sample=sample, why=why))
