"""prefgen show records, prefgen show pairs"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from prefgen.cli.arguments import AsJsonOption, ColumnsOption
from prefgen.cli.choose_rows import parse_condition, sample_rows
from prefgen.cli.records import one_line, plain, print_record

SampleOption = Annotated[int, typer.Option("--sample", help="How many, a seeded draw.", min=1)]
WhereOption = Annotated[
    list[str],
    typer.Option(
        "--where", help="Only rows that fit, such as margin<0.5 or source=hh.", metavar="FIELD<VALUE"
    ),
]
PairsArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A run's, a mix's or a release's folder, a file of pairs, or a dataset on the Hub (owner/name, "
        "owner/name@revision).",
        show_default=False,
    ),
]
SplitOption = Annotated[str | None, typer.Option(help="One split. Default: all.", show_default=False)]


def records(
    run: Path, sample: SampleOption = 5, where: WhereOption = [], seed: int = 0, as_json: AsJsonOption = False
) -> None:
    """Records of a run: prompts, answers, scores, rationales, pairs."""
    from prefgen.dataset.read_run import read_records

    conditions = [parse_condition(text) for text in where]

    def is_match(record: Any) -> bool:
        margin = max((p.margin or 0.0 for p in record.pairs), default=None)
        row = {
            **record.prompt.model_dump(),
            "margin": margin,
            "pairs": len(record.pairs),
            "responses": len(record.responses),
        }
        return all(condition(row) for condition in conditions)

    for record in sample_rows((r for r in read_records(run) if is_match(r)), sample, seed):
        if as_json:
            print(record.model_dump_json())
        else:
            print_record(record)


def pairs(
    dataset: PairsArgument,
    sample: SampleOption = 5,
    where: WhereOption = [],
    split: SplitOption = None,
    columns: ColumnsOption = [],
    seed: int = 0,
    as_json: AsJsonOption = False,
) -> None:
    """Pairs of a run, a mix, a release, a file or the Hub, as a trainer reads them."""
    from prefgen.dataset.open_pairs import open_pairs
    from prefgen.dataset.pair_formats import parse_columns

    rows = open_pairs(dataset, split=split, columns=parse_columns(columns)).rows
    conditions = [parse_condition(text) for text in where]
    fitting = (item for item in rows if all(condition(item[1]) for condition in conditions))
    for place, row in sample_rows(fitting, sample, seed):
        if as_json:
            print(json.dumps(row, ensure_ascii=False, default=str))
        else:
            _print_pair(place, row)


def _print_pair(place: str, row: Mapping[str, Any]) -> None:
    """What is known of a pair, and its texts; where it has no id, its place."""
    from prefgen.dataset.pair import pair_messages, text_of

    prompt, chosen, rejected = pair_messages(row, place)
    known = {name: "" if row.get(name) is None else one_line(str(row[name])) for name in row}
    sides = f"{known['chosen_model']} over {known['rejected_model']}" if _has_models(known) else ""
    notes = [f"{name} {known[name]}" for name in ("margin", "source", "split") if known.get(name)]
    heading = (known.get("id", "")[:12] or place, *notes[:1], sides, *notes[1:])
    print("\n" + "  ".join(filter(None, heading)))
    for name, turns in (("prompt", prompt), ("chosen", chosen), ("rejected", rejected)):
        for turn in turns:
            print(f"  {name.upper()} {turn['role']}: {plain(text_of([turn]), 600)}")


def _has_models(known: Mapping[str, str]) -> bool:
    return bool(known.get("chosen_model")) and bool(known.get("rejected_model"))
