"""prefgen show records, prefgen show pairs"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefgen.cli.arguments import AsJsonOption, ColumnsOption
from prefgen.cli.choose_rows import IdArgument, Where, rows_of_id, sample_rows
from prefgen.cli.completion import complete_runs, datasets
from prefgen.cli.say_partial import say_partial
from prefgen.cli.screen import NoPagerOption, paged, rule, say, say_lines
from prefgen.errors import RecipeError
from prefgen.text.plain_text import one_line, plain

if TYPE_CHECKING:
    from prefgen.dataset.manifest import Manifest
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
    """Records of a run: prompts, answers, scores, rationales, pairs."""
    from prefgen.api.record_lines import record_lines
    from prefgen.dataset.read_run import open_run
    from prefgen.dataset.serialize import pair_id

    opened = open_run(run)
    wanted = Where(where, _models_in_rows(opened.manifest))
    fitting = wanted.those(opened.records(), _record_fields)
    if row_id is None:
        chosen = sample_rows(fitting, sample, seed)
    else:
        chosen = rows_of_id(
            fitting, row_id, lambda record: (record.id, *(pair_id(record.id, pair) for pair in record.pairs))
        )
    say_partial(opened.partial, as_json=as_json)
    if not chosen:
        wanted.say_nothing_fits("records", str(run))
    with paged(off=no_pager or as_json):
        for record in chosen:
            if as_json:
                print(record.model_dump_json())
            else:
                rule()
                say_lines(record_lines(record))


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
    from prefgen.dataset.bad_rows import BadRows
    from prefgen.dataset.open_pairs import open_pairs
    from prefgen.dataset.pair import pair_messages
    from prefgen.dataset.pair_formats import parse_columns

    bad_rows = BadRows("drop")
    opened = open_pairs(dataset, split=split, columns=parse_columns(columns), bad_rows=bad_rows, partial=True)
    proven = bad_rows.each(opened.rows, lambda row, place: pair_messages(row, place) and row)
    wanted = Where(where, _models_in_rows(opened.manifest))
    fields_of = _with_texts if wanted.names(*_SIDES) else lambda item: item[1]
    fitting = wanted.those(proven, fields_of)
    if row_id is None:
        chosen = sample_rows(fitting, sample, seed)
    else:
        chosen = rows_of_id(fitting, row_id, lambda item: _ids_of(*item))
    say_partial(opened.partial, as_json=as_json)
    if not chosen:
        wanted.say_nothing_fits("pairs", dataset)
    with paged(off=no_pager or as_json):
        for place, row in chosen:
            if as_json:
                print(json.dumps(row, ensure_ascii=False, default=str))
            else:
                _print_pair(place, row, 600 if row_id is None else sys.maxsize)
    if bad_rows.rows:
        first, count = bad_rows.rows[0], len(bad_rows.rows)
        are = "1 row is no pair" if count == 1 else f"{count:,} rows are no pairs"
        raise RecipeError(f"{are}: {first.where}: {first.reason}")


_SIDES = ("prompt", "chosen", "rejected")


def _models_in_rows(manifest: "Manifest | None") -> dict[str, str]:
    """{a model's name in the recipe: its name in rows}."""
    from prefgen.calls.models import model_label

    models = manifest.models if manifest else {}
    return {
        name: model_label(identity, identity.get("use") == "simulated")
        for name, identity in models.items()
        if "name" in identity
    }


def _record_fields(record: "Record") -> Mapping[str, Any]:
    """What --where may ask of a record."""
    return {
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


def _with_texts(item: tuple[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """What --where may ask of a pair, its conversations as text."""
    from prefgen.dataset.pair import pair_messages, text_of

    place, row = item
    texts = map(text_of, pair_messages(row, place))
    return {**row, **dict(zip(_SIDES, texts, strict=True))}


def _ids_of(place: str, row: Mapping[str, Any]) -> list[Any]:
    """A pair's id, or its place where it has none, and that of its prompt."""
    return [row.get("id") or place, *([row["prompt_id"]] if row.get("prompt_id") else [])]


def _print_pair(place: str, row: Mapping[str, Any], limit: int) -> None:
    """What is known of a pair, and its texts, each up to `limit` characters."""
    from prefgen.dataset.pair import pair_messages, text_of

    prompt, chosen, rejected = pair_messages(row, place)
    known = {name: _as_text(row[name]) for name in row}
    sides = f"{known['chosen_model']} over {known['rejected_model']}" if _has_models(known) else ""
    notes = [f"{name} {known[name]}" for name in ("margin", "source", "split") if known.get(name)]
    heading = (known.get("id", "")[:12] or place, *notes[:1], sides, *notes[1:])
    print()
    say(("  ".join(filter(None, heading)), "bold"), hanging="  ")
    sides_of_row = (("prompt", prompt, "cyan"), ("chosen", chosen, "green"), ("rejected", rejected, "red"))
    for name, turns, colour in sides_of_row:
        for turn in turns:
            say(
                (f"  {name.upper()} {turn['role']}", f"bold {colour}"), f": {plain(text_of([turn]), limit)}",
                hanging="    ",
            )  # fmt: skip


def _as_text(value: Any) -> str:
    """One value of a row, in a line; a number as short as people read it."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else one_line(str(value))


def _has_models(known: Mapping[str, str]) -> bool:
    return bool(known.get("chosen_model")) and bool(known.get("rejected_model"))
