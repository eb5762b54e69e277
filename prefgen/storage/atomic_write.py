"""Writing files whole or not at all."""

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(path: Path) -> Generator[Path]:
    """A path next to `path` to write to; it takes its name when the block ends without an error, and is
    removed when there is one.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def display_name(name_or_path: str) -> str:
    """A folder or a file by its own name alone, for what others read: where it stands on this machine is not
    theirs to know.
    """
    return Path(name_or_path).resolve().name if Path(name_or_path).exists() else name_or_path


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, whole or not at all, and onto the disk."""
    with atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
