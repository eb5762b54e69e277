"""Several processes train together (torchrun, accelerate): one of them writes and speaks."""

import os


def is_first() -> bool:
    """Whether this is the process that writes; the only one is the first."""
    return os.environ.get("RANK", "0") == "0"
