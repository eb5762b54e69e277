"""SQLite files opened with care, once for the journal and the record store.

A file of another kind is left as it is, one that was cut short is refused before SQLite writes to it, and
what SQLite does not wait for by itself is tried again.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

HEADER = b"SQLite format 3\0"
NETWORK_FILE_SYSTEMS = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "beegfs", "fuse.sshfs", "9p", "afs", "glusterfs",
}  # fmt: skip
SECONDS_FOR_A_LOCK = 60.0


def open_connection(
    path: Path, *, pragmas: Sequence[str] = (), journal_mode: Literal["WAL", "TRUNCATE", "MEMORY"] = "WAL"
) -> sqlite3.Connection:
    """A connection in autocommit, which any thread may use; `pragmas` are set in their order, before anything
    is read.

    Without WAL the file is this process's alone: WAL needs shared memory, which no network file system gives.
    Raises sqlite3.Error.
    """
    db = sqlite3.connect(path, timeout=SECONDS_FOR_A_LOCK, isolation_level=None, check_same_thread=False)
    try:
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}")
        if journal_mode == "WAL":
            retry_while_locked(lambda: db.execute("PRAGMA journal_mode=WAL"))
        else:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            db.execute(f"PRAGMA journal_mode={journal_mode}")
    except BaseException:
        db.close()
        raise
    return db


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing of what is stored, beside whoever writes there. Raises sqlite3.Error.

    On a disk that can only be read nobody writes, and SQLite cannot make what readers and a writer share: a
    file without a write-ahead log is read as it stands.
    """
    address = path.absolute().as_uri()
    db = sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=SECONDS_FOR_A_LOCK, isolation_level=None)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        db.close()
        wal = companion_files(path)[1]
        if not _is_on_read_only_disk(path.parent) or (wal.exists() and wal.stat().st_size):
            raise
        db = sqlite3.connect(f"{address}?immutable=1", uri=True, isolation_level=None)
    except BaseException:
        db.close()
        raise
    return db


def _is_on_read_only_disk(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """Everything in the block, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def retry_while_locked(action: Callable[[], object], seconds: float = SECONDS_FOR_A_LOCK) -> None:
    """Do what SQLite does not wait for by itself (changing the journal mode) until no other process is in the
    way.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            action()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def companion_files(path: Path) -> tuple[Path, Path, Path]:
    """The file itself, its write-ahead log and its shared memory; any of them may not be there."""
    return path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def is_other_kind(path: Path) -> bool:
    """Whether a file is no SQLite file, nor the beginning of one."""
    with path.open("rb") as file:
        head = file.read(len(HEADER))
    return not HEADER.startswith(head)


def damage_of(path: Path) -> str | None:
    """What is wrong with a file that is shorter than its own header says (a copy or a disk that lost its
    end); None where it is whole.

    A file that is not there, or empty, is whole.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
            size = file.seek(0, 2)
    except FileNotFoundError:
        return None
    if size == 0:
        return None
    if len(head) < 100:
        return "file is not a database"
    wal = companion_files(path)[1]
    if wal.exists() and wal.stat().st_size:
        return None  # a checkpoint that was cut short leaves the pages there, and SQLite finishes it
    page_size = int.from_bytes(head[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    pages = int.from_bytes(head[28:32], "big")
    if page_size and size < page_size * pages and head[24:28] == head[92:96]:
        return f"malformed: {size} of {page_size * pages} bytes are there"
    return None


def is_on_network(folder: Path) -> bool:
    """Whether a network file system holds `folder`, as far as that can be told."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return False
    resolved = str(folder.resolve())
    holding = [m for m in mounts if resolved == m[0] or resolved.startswith(m[0].rstrip("/") + "/")]
    deepest = max(holding, key=lambda mount: len(mount[0]), default=None)
    return deepest is not None and deepest[1] in NETWORK_FILE_SYSTEMS
