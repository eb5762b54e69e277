"""`prefgen.export(...)`: pairs in the form that a trainer reads."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefgen.api.options import allowed_rules, bad_rows_of
from prefgen.dataset.bad_rows import BAD_ROWS, OnBadRows, write_bad_rows
from prefgen.dataset.open_pairs import Reopening
from prefgen.dataset.pair import NotAPair
from prefgen.dataset.pair_formats import ColumnNames, parse_columns
from prefgen.dataset.partial import write_note
from prefgen.dataset.proven_set import proven_set
from prefgen.dataset.read_run import holds_run
from prefgen.dataset.row_relations import PAIR_RELATIONS
from prefgen.errors import RecipeError, did_you_mean
from prefgen.publish.export import count_harm, fitting_rows, rows_of_rule
from prefgen.publish.export import export as write_export
from prefgen.text.said_lines import Line, Said, line


@dataclass(frozen=True, repr=False)
class Export(Said):
    """A file that was written: so many rows of it, rows that were left out, and those made from harmful
    texts. `partial` says how much is there, of a dataset that is not whole yet, and `simulated` that a model
    of the run, or of a part of the mix, was simulated. It is a path wherever one is wanted.
    """

    path: Path
    rows: int
    bad_rows: int
    harmful: int
    partial: str | None
    simulated: bool = False

    def __fspath__(self) -> str:
        return str(self.path)

    def as_json(self) -> dict[str, Any]:
        """As `prefgen export --json` prints it."""
        return {**self.__dict__, "path": str(self.path)}

    def said_lines(self) -> Iterator[Line]:
        """How much is where."""
        if self.partial:
            yield line((self.partial, "bold"))
        yield line(f"{self.path}: {self.rows:,} rows")


def export(
    what: str | os.PathLike[str],
    *,
    to: str,
    out: str | os.PathLike[str],
    split: str | None = None,
    rule: str | None = None,
    columns: ColumnNames = (),
    allow: Sequence[str] = (),
    on_bad_rows: OnBadRows = "fail",
    say: Callable[[str], object] = print,
) -> Export:
    """Write the pairs of a run (or its Result), a mix, a file or a name on the Hub to `out`, a .jsonl,
    .parquet or .csv file, in the form `to` (trl, kto ..., as `prefgen export --to`), and none that
    `prefgen.check` calls broken. `say` is told what is not in it. Raises RecipeError.

    `columns` are names of another kind, {"chosen": "winner"}; `rule` takes the pairs of one rule, and `allow`
    are rules of `check` that may be broken. `on_bad_rows="drop"` leaves out and lists what is broken.
    """
    path, bad_rows = Path(out), bad_rows_of(on_bad_rows)
    _refuse_source(Path(what), path)
    rules, harmful = set[str](), Counter[str]()
    column_names = parse_columns(columns)
    bad_rows.name_remedy(os.fspath(what), column_names)
    open_rows = Reopening(os.fspath(what), split=split, columns=column_names, partial=True)
    rows = proven_set(rows_of_rule(open_rows, to, rule, rules), bad_rows, allow=allowed_rules(allow))
    try:
        count = write_export(
            count_harm(fitting_rows(rows, to, bad_rows), harmful), to, path, say=say, bad_rows=bad_rows
        )
    except RecipeError as error:
        raise _with_rules(error, to, rule, rules) from None
    partial = open_rows.first.partial if open_rows.first else None
    if note := write_note(path, partial):
        say(f"{note.name} beside it says that it is partial")
    if harmful:
        say(
            f"warning: {harmful.total():,} rows were made from harmful texts, and {to} has no column that "
            "says so: whoever gets the file must be told (docs/safety.md)"
        )
    manifest = open_rows.first.manifest if open_rows.first else None
    simulated = manifest is not None and manifest.simulated
    if simulated:
        say(
            f"warning: the rows are SIMULATED, for trying out only, and {to} has no column that says so: "
            "whoever gets the file must be told"
        )
    listed = path.with_name(f"{path.name}.{BAD_ROWS}")
    write_bad_rows(bad_rows.rows, listed)
    if bad_rows.rows:
        say(f"{bad_rows.sentence()}; all of them are in {listed}")
    return Export(
        path, count, len(bad_rows.rows), harmful.total(), partial.sentence() if partial else None, simulated
    )


def _refuse_source(source: Path, out: Path) -> None:
    """Raises RecipeError where `out` is what is to be exported, or one of its files."""
    is_read = out.is_file() and source.exists() and not holds_run(source)
    if is_read and out.resolve().is_relative_to(source.resolve()):
        raise RecipeError(f"{out} is a part of what is to be exported; give another --out")


def _with_rules(error: RecipeError, form: str, rule: str | None, rules: set[str]) -> RecipeError:
    """The error, with what can be done where it comes of the rules that rows are of."""
    if rule is not None and rule not in rules:
        return RecipeError(f"no row is of rule {rule!r}{did_you_mean(rule, sorted(rules))}")
    if isinstance(error, NotAPair) and error.rule in PAIR_RELATIONS and rule is None and len(rules) > 1:
        return RecipeError(
            f"{error.where}: {error.found}. The rows are of several rules, which {form} does not tell apart: "
            f"take one by --rule ({', '.join(sorted(rules))}), or --on-bad-rows drop"
        )
    return error
