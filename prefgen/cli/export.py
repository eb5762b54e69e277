"""prefgen export"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefgen.cli.arguments import (
    AllowOption,
    AsJsonOption,
    ColumnsOption,
    OnBadRowsOption,
    allowed_rules,
    bad_rows_of,
)
from prefgen.cli.completion import EXPORT_FORM_NAMES, datasets, one_of
from prefgen.cli.say_partial import say_partial

if TYPE_CHECKING:
    from prefgen.errors import RecipeError


def command(
    what: Annotated[
        str,
        typer.Argument(
            help="A run's folder, a file of pairs, or owner/name[@revision] on the Hub.",
            autocompletion=datasets,
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help=(
                "trl, trl-implicit, ultrafeedback-binarized, rewardbench, kto, sft, llama-factory, "
                "axolotl, nemo-rl, openrlhf."
            ),
            autocompletion=one_of(EXPORT_FORM_NAMES),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .jsonl, .parquet or .csv file.")],
    split: Annotated[
        str | None, typer.Option(help="One split. Default: all of them.", show_default=False)
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule", help="Pairs of one rule (`rule` in the rows). Default: of all.", show_default=False
        ),
    ] = None,
    columns: ColumnsOption = [],
    allow: AllowOption = [],
    on_bad_rows: OnBadRowsOption = "fail",
    as_json: AsJsonOption = False,
) -> None:
    """Write pairs in the form that a trainer reads, and none that `prefgen check` calls broken."""
    from prefgen.dataset.bad_rows import BAD_ROWS, write_bad_rows
    from prefgen.dataset.open_pairs import Reopening
    from prefgen.dataset.pair_formats import parse_columns
    from prefgen.dataset.partial import write_note
    from prefgen.dataset.proven_set import proven_set
    from prefgen.errors import RecipeError
    from prefgen.publish.export import count_harm, export, rows_of_rule

    bad_rows, rules, harmful = bad_rows_of(on_bad_rows), set[str](), Counter[str]()
    open_rows = Reopening(what, split=split, columns=parse_columns(columns), partial=True)
    rows = proven_set(rows_of_rule(open_rows, to, rule, rules), bad_rows, allow=allowed_rules(allow))
    try:
        count = export(
            count_harm(rows, harmful), to, out,
            say=lambda left_out: print(left_out, file=sys.stderr), bad_rows=bad_rows,
        )  # fmt: skip
    except RecipeError as error:
        raise _with_rules(error, to, rule, rules) from None
    partial = open_rows.first.partial if open_rows.first else None
    note = write_note(out, partial)
    if as_json:
        facts = {"path": str(out), "rows": count, "bad_rows": len(bad_rows.rows), "harmful": harmful.total()}
        print(json.dumps(facts | {"partial": partial.sentence() if partial else None}))
    else:
        say_partial(partial)
        print(f"{out}: {count:,} rows")
    if note:
        print(f"{note.name} beside it says that it is partial", file=sys.stderr)
    if harmful:
        print(
            f"warning: {harmful.total():,} rows were made from harmful texts, and {to} has no column that "
            "says so: whoever gets the file must be told (docs/safety.md)",
            file=sys.stderr,
        )
    listed = out.with_name(f"{out.name}.{BAD_ROWS}")
    write_bad_rows(bad_rows.rows, listed)
    if bad_rows.rows:
        print(f"{bad_rows.sentence()}; all of them are in {listed}", file=sys.stderr)


def _with_rules(error: "RecipeError", form: str, rule: str | None, rules: set[str]) -> "RecipeError":
    """The error, with what can be done where it comes of the rules that rows are of."""
    from prefgen.dataset.pair import NotAPair
    from prefgen.dataset.row_relations import PAIR_RELATIONS
    from prefgen.errors import RecipeError, did_you_mean

    if rule is not None and rule not in rules:
        return RecipeError(f"no row is of rule {rule!r}{did_you_mean(rule, sorted(rules))}")
    if isinstance(error, NotAPair) and error.rule in PAIR_RELATIONS and rule is None and len(rules) > 1:
        return RecipeError(
            f"{error}. The rows are of several rules, which {form} does not tell apart: take one by "
            f"--rule ({', '.join(sorted(rules))}), or --on-bad-rows drop"
        )
    return error
