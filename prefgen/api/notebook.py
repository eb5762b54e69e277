"""How far a run is, in a notebook: one line that is updated, and below it what a user should read once."""

import importlib
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from prefgen.engine.progress import Progress, format_duration


@contextmanager
def shown_in_notebook(progress: Progress, *, quiet: bool = False) -> Generator[Callable[[], None]]:
    """Show a run while the block is at work; what is handed out shows it anew. Does nothing outside a
    notebook.
    """
    display = None if quiet else _display_of_notebook()
    if display is None:
        yield lambda: None
        return
    shown = status_text(progress)
    handle: Any = display({"text/plain": shown}, raw=True, display_id=True)

    def update() -> None:
        nonlocal shown
        if (text := status_text(progress)) != shown:
            shown = text
            handle.update({"text/plain": text}, raw=True)

    try:
        yield update
    finally:
        update()


def status_text(progress: Progress) -> str:
    """The state in one line, and a line for each notice."""
    models = list(progress.stats.models.values())
    seconds_left = progress.seconds_left() if progress.phase == "working" else None
    parts = [
        f"{progress.name}: {progress.phase}",
        f"{progress.finished:,} of {progress.total:,} prompts",
        f"{progress.pairs:,} pairs",
        *([f"{progress.waiting:,} waiting for a reply"] if progress.waiting else []),
        f"{sum(model.requests for model in models):,} requests answered",
        *filter(None, [progress.money()]),
        *([f"about {format_duration(seconds_left)} left"] if seconds_left is not None else []),
    ]
    return "\n".join([", ".join(parts), *(f"  {notice}" for notice in progress.stats.notices)])


def _display_of_notebook() -> Callable[..., Any] | None:
    """IPython's `display` where this is a notebook's kernel; a shell on a terminal has none."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is None:
        return None
    return importlib.import_module("IPython.display").display
