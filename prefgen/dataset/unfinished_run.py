"""A run that stopped, or is at work, as far as it is: what its record store holds of records that are
finished.

Nothing is asked, nothing is written, and a run at work is not held up: what is finished when it is opened is
read in small portions, each of which a writer waits for no longer than for a look.
"""

import json
import sqlite3
from array import array
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from prefgen.dataset.finished_records import FinishedRecords
from prefgen.dataset.manifest import Manifest, RunYield
from prefgen.dataset.partial import Partial
from prefgen.dataset.record_codec import DROPPED_COLUMNS, load_input, unpack
from prefgen.dataset.serialize import record_of
from prefgen.errors import RecipeError
from prefgen.storage import sqlite
from prefgen.storage.folder_lock import is_held
from prefgen.types import Record

RECORD_STORE = "record_store.sqlite"
STORE_VERSION = 4
BEGUN = "begun"
"""In the store's table `meta`, with the number of a segment: what its records are made by, as JSON."""
SEGMENT = "segment"
"""In the same place: a hash that changes when the segment's records are forgotten."""
AGREED = "agreed"
"""In the same place: what the last start that could pay was made by, as a manifest. Starts that ask nobody
leave it as it is.
"""
POSITIONS_A_READ = 250
_ANEW = "run its recipe again: it is made anew from the journal, and nothing is paid twice"


@dataclass(frozen=True)
class Begun:
    """What is known of a run when it begins to work on a segment, for whoever reads it before it ends."""

    manifest: Manifest
    recipe: str
    to_come: tuple[str, ...]
    """The stages after this segment."""
    chooses_prompts: bool
    """Whether its prompts are still written or chosen, so that none of its records is one of the dataset."""

    def as_text(self) -> str:
        return json.dumps({**self.__dict__, "manifest": self.manifest.as_json()}, ensure_ascii=False)

    @classmethod
    def read(cls, text: str, where: str) -> "Begun":
        fields = json.loads(text)
        manifest = Manifest.read(fields["manifest"], where)
        return cls(manifest, fields["recipe"], tuple(fields["to_come"]), fields["chooses_prompts"])


