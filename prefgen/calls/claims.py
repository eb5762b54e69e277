"""What a run is asking for at this moment, so that another run on the same journal waits for the reply
instead of paying for it again.

A claim is a lock of the kernel on one byte of a file beside the journal; which byte is told by the key. So a
claim costs microseconds, needs no clean-up, and ends with its process, however that ends. Which other runs
there are is known from the same file: it grows by one byte for each journal that begins to write, and its
first byte is locked, in shared mode, by each of those that are still open.
"""

import errno
import fcntl
import os
import struct
from pathlib import Path

HELD_BY_ALL = 0
"""The byte that every journal which writes holds in shared mode."""
OPEN_FILE_LOCKS = hasattr(fcntl, "F_OFD_SETLK")
"""Whether the system has locks that belong to an open file. The older kind belongs to the process, so that
two runs in one process do not keep each other from a key.
"""
OPEN_FILE_KINDS = {fcntl.LOCK_SH: fcntl.F_RDLCK, fcntl.LOCK_EX: fcntl.F_WRLCK, fcntl.LOCK_UN: fcntl.F_UNLCK}
FLOCK = "hhqqi4x"
"""Linux's struct flock: type, whence, start, length, process."""


class Claims:
    """The claims of one open journal. Raises OSError where the file cannot be made or locked."""

    def __init__(self, path: Path) -> None:
        self._open_file_locks = OPEN_FILE_LOCKS
        self._writes = False
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            self._size = os.fstat(self._file).st_size  # first: whoever comes between makes it grow
            self._others_were_there = not self._lock(HELD_BY_ALL, fcntl.LOCK_EX)
            self._lock(HELD_BY_ALL, fcntl.LOCK_UN)
        except BaseException:
            os.close(self._file)
            raise

    @property
    def is_alone(self) -> bool:
        """Whether no other open journal can have written since this one was opened."""
        return not self._others_were_there and os.fstat(self._file).st_size == self._size

    def join(self) -> None:
        """Let the others know that this journal writes from now on."""
        if not self._writes:
            self._lock(HELD_BY_ALL, fcntl.LOCK_SH)
            os.write(self._file, b"\0")
            self._size += 1
            self._writes = True

    def claim(self, key: bytes) -> bool:
        """Whether the request under `key` is this run's to ask. If so, it is until `release`."""
        self.join()
        return self._lock(place_of(key), fcntl.LOCK_EX)

    def release(self, key: bytes) -> None:
        self._lock(place_of(key), fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._file)

    def _lock(self, place: int, kind: int) -> bool:
        """Whether an exclusive lock could be had, which is not waited for; the other kinds are had in any
        case.
        """
        waits = kind != fcntl.LOCK_EX
        try:
            if self._open_file_locks:
                flock = struct.pack(FLOCK, OPEN_FILE_KINDS[kind], os.SEEK_SET, place, 1, 0)
                fcntl.fcntl(self._file, fcntl.F_OFD_SETLKW if waits else fcntl.F_OFD_SETLK, flock)
            else:
                fcntl.lockf(self._file, kind if waits else kind | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            if (
                error.errno == errno.EINVAL and self._open_file_locks
            ):  # a kernel that knows only the older kind
                self._open_file_locks = False
                return self._lock(place, kind)
            raise
        return True


def place_of(key: bytes) -> int:
    """The byte of a key, never the one that all hold. Two keys on one byte would only wait for each other."""
    return int.from_bytes(key[:8], "big") >> 2 | 1
