"""What the commands say at the end of a run."""

import json
from contextlib import closing
from pathlib import Path

from prefgen.calls.batch_files import export_requests
from prefgen.calls.journal import Journal
from prefgen.cli.screen import say, say_note
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
    reason: object = outcome.stopped
    if reason is None and not outcome.complete:
        reason = outcome.incomplete_reason(exported=exported, offline=offline)
    if outcome.lost_every_prompt:
        reason = f"every prompt was lost; `prefgen show lost {outcome.out}` says of what"
    if as_json:
        facts = {"exit_code": outcome.exit_code, "path": str(outcome.out), **outcome.manifest.as_json()}
        if reason is not None:
            facts |= {"error": str(reason)}
        print(json.dumps(facts, ensure_ascii=False))
    elif outcome.complete:
        print(outcome.out / "pairs")
    if reason is not None:
        say(f"prefgen: {reason}", hanging="  ", err=True)
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
    for line in lines:
        say(line, hanging="  ", err=True)


def _print_yield(outcome: RunOutcome) -> None:
    table = outcome.manifest.yields
    outcomes = ", ".join(
        f"{n:,} {name}" for name, n in sorted(table.prompts_by_outcome.items(), key=lambda item: -item[1])
    )
    say(
        f"{table.prompts:,} prompts: {outcomes or 'none finished'}; {table.responses:,} responses, "
        f"{table.pairs:,} pairs",
        hanging="    ",
        err=True,
    )
    for part, n in table.dropped_by_curators.items():
        kind, _, reason = part.partition(": ")
        say(f"  {n:,} {kind} went: {reason}", hanging="    ", err=True)
    for part, n in table.failures.items():
        say(f"  {n:,} replies could not be used: {part}", hanging="    ", err=True)
    if table.failures and outcome.complete:
        say(f"  for example: {table.example_failure}", hanging="    ", err=True)
        say(
            f"  failures.parquet has them all; `prefgen retry {outcome.out} --failed` has them asked again",
            hanging="    ",
            err=True,
        )
    for judge, effect in outcome.manifest.order_effects.items():
        if effect.pairs:
            say(f"  {effect.in_words(judge)}", hanging="    ", err=True)
    for group in table.high_loss_groups:
        say(f"  many were lost: {group}", hanging="    ", err=True)


def export_parked_requests(
    outcome: RunOutcome, options: RunOptions, path: Path, requests_per_file: int | None
) -> None:
    """Write the parked requests as batch files, each whole or not at all."""
    with closing(Journal(options.journal)) as journal:
        written = export_requests(journal, outcome.parked_keys, path, requests_per_file)
    for file, requests in written.items():
        say_note(f"  {requests:,} requests written to {file}")
    for batch in outcome.batches:
        say_note(f"  {batch.requests:,} requests wait in batch {batch.id}, and are in no file")
