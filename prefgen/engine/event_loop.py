"""The event loop that runs use, and how rarely they look for garbage."""

import gc
from typing import Any


def fast_loop() -> Any:
    """uvloop's event loop where it is installed (it is not on Windows), else None for the standard one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def collect_rarely() -> None:
    """A run makes many short-lived values and few cycles."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
