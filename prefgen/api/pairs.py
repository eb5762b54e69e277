"""`prefgen.pairs(...)`, and what `prefgen show pairs` prints: pairs from wherever they are."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from prefgen.api.choose_rows import Where, rows_of_id, sample_rows, with_carried
from prefgen.api.options import bad_rows_of
from prefgen.calls.models import model_label
from prefgen.dataset.bad_rows import BadRows, OnBadRows
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.pair import pair_messages, text_of
from prefgen.dataset.pair_formats import ColumnNames, parse_columns
from prefgen.dataset.partial import Partial
from prefgen.dataset.provenance import carried_columns
from prefgen.tables import BadRow
from prefgen.text.plain_text import one_line, plain
from prefgen.text.said_lines import Line, Said, line

if TYPE_CHECKING:
    from prefgen.dataset.manifest import Manifest

SIDES = ("prompt", "chosen", "rejected")
SHOWN = 5
"""Pairs of which the texts are shown."""
LETTERS_SHOWN = 600
"""Characters of each of them."""
PlacedRow = tuple[str, Mapping[str, Any]]
"""Where a row stands, and the row."""


@dataclass(frozen=True, repr=False, eq=False)
class Pairs(Said, Sequence[Mapping[str, Any]]):
    """A sequence of rows of pairs, each with `prompt`, `chosen`, `rejected` and whatever its columns say."""

    name: str
    placed_rows: Sequence[PlacedRow]
    bad_rows: Sequence[BadRow] = ()
    """Rows that are no pairs, and why: they were left out."""
    partial: str | None = None
    """How much is there, of a dataset that is not whole yet."""

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        if isinstance(index, slice):
            return [row for _, row in self.placed_rows[index]]
        return self.placed_rows[index][1]

    def __len__(self) -> int:
        return len(self.placed_rows)

    def said_lines(self) -> Iterator[Line]:
        """How many there are, and a few of them."""
        if self.partial:
            yield line((self.partial, "bold"))
        shown = sample_rows(self.placed_rows, SHOWN, 0)
        drawn = f", {len(shown)} of them drawn" if len(shown) < len(self) else ""
        yield line((f"{self.name}: {len(self):,} pairs{drawn}", "bold"))
        if self.bad_rows:
            yield line(f"{no_pairs_sentence(self.bad_rows)}: left out", hanging="  ")
        for place, row in shown:
            yield from pair_lines(place, row, LETTERS_SHOWN)


def pairs(
    what: str | os.PathLike[str],
    *,
    split: str | None = None,
    columns: ColumnNames = (),
    where: Sequence[str] = (),
    row_id: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    on_bad_rows: OnBadRows = "fail",
) -> Pairs:
    """The pairs of a run (or its Result), a mix, a release, a file or a dataset on the Hub, `owner/name` or
    `owner/name@revision`. Raises RecipeError, for a row that is no pair too, unless `on_bad_rows="drop"`; a
    run that is not complete is a warning.

    `columns` are names of another kind, {"chosen": "winner"}. `where` are conditions as `prefgen show pairs`
    knows them (`margin<0.5`, `prompt~tide`), `row_id` is that of a pair or a prompt, or its beginning, and
    `sample` how many are drawn of what fits, by `seed`.
    """
    name, bad_rows = os.fspath(what), bad_rows_of(on_bad_rows)
    chosen = choose_pairs(
        name, Where([where] if isinstance(where, str) else where), bad_rows,
        split=split, columns=columns, row_id=row_id, sample=sample, seed=seed,
    )  # fmt: skip
    partial = chosen.partial.sentence() if chosen.partial else None
    if partial:
        warnings.warn(f"{name}: {partial}", stacklevel=2)
    return Pairs(name, chosen.rows, tuple(bad_rows.rows), partial)


@dataclass(frozen=True)
class ChosenPairs:
    """Rows that were wanted, and how much is there of a dataset that is not whole."""

    rows: Sequence[PlacedRow]
    partial: Partial | None


def choose_pairs(
    name: str,
    wanted: Where,
    bad_rows: BadRows,
    *,
    split: str | None,
    columns: ColumnNames,
    row_id: str | None,
    sample: int | None,
    seed: int,
) -> ChosenPairs:
    """The pairs that fit; those of an id, or `sample` of them (None: all). What is no pair goes to
    `bad_rows`. Raises RecipeError.
    """
    opened = open_pairs(name, split=split, columns=parse_columns(columns), bad_rows=bad_rows, partial=True)
    wanted.know_models(models_in_rows(opened.manifest))
    proven = bad_rows.each(opened.rows, lambda row, place: pair_messages(row, place) and row)
    fitting = wanted.those(proven, _with_texts if wanted.names(*SIDES) else _with_own_columns)
    if row_id is not None:
        rows = rows_of_id(fitting, row_id, lambda item: _ids_of(*item))
    else:
        rows = list(fitting) if sample is None else sample_rows(fitting, sample, seed)
    return ChosenPairs(rows, opened.partial)


def no_pairs_sentence(bad_rows: Sequence[BadRow]) -> str:
    """How many rows are no pairs, and the first of them."""
    first, count = bad_rows[0], len(bad_rows)
    are = "1 row is no pair" if count == 1 else f"{count:,} rows are no pairs"
    return f"{are}: {first.where}: {first.reason}"


def models_in_rows(manifest: "Manifest | None") -> dict[str, str]:
    """{a model's name in the recipe: its name in rows}."""
    models = manifest.models if manifest else {}
    return {
        name: model_label(identity, identity.get("use") == "simulated")
        for name, identity in models.items()
        if "name" in identity
    }


def _with_texts(item: PlacedRow) -> Mapping[str, Any]:
    """What --where may ask of a pair, its conversations as text."""
    place, row = item
    texts = map(text_of, pair_messages(row, place))
    return {**_with_own_columns(item), **dict(zip(SIDES, texts, strict=True))}


def _with_own_columns(item: PlacedRow) -> Mapping[str, Any]:
    """A row with the columns that its lineage carries along, where it says nothing itself."""
    _, row = item
    return with_carried(row, carried_columns(row))


def _ids_of(place: str, row: Mapping[str, Any]) -> list[Any]:
    """A pair's id, or its place where it has none, and that of its prompt."""
    return [row.get("id") or place, *([row["prompt_id"]] if row.get("prompt_id") else [])]


def pair_lines(place: str, row: Mapping[str, Any], limit: int) -> Iterator[Line]:
    """What is known of a pair, and its texts, each up to `limit` characters."""
    prompt, chosen, rejected = pair_messages(row, place)
    known = {name: _as_text(row[name]) for name in row}
    sides = f"{known['chosen_model']} over {known['rejected_model']}" if _has_models(known) else ""
    notes = [f"{name} {known[name]}" for name in ("margin", "source", "split") if known.get(name)]
    heading = (known.get("id", "")[:12] or place, *notes[:1], sides, *notes[1:])
    yield line("")
    yield line(("  ".join(filter(None, heading)), "bold"), hanging="  ")
    sides_of_row = (("prompt", prompt, "cyan"), ("chosen", chosen, "green"), ("rejected", rejected, "red"))
    for name, turns, colour in sides_of_row:
        for turn in turns:
            yield line(
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
