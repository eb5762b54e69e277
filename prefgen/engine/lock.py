"""One live run a folder."""

from pathlib import Path

from filelock import FileLock, Timeout


def lock_of(out: Path) -> FileLock:
    return FileLock(out / ".lock")


def is_held(out: Path) -> bool:
    """Whether a live process works in this folder."""
    if not (out / ".lock").exists():
        return False
    lock = lock_of(out)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
