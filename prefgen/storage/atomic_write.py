"""Writing files whole or not at all."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Generator[Path]:
    """A path beside `path` to write to; it takes its name when the block ends without an error, and is removed when there is one."""
    beside = path.with_name(f".{path.name}.part")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def named(what: str) -> str:
    """A folder or a file by its own name alone, for what others read: where it stands on this machine is not theirs to know."""
    return Path(what).resolve().name if Path(what).exists() else what
