"""What a run is asking at this moment, so that another run on the same journal waits for the reply instead of
paying for it again.

A claim is a lock of the kernel on one byte of a file beside the journal; which byte is told by the key. So a
claim costs microseconds, needs no clean-up, and ends with its process, however that ends. Which other runs
there are is known from the same file: it grows by one byte for each journal that begins to write, and its
first byte is locked, in shared mode, by each of those that are still open.
"""

import errno
import fcntl
import os
import struct
import weakref
from pathlib import Path

from prefgen.calls.journal_writer import journal_error
from prefgen.errors import JournalError

HELD_BY_ALL = 0
"""The byte that every journal which writes holds in shared mode."""
OPEN_FILE_LOCKS = hasattr(fcntl, "F_OFD_SETLK")
"""Whether the system has locks that belong to an open file. The older kind belongs to the process: two runs
in one process then do not keep each other from a key.
"""
OPEN_FILE_KINDS = {fcntl.LOCK_SH: fcntl.F_RDLCK, fcntl.LOCK_EX: fcntl.F_WRLCK, fcntl.LOCK_UN: fcntl.F_UNLCK}
FLOCK = "hhqqi4x"
"""Linux's struct flock: type, whence, start, length, process."""
TAKEN = (errno.EAGAIN, errno.EACCES)


class Claims:
    """The claims of one open journal. Raises JournalError where the file cannot be made, locked or
    written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open_file_locks = OPEN_FILE_LOCKS
        self._writes = False
        self._held: set[bytes] = set()
        try:
            self._file = path.open("ab+", buffering=0)
        except OSError as error:
            raise self._error(error) from error
        _all_open.add(self)
        self._size = os.fstat(self._file.fileno()).st_size  # first: whoever comes between makes it grow
        self._others_were_there = not self._try_lock(HELD_BY_ALL)
        self._lock(HELD_BY_ALL, fcntl.LOCK_UN)

    @property
    def is_alone(self) -> bool:
        """Whether no other open journal can have committed a reply since this one was opened."""
        now = os.fstat(self._file.fileno())
        return not self._others_were_there and now.st_size == self._size and now.st_nlink == 1

    def join(self) -> None:
        """Let the others know that this journal commits replies from now on."""
        if self._writes:
            return
        self._lock(HELD_BY_ALL, fcntl.LOCK_SH)
        try:
            self._file.write(b"\0")
        except OSError as error:
            raise self._error(error) from error
        self._size += 1
        self._writes = True

    def claim(self, key: bytes) -> bool:
        """Whether the request under `key` is this journal's to ask, as it is then until `release`."""
        if key in self._held:
            return True
        self.join()
        if self._try_lock(place_of(key)):
            self._held.add(key)
            return True
        return False

    def release(self, key: bytes) -> None:
        """Give a claim back; what is not this journal's stays as it is."""
        if key in self._held:
            self._held.discard(key)
            self._lock(place_of(key), fcntl.LOCK_UN)

    def close(self) -> None:
        """Give all claims back."""
        self._file.close()

    def _try_lock(self, place: int) -> bool:
        """Whether a byte could be locked for this file alone."""
        try:
            self._lock(place, fcntl.LOCK_EX)
        except BlockingIOError:
            return False
        return True

    def _lock(self, place: int, kind: int) -> None:
        """Set or give back a lock. One that excludes others is not waited for: raises BlockingIOError."""
        waits = kind != fcntl.LOCK_EX
        try:
            if self._open_file_locks:
                flock = struct.pack(FLOCK, OPEN_FILE_KINDS[kind], os.SEEK_SET, place, 1, 0)
                fcntl.fcntl(self._file, fcntl.F_OFD_SETLKW if waits else fcntl.F_OFD_SETLK, flock)
            else:
                fcntl.lockf(self._file, kind if waits else kind | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            if error.errno in TAKEN and not waits:
                raise BlockingIOError from error
            if error.errno != errno.EINVAL or not self._open_file_locks:
                raise self._error(error) from error
            self._open_file_locks = False  # a kernel that knows the older kind alone
            self._lock(place, kind)

    def _error(self, error: OSError) -> JournalError:
        if error.errno == errno.ENOSPC:
            return journal_error(error, self._path)
        return JournalError(
            f"{self._path}: runs on one journal cannot tell each other what they ask ({error})"
        )


def place_of(key: bytes) -> int:
    """The byte of a key, never the one that all hold. Two keys on one byte would only wait for each other."""
    return int.from_bytes(key[:8], "big") >> 2 | 1


_all_open: "weakref.WeakSet[Claims]" = weakref.WeakSet()


def _let_go_in_child() -> None:
    """A forked process has its parent's open files, and would keep the claims of one that was killed."""
    for claims in _all_open:
        claims.close()


os.register_at_fork(after_in_child=_let_go_in_child)
