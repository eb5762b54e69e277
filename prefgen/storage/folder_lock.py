"""The lock of a folder in which one process works at a time, and whether it is held."""

import fcntl
import os
from pathlib import Path

from filelock import FileLock

LOCK_FILE = ".lock"


def lock_of(folder: Path) -> FileLock:
    """The lock of the one process that may work in a folder."""
    return FileLock(folder / LOCK_FILE)


def is_held(folder: Path) -> bool:
    """Whether a live process works in a folder. Writes nothing: the folder may be another's, or on a disk
    that can be read alone.
    """
    try:
        file = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
