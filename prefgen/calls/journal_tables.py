"""The tables of a journal, and what is none."""

import sqlite3
from pathlib import Path

from prefgen.errors import JournalError
from prefgen.storage import sqlite

APPLICATION_ID = 0x70726566  # "pref"
JOURNAL_VERSION = 1
JOURNAL_PRAGMAS = (
    "synchronous=FULL",
    "secure_delete=ON",
    "wal_autocheckpoint=4000",  # 16 MB: pages that change again and again are copied once
    "cache_size=-8000",
)
JOURNAL_TABLES = """
CREATE TABLE replies (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    status INTEGER NOT NULL,           -- 0 answered, 1 refused by the server
    endpoint TEXT NOT NULL,
    model TEXT NOT NULL,
    record TEXT,
    run TEXT NOT NULL,
    origin TEXT NOT NULL,              -- live, import, step
    server INTEGER NOT NULL REFERENCES servers(id),
    parts BLOB NOT NULL,
    how TEXT NOT NULL,                 -- what the server was made to do: n in one request, schema as text
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,             -- picodollars
    time REAL NOT NULL,
    seconds REAL NOT NULL,             -- from sending to the answer; 0 where nobody waited
    code TEXT,
    reply BLOB NOT NULL,               -- zstd
    request BLOB                       -- zstd; only where the request was refused
);
CREATE UNIQUE INDEX replies_key ON replies(key);
CREATE INDEX replies_run ON replies(run);
CREATE INDEX replies_record ON replies(record);
CREATE TABLE servers (id INTEGER PRIMARY KEY, backend TEXT, host TEXT, model TEXT, fingerprint TEXT,
                      UNIQUE (backend, host, model, fingerprint));
CREATE TABLE completed (record TEXT, identity TEXT, keys BLOB, PRIMARY KEY (record, identity)) WITHOUT ROWID;
CREATE TABLE parked (key BLOB PRIMARY KEY, endpoint TEXT, model TEXT, record TEXT, parts BLOB,
                     backend TEXT, host TEXT,
                     request BLOB) WITHOUT ROWID;
CREATE TABLE possibly_billed (id INTEGER PRIMARY KEY, run TEXT, time REAL, cost INTEGER, tokens INTEGER,
                              why TEXT);
"""
BATCH_TABLES = """
CREATE TABLE IF NOT EXISTS batches (
    intent TEXT PRIMARY KEY, run TEXT, host TEXT, model TEXT, endpoint TEXT,
    digest TEXT,                       -- of its custom_ids and their tries: how its provider finds it again
    state TEXT, id TEXT, requests INTEGER, completed INTEGER, failed INTEGER,
    made REAL, submitted REAL, looked REAL, closed REAL, why TEXT,
    price_input INTEGER, price_output INTEGER, price_cached INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch_lines (
    batch TEXT, place INTEGER, key BLOB, cost INTEGER, tokens INTEGER,
    outcome TEXT,                      -- NULL while the reply is waited for
    why TEXT, PRIMARY KEY (batch, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch_inputs (batch TEXT PRIMARY KEY, file TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS batch_lines_key ON batch_lines(key);
CREATE UNIQUE INDEX IF NOT EXISTS batch_lines_waiting ON batch_lines(key) WHERE outcome IS NULL;
"""
"""Tables that came later, and that earlier versions leave alone."""


def create_tables(db: sqlite3.Connection, path: Path) -> None:
    """Make a new file a journal. Raises JournalError for an SQLite file of another program, or of a newer
    prefgen.
    """
    with sqlite.transaction(db):  # at one moment: another process may be making the same file
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application not in (0, APPLICATION_ID) or (application == 0 and tables):
            raise JournalError(f"{path}: is an SQLite file of another program, not a prefgen journal")
        if version > JOURNAL_VERSION:
            raise JournalError(
                f"{path}: was written by a newer prefgen (format {version}, this one reads {JOURNAL_VERSION})"
            )
        if version == 0:
            for statement in JOURNAL_TABLES.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={JOURNAL_VERSION}")
        for statement in BATCH_TABLES.split(";\n"):
            db.execute(statement)


def refuse_other_kinds(path: Path) -> None:
    """Raise JournalError for a folder, and for a file that is no SQLite file, nor the beginning of one."""
    if path.is_dir():
        raise JournalError(f"{path}: is a folder; a journal is a file")
    if path.is_file() and sqlite.is_other_kind(path):
        raise JournalError(
            f"{path}: is no journal, nor any other SQLite file, and is left as it is. Name the journal with "
            "--journal (default: runs/calls.sqlite)"
        )