class UnfinishedRun:
    """What is finished of a run at the moment when it is opened. Raises RecipeError where nothing can be
    read.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.path = run / RECORD_STORE
        if not self.path.is_file():
            raise RecipeError(
                f"the run in {str(run)!r} is not complete, and its {RECORD_STORE} is gone; {_ANEW}"
            )
        with self._look() as db:
            self._segment, begun, prompts = self._segment_at_work(db)
            self._fingerprint = self._fingerprint_now(db)
            sql = "SELECT position FROM state WHERE segment = ? AND done = 1 ORDER BY position"
            self._positions = array("q", (row[0] for row in db.execute(sql, (self._segment,))))
            pairs = FinishedRecords(db, self._segment, self.path).pairs()
        finished = len(self._positions)
        self.manifest = begun.manifest.replacing(yields=RunYield(prompts=finished, pairs=pairs))
        self.recipe = begun.recipe
        self.partial = Partial(
            self.manifest.name, str(run), finished, prompts, is_held(run), begun.to_come
        )  # fmt: skip

    def records(self) -> Iterator[Record]:
        """The finished records, in their order."""
        for record, *_ in self.lines():
            yield record_of(orjson.loads(record))

    def pairs(self) -> Iterator[Mapping[str, Any]]:
        """Their pairs, as the rows that pairs/ will hold."""
        from prefgen.dataset.parquet import pairs_schema, rows_of_lines  # pyarrow: 0.15 s

        schema = pairs_schema(line for _, *pairs in self.lines() for line in pairs)
        for group in self._line_groups():
            yield from rows_of_lines([line for _, *pairs in group for line in pairs], schema)

    def failures(self) -> Iterator[dict[str, Any]]:
        """What they lost, and what was lost in the segments before, as the rows of failures.parquet."""
        from prefgen.dataset.parquet import FAILURES

        with self._look() as db:
            segments = [FinishedRecords(db, number, self.path) for number in range(self._segment + 1)]
            failures = [failure for segment in segments for failure in segment.failures()]
        yield from ({name: failure.get(name) for name in FAILURES.names} for failure in failures)

    def dropped(self) -> list[dict[str, Any]]:
        """What curators took out so far, as the rows of curated.parquet."""
        with self._look() as db:
            rows = db.execute(f"SELECT {', '.join(DROPPED_COLUMNS)} FROM dropped ORDER BY rowid").fetchall()
        return [dict(zip(DROPPED_COLUMNS, row, strict=True)) for row in rows]

    def prompt_texts(self, ids: Collection[str]) -> dict[str, str]:
        """{id: the text of a prompt's last turn} of those records that are there."""
        found = {row["id"]: row["text"] for row in self.dropped() if row["id"] in ids}
        with self._look() as db:
            for record_id in set(ids) - set(found):
                row = db.execute("SELECT record FROM input WHERE id = ? LIMIT 1", (record_id,)).fetchone()
                if row:
                    found[record_id] = load_input(row[0], self.path).prompt.text
        return found

    def lines(self) -> Iterator[list[bytes]]:
        """Of each finished record its line and those of its pairs (`prefgen.dataset.serialize`)."""
        for group in self._line_groups():
            yield from group

    def _line_groups(self) -> Iterator[list[list[bytes]]]:
        for start in range(0, len(self._positions), POSITIONS_A_READ):
            wanted = self._positions[start : start + POSITIONS_A_READ]
            with self._look() as db:
                if self._fingerprint_now(db) != self._fingerprint:
                    raise self._changed()
                sql = "SELECT position, lines FROM state WHERE segment = ? AND done = 1"
                between = (self._segment, wanted[0], wanted[-1])
                rows = dict(db.execute(f"{sql} AND position BETWEEN ? AND ?", between).fetchall())
            if not rows.keys() >= set(wanted):
                raise self._changed()
            with _explained(self.path):
                group = [unpack(rows[position], self.path).split(b"\n") for position in wanted]
            yield group

    def _changed(self) -> RecipeError:
        return RecipeError(f"the run in {str(self.run)!r} was begun anew while it was read; read it again")

    def _fingerprint_now(self, db: sqlite3.Connection) -> str | None:
        return _meta(db, f"{SEGMENT} {self._segment}")

    def _segment_at_work(self, db: sqlite3.Connection) -> tuple[int, Begun, int]:
        """(the last segment that was begun, what is known of it, how many records go in)."""
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != STORE_VERSION:
            raise RecipeError(f"was written by another version of prefgen; {_ANEW}", str(self.path))
        counts = db.execute(
            "SELECT segment, count(*) FROM input WHERE segment >= 0 GROUP BY segment ORDER BY segment DESC"
        ).fetchall()
        for segment, count in counts:
            if not _meta(db, f"{SEGMENT} {segment}"):
                continue  # what stands there is forgotten
            text = _meta(db, f"{BEGUN} {segment}")
            if text is None:
                raise RecipeError(f"was begun by an earlier version of prefgen; {_ANEW}", str(self.path))
            begun = Begun.read(text, str(self.path))
            if begun.chooses_prompts:
                break
            return segment, begun, count
        raise RecipeError(
            f"the run in {str(self.run)!r} is not complete, and no prompt of it can be finished yet: it "
            "still reads, writes or chooses its prompts"
        )

    @contextmanager
    def _look(self) -> Generator[sqlite3.Connection]:
        """The store as it is at one moment."""
        with _explained(self.path):
            db = sqlite.open_for_reading(self.path)
            try:
                db.execute("BEGIN")
                yield db
            finally:
                db.close()


def agreed_manifest(run: Path) -> Manifest | None:
    """What the last start that could pay was made by; None where a run's folder does not tell."""
    path = run / RECORD_STORE
    try:
        db = sqlite.open_for_reading(path)
        try:
            text = _meta(db, AGREED)
        finally:
            db.close()
        return Manifest.read(json.loads(text), str(path)) if text else None
    except (sqlite3.Error, ValueError, RecipeError):  # a cache: a run begins it anew
        return None


def _meta(db: sqlite3.Connection, key: str) -> str | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


@contextmanager
def _explained(path: Path) -> Generator[None]:
    """What cannot be read, as one line."""
    try:
        yield
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"cannot be read ({error}); {_ANEW}", str(path)) from None
