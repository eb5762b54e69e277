"""prefgen show lost, prefgen show dropped: what became of the prompts that are in no pair."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from prefgen.api.choose_rows import rows_of_id
from prefgen.cli.arguments import AsJsonOption, IdArgument
from prefgen.cli.completion import complete_runs
from prefgen.cli.say_partial import say_partial
from prefgen.cli.screen import NoPagerOption, paged, say, say_lines, say_note
from prefgen.errors import RecipeError
from prefgen.text.plain_text import one_line

RunArgument = Annotated[
    Path, typer.Argument(help="A run's folder.", show_default=False, autocompletion=complete_runs)
]
RunOrMixArgument = Annotated[
    Path, typer.Argument(help="A run's folder, or a mix's.", show_default=False, autocompletion=complete_runs)
]
SampleOfEachOption = Annotated[
    int | None,
    typer.Option(
        "--sample",
        help="How many of each kind, a seeded draw. Default: 5; with --json, all.",
        min=1,
        show_default=False,
    ),
]
CodeOption = Annotated[
    str | None, typer.Option("--code", help="Only failures with this code, such as length.")
]
PER_KIND = 5
"""Rows of each kind that a person is shown."""


def lost(
    run: RunArgument,
    row_id: IdArgument = None,
    code: CodeOption = None,
    sample: SampleOfEachOption = None,
    seed: int = 0,
    no_pager: NoPagerOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """What a run lost, by code: the prompt's beginning, the stage, the model, why, and the raw replies."""
    from prefgen.api.loss_lines import with_models
    from prefgen.dataset.read_run import open_run

    opened = open_run(run)
    failures = list(opened.failures())
    if row_id is not None:
        failures = rows_of_id(failures, row_id, lambda row: [row["record_id"]])
    counts = Counter(row["code"] for row in failures)
    if code is not None and failures and code not in counts:
        known = ", ".join(f"{name} ({n:,})" for name, n in sorted(counts.items()))
        raise RecipeError(f"--code: nothing was lost with {code!r} in {str(run)!r}; there are {known}")
    most = _most(sample, as_json or row_id is not None)
    shown = _some_of_each([row for row in failures if code in (None, row["code"])], "code", most, seed)
    texts = opened.prompt_texts({row["record_id"] for row in shown})
    rows = [{**row, "prompt": texts.get(row["record_id"])} for row in with_models(shown, opened.manifest)]
    say_partial(opened.partial, as_json=as_json)
    if as_json:
        _print_lines(rows)
    elif not failures:
        say_note(f"{run} lost nothing{' so far' if opened.partial else ''}")
    else:
        limit = 1200 if row_id is None else sys.maxsize
        with paged(off=no_pager):
            _print_kinds(rows, "code", counts, lambda row: _print_failure(row, limit))


def dropped(
    run: RunOrMixArgument,
    row_id: IdArgument = None,
    sample: SampleOfEachOption = None,
    seed: int = 0,
    no_pager: NoPagerOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """What the curators of a run or a mix took out, by curator: the text's beginning, why, and which row is
    near.
    """
    from prefgen.dataset.mix_manifest import is_mix
    from prefgen.dataset.read_run import open_run, read_dropped

    opened = None if is_mix(run) else open_run(run)
    drops = list(opened.dropped() if opened else read_dropped(run))
    if row_id is not None:
        drops = rows_of_id(drops, row_id, lambda row: [row["id"]])
    rows = _some_of_each(drops, "curator", _most(sample, as_json or row_id is not None), seed)
    say_partial(opened.partial if opened else None, as_json=as_json)
    if as_json:
        _print_lines(rows)
    elif not drops:
        say_note(f"no curator took anything out of {run}")
    else:
        with paged(off=no_pager):
            _print_kinds(rows, "curator", Counter(row["curator"] for row in drops), _print_drop)


def _most(sample: int | None, all_of_them: bool) -> int | None:
    return sample if sample is not None or all_of_them else PER_KIND


def _some_of_each(
    rows: Sequence[Mapping[str, Any]], kind: str, most: int | None, seed: int
) -> list[Mapping[str, Any]]:
    """Up to `most` rows of each kind, drawn, the largest kind first; a kind's rows in their order."""
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_kind.setdefault(row[kind], []).append(row)
    drawn: list[Mapping[str, Any]] = []
    for name, of_kind in sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0])):
        count = len(of_kind) if most is None else min(most, len(of_kind))
        places = sorted(Random(f"{seed} {name}").sample(range(len(of_kind)), count))
        drawn += [of_kind[place] for place in places]
    return drawn


def _print_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        print(json.dumps(row))


def _print_kinds(rows: Sequence[Mapping[str, Any]], kind: str, counts: Mapping[str, int], show: Any) -> None:
    """Each kind under its name, with how many there are and how many of them are shown."""
    shown = Counter(row[kind] for row in rows)
    heading = None
    for row in rows:
        if row[kind] != heading:
            heading = row[kind]
            part = (
                "" if shown[heading] == counts[heading] else f", {shown[heading]:,} of them here (--sample)"
            )
            if row is not rows[0]:
                print()
            say((f"{one_line(heading)}: {counts[heading]:,}", "bold"), part)
        show(row)


def _print_failure(row: Mapping[str, Any], limit: int) -> None:
    """What was lost of a record; of each reply up to `limit` characters."""
    from prefgen.api.loss_lines import loss_lines, lost_by

    say(
        (f"  {row['record_id'][:12]}", "yellow"),
        f"  {lost_by(row)}  {_quoted(row['prompt'])}",
        hanging="    ",
    )
    say_lines(loss_lines(row, limit))


def _print_drop(row: Mapping[str, Any]) -> None:
    neighbour = f", near {row['neighbour'][:12]}" if row["neighbour"] else ""
    of_pair = "pair " if row["rows"] == "pairs" else ""
    say(
        (f"  {of_pair}{row['id'][:12]}", "yellow"),
        f"  {one_line(row['reason'], 300)}{neighbour}  {_quoted(row['text'])}",
        hanging="    ",
    )


def _quoted(text: str | None) -> str:
    return "(a prompt that is no longer there)" if text is None else f"“{one_line(text, 80)}”"
