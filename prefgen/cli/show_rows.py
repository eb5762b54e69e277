"""prefgen show records, prefgen show pairs"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefgen.api.choose_rows import Where, rows_of_id, sample_rows, with_carried
from prefgen.cli.arguments import AsJsonOption, ColumnsOption, IdArgument
from prefgen.cli.completion import complete_runs, datasets
from prefgen.cli.say_partial import say_partial
from prefgen.cli.screen import NoPagerOption, paged, rule, say_lines, say_note
from prefgen.errors import RecipeError

if TYPE_CHECKING:
    from prefgen.types import Record

SampleOption = Annotated[int, typer.Option("--sample", help="How many, a seeded draw.", min=1)]
WhereOption = Annotated[
    list[str],
    typer.Option(
        "--where",
        help="Only rows that fit, such as margin<0.5, chosen_model=small, prompt~tide (holds the text).",
        metavar="FIELD<VALUE",
    ),
]
RecordsRunArgument = Annotated[Path, typer.Argument(autocompletion=complete_runs)]
PairsArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A run's, a mix's or a release's folder, a file of pairs, or a dataset on the Hub (owner/name, "
        "owner/name@revision).",
        show_default=False,
        autocompletion=datasets,
    ),
]
SplitOption = Annotated[str | None, typer.Option(help="One split. Default: all.", show_default=False)]


def records(
    run: RecordsRunArgument,
    row_id: IdArgument = None,
    sample: SampleOption = 5,
    where: WhereOption = [],
    seed: int = 0,
    no_pager: NoPagerOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Records of a run: prompts, answers, scores, rationales, what was lost, pairs."""
    from prefgen.api.loss_lines import losses_of
    from prefgen.api.pairs import models_in_rows
    from prefgen.api.record_lines import record_json, record_lines
    from prefgen.dataset.read_run import open_run
    from prefgen.dataset.serialize import pair_id

    opened = open_run(run)
    wanted = Where(where)
    wanted.know_models(models_in_rows(opened.manifest))
    fitting = wanted.those(opened.records(), _record_fields)
    if row_id is None:
        chosen = sample_rows(fitting, sample, seed)
    else:
        chosen = rows_of_id(
            fitting, row_id, lambda record: (record.id, *(pair_id(record.id, pair) for pair in record.pairs))
        )
    say_partial(opened.partial, as_json=as_json)
    if not chosen:
        say_note(wanted.nothing_fits("records", str(run)))
    losses = losses_of(opened, {record.id for record in chosen})
    with paged(off=no_pager or as_json):
        for record in chosen:
            if as_json:
                print(record_json(record, losses[record.id]))
            else:
                rule()
                say_lines(record_lines(record, losses[record.id]))


def pairs(
    dataset: PairsArgument,
    row_id: IdArgument = None,
    sample: SampleOption = 5,
    where: WhereOption = [],
    split: SplitOption = None,
    columns: ColumnsOption = [],
    seed: int = 0,
    no_pager: NoPagerOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Pairs of a run, a mix, a release, a file or the Hub, as a trainer reads them; rows that are none are
    counted at the end (exit 2).
    """
    from prefgen.api.pairs import LETTERS_SHOWN, choose_pairs, no_pairs_sentence, pair_lines
    from prefgen.dataset.bad_rows import BadRows

    bad_rows, wanted = BadRows("drop"), Where(where)
    chosen = choose_pairs(
        dataset, wanted, bad_rows, split=split, columns=columns, row_id=row_id, sample=sample, seed=seed
    )
    say_partial(chosen.partial, as_json=as_json)
    if not chosen.rows:
        say_note(wanted.nothing_fits("pairs", dataset))
    with paged(off=no_pager or as_json):
        for place, row in chosen.rows:
            if as_json:
                print(json.dumps(row, ensure_ascii=False, default=str))
            else:
                say_lines(pair_lines(place, row, LETTERS_SHOWN if row_id is None else sys.maxsize))
    if bad_rows.rows:
        raise RecipeError(no_pairs_sentence(bad_rows.rows))


def _record_fields(record: "Record") -> Mapping[str, Any]:
    """What --where may ask of a record."""
    from prefgen.dataset.provenance import carried_columns

    fields = {
        **record.prompt.model_dump(),
        "prompt": record.prompt.text,
        "response": [response.text for response in record.responses],
        "model": [response.model for response in record.responses],
        "judge": [verdict.judge for verdict in (*record.scores, *record.comparisons)],
        "reason": [note.reason for note in record.notes],
        "margin": max((p.margin or 0.0 for p in record.pairs), default=None),
        "pairs": len(record.pairs),
        "responses": len(record.responses),
    }
    return with_carried(fields, carried_columns(fields))
