"""Writing files whole or not at all."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Generator[Path]:
    """A path beside `path` to write to; it takes its name when the block ends without an error."""
    beside = path.with_name(f".{path.name}.part")
    yield beside
    beside.replace(path)
