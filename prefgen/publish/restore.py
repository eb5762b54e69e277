"""A dataset from which harmful texts were taken out, with the texts put back by whoever has them.

A text is known by its digest, so what is put back is what was taken out, or nothing is.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import as_messages_or_text
from prefgen.dataset.open_pairs import PairDataset, Reopening, open_pairs
from prefgen.dataset.provenance import earlier_lineage
from prefgen.errors import GateFailed, RecipeError
from prefgen.kit.harm import source_digests
from prefgen.publish.clean import check_clean_folder, write_splits
from prefgen.publish.source_texts import find_texts, texts_in
from prefgen.storage.atomic_write import atomic_write, display_name
from prefgen.text.taken_out import put_back, taken_out_digests, text_digest

RESTORED = "restored.json"
SIDES = ("prompt", "chosen", "rejected")
REPLACED = ("prompt", "rejected")
"""Where texts are put back: no harmful text is ever preferred."""
MAX_NAMED = 5


@dataclass(frozen=True)
class _RedactedRow:
    """The digests of what is not there in the columns where it may be put back, and in `chosen`."""

    digests: frozenset[str]
    in_chosen: frozenset[str]


@dataclass(frozen=True)
class Restored:
    """What became of the rows without their texts: how many there were, how many are whole again, and the
    digests that no source had. `counts` is {file: rows} of all that was written.
    """

    redacted: int
    restored: int
    texts: int
    missing: Sequence[str]
    in_chosen: int
    """Rows whose preferred side is without a text; such a one is not put back."""
    counts: Mapping[str, int]

    def left(self) -> str:
        """What is still without its texts, in words; empty for nothing."""
        if self.restored == self.redacted:
            return ""
        words = f"{self.redacted - self.restored:,} of {self.redacted:,} rows are still without their texts"
        if self.missing:
            named = ", ".join(self.missing[:MAX_NAMED]) + (", ..." if len(self.missing) > MAX_NAMED else "")
            words += f": {len(self.missing):,} of {self.texts:,} texts are in no source (digests {named})"
        if self.in_chosen:
            words += f"; {self.in_chosen:,} rows prefer the text, and no harmful text is put there"
        return words


def restore(
    location: str,
    sources: Sequence[str],
    out: Path,
    *,
    columns: Mapping[str, str] | None = None,
    partial: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> Restored:
    """Write the pairs of `location` to `out`, with the texts of `sources` where they were taken out, and with
    what says where the pairs come from. `say` is told of each source what could not be read. Raises
    RecipeError; and GateFailed where a text is missing, unless `partial` says that the other rows do.
    """
    check_clean_folder(out)
    dataset = open_pairs(location, columns=columns)
    pinned = f"{dataset.name}@{dataset.revision}" if dataset.revision else location
    open_rows = Reopening(pinned, columns=columns)
    redacted = [found for _, row in open_rows(BadRows()) if (found := _redacted_row(row))]
    if not redacted:
        raise RecipeError(f"{location!r}: no text was taken out of its pairs, so there is none to put back")
    wanted = frozenset[str]().union(*(row.digests for row in redacted))
    texts: dict[str, str] = {}
    for source in sources:
        bad_rows = BadRows("drop")
        texts |= find_texts(source, wanted - texts.keys(), bad_rows)
        if bad_rows.rows:
            say(f"{source}: {bad_rows.sentence()}")
    result = _result(redacted, wanted, texts)
    if result.restored == 0 or (result.left() and not partial):
        remedy = "" if result.restored == 0 else ", or take what there is: --partial"
        raise GateFailed(f"nothing was written, since {result.left()}. Name further sources{remedy}")
    counts = write_splits(
        (_with_texts(row, where, texts) for where, row in open_rows(BadRows())), out / "data" / "preferences"
    )
    result = replace(result, counts=counts)
    _write_notes(dataset, result, out)
    return result


def _redacted_row(row: Mapping[str, Any]) -> _RedactedRow | None:
    """What is not there in a row; None where it is whole."""
    digests = {
        side: frozenset(digest for text in texts_in(row.get(side)) for digest in taken_out_digests(text))
        for side in SIDES
    }
    if not any(digests.values()):
        return None
    return _RedactedRow(digests["prompt"] | digests["rejected"], digests["chosen"])


def _result(redacted: Sequence[_RedactedRow], wanted: frozenset[str], texts: Mapping[str, str]) -> Restored:
    whole = [row for row in redacted if not row.in_chosen and row.digests <= texts.keys()]
    in_chosen = sum(bool(row.in_chosen) for row in redacted)
    return Restored(
        len(redacted), len(whole), len(wanted), sorted(wanted - texts.keys()), in_chosen, counts={}
    )


def _with_texts(row: Mapping[str, Any], where: str, texts: Mapping[str, str]) -> Mapping[str, Any]:
    """The row whole again, with the marks of the texts that were put there; as it is where one is missing."""
    redacted = _redacted_row(row)
    if redacted is None or redacted.in_chosen or not redacted.digests <= texts.keys():
        return row
    digests: set[str] = set()
    try:
        restored = {
            side: _put_back(_side(row[side], side, where), texts, digests) for side in REPLACED if side in row
        }
    except RecursionError:
        raise RecipeError("the sides are nested too deeply", where) from None
    lineage = earlier_lineage(row)
    if (marks := _harm_marks(lineage, digests)) is not None:
        restored["lineage"] = json.dumps({**lineage, **marks}, ensure_ascii=False, sort_keys=True)
    return {**row, **restored}


def _harm_marks(lineage: Mapping[str, Any], digests: Collection[str]) -> Mapping[str, Any] | None:
    """What a lineage must say besides, so that whoever publishes the row takes out every text with these
    digests; None where it says it.
    """
    marks = lineage if "harm" in lineage else {"harm": "unknown", "source_digest": min(digests)}
    missing = set(digests) - source_digests(marks)
    if not missing:
        return None if marks is lineage else marks
    return {**marks, "source_digests": sorted(source_digests(marks) | missing)}


def _side(value: Any, name: str, where: str) -> Any:
    """A side as text or as turns, also where the cell holds turns as JSON text."""
    return as_messages_or_text(value, name, where) if isinstance(value, str) else value


def _put_back(value: Any, texts: Mapping[str, str], digests: set[str]) -> Any:
    """The value with the texts; `digests` takes those of all that is not as it was, notices and what stands
    about them.
    """
    if isinstance(value, str):
        whole = put_back(value, texts)
        if whole != value:
            digests.add(text_digest(whole))
        return whole
    if isinstance(value, Mapping):
        return {name: _put_back(part, texts, digests) for name, part in value.items()}
    return [_put_back(part, texts, digests) for part in value] if isinstance(value, list) else value


def _write_notes(dataset: PairDataset, result: Restored, out: Path) -> None:
    """What says of which dataset these rows are, and how they were made: restored.json last."""
    release = dataset.release or {}
    note = {
        "restored_of": display_name(dataset.name),
        "revision": dataset.revision,
        **{name: release.get(name) for name in ("version", "content_hash")},
        "harmful": True,
        **asdict(result),
    }
    notes = {"recipe.yaml": dataset.recipe} if dataset.recipe is not None else {}
    if dataset.manifest is not None:
        notes["manifest.json"] = json.dumps(dataset.manifest.as_json(), ensure_ascii=False, indent=1) + "\n"
    notes[RESTORED] = json.dumps(note, ensure_ascii=False, indent=1) + "\n"
    for name, text in notes.items():
        with atomic_write(out / name) as part:
            part.write_text(text, encoding="utf-8")
