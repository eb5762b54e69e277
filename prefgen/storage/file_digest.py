"""The digest of a file that is asked about more than once: of prompts and of weights, which are gigabytes."""

import hashlib
from functools import lru_cache
from pathlib import Path


def sha256_of(file: Path) -> bytes:
    """Its SHA-256 (32 bytes); a file that has not changed since is not read again. Raises OSError."""
    stat = file.stat()
    return _read(file.absolute(), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@lru_cache(maxsize=4096)
def _read(file: Path, *_: int) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
