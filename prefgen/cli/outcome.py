"""What the commands say at the end of a run."""

import json
import sys
from contextlib import closing
from pathlib import Path

import typer

from prefgen.calls.batch_files import export_requests
from prefgen.calls.journal import Journal
from prefgen.engine.run import RunOptions, RunOutcome
from prefgen.recipe.build import Pipeline


def print_outcome(
    outcome: RunOutcome,
    pipeline: Pipeline,
    *,
    as_json: bool,
    quiet: bool,
    exported: bool = False,
    offline: bool = False,
) -> None:
    """The end of a run: JSON on stdout, or the dataset's folder on stdout and the rest on stderr."""
    reason = outcome.stopped or outcome.incomplete_reason(exported=exported, offline=offline)
    if as_json:
        facts = {"exit_code": outcome.exit_code, "path": str(outcome.out), **outcome.manifest.as_json()}
        if outcome.stopped is not None or not outcome.complete:
            facts |= {"error": str(reason)}
        print(json.dumps(facts, ensure_ascii=False))
    elif outcome.complete:
        print(outcome.out / "pairs")
    if outcome.stopped is not None:
        typer.echo(f"prefgen: {outcome.stopped}", err=True)
    elif not outcome.complete:
        typer.echo(f"prefgen: {outcome.incomplete_reason(exported=exported, offline=offline)}", err=True)
    if quiet:
        return
    _print_yield(outcome)
    if outcome.complete:
        _print_dataset(outcome)


def _print_dataset(outcome: RunOutcome) -> None:
    """What the dataset cost, where it is, and what to look at next."""
    pairs, cost = outcome.manifest.yields.pairs, outcome.manifest.cost
    per_pair = f", ${cost.full_usd / pairs:.4f} a pair" if pairs and cost.full_usd else ""
    unpriced = ", ".join(outcome.manifest.models_without_price)
    unpriced_note = f" (no price is listed for {unpriced}: what they cost is not in it)" if unpriced else ""
    lines = [
        f"  paid ${cost.paid_usd:.4f} in this folder; ${cost.full_usd:.4f} if it were made anew{per_pair}"
        f"{unpriced_note}",
        f"  row digest {outcome.manifest.row_digest}",
        "",
    ]
    if pairs:
        lines += [
            f"The dataset is in {outcome.out}: pairs/ for training, records/ for everything, report.html to "
            "look at.",
            f"Next: prefgen check {outcome.out}    prefgen show pairs {outcome.out}",
        ]
    else:
        lines += [
            f"No pairs were made. {outcome.out} has records/ for everything, report.html to look at.",
            f"Next: prefgen show records {outcome.out}",
        ]
    typer.echo("\n".join(lines), err=True)


def _print_yield(outcome: RunOutcome) -> None:
    table = outcome.manifest.yields
    outcomes = ", ".join(
        f"{n:,} {name}" for name, n in sorted(table.prompts_by_outcome.items(), key=lambda item: -item[1])
    )
    typer.echo(
        f"{table.prompts:,} prompts: {outcomes or 'none finished'}; {table.responses:,} responses, "
        f"{table.pairs:,} pairs",
        err=True,
    )
    for part, n in table.dropped_by_curators.items():
        kind, _, reason = part.partition(": ")
        typer.echo(f"  {n:,} {kind} went: {reason}", err=True)
    for part, n in table.failures.items():
        typer.echo(f"  {n:,} replies could not be used: {part}", err=True)
    if table.failures and outcome.complete:
        typer.echo(f"  for example: {table.example_failure}", err=True)
        typer.echo(
            f"  failures.parquet has them all; `prefgen retry {outcome.out} --failed` has them asked again",
            err=True,
        )
    for group in table.high_loss_groups:
        typer.echo(f"  many were lost: {group}", err=True)


def export_parked_requests(outcome: RunOutcome, options: RunOptions, path: Path) -> None:
    """Write the parked requests as a batch file, whole or not at all."""
    with closing(Journal(options.journal)) as journal:
        export_requests(journal, outcome.parked_keys, path)
    print(f"  {len(outcome.parked_keys):,} requests written to {path}", file=sys.stderr)
