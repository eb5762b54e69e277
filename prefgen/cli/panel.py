"""Showing a run: a live panel on a terminal, plain lines elsewhere. Everything goes to stderr."""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prefgen.calls.budget import dollars
from prefgen.engine.progress import Progress

if TYPE_CHECKING:
    from prefgen.trainers.progress import TrainingProgress


class Shown:
    """Shows something while the `with` block runs: a panel on a terminal, elsewhere `line` now and then; and what it says, once each."""

    def __init__(
        self,
        says: list[str],
        panel: Callable[[], Any],
        line: Callable[[], str],
        *,
        quiet: bool = False,
        every: float = 10.0,
    ) -> None:
        self._says, self._panel, self._line = says, panel, line
        self._quiet = quiet
        self._every = every
        self._said = 0
        self._live: Any = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Shown":
        if self._quiet:
            return self
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True)
            self._live = Live(get_renderable=self._panel, console=console, refresh_per_second=4)
            self._live.start()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        if self._live is not None:
            self._live.stop()
        if not self._quiet:
            self._say_new()

    def _talk(self) -> None:
        spoke = time.monotonic()
        while not self._end.wait(0.25):
            self._say_new()
            if self._live is None and time.monotonic() - spoke >= self._every:
                spoke = time.monotonic()
                print(self._line(), file=sys.stderr, flush=True)

    def _say_new(self) -> None:
        while self._said < len(self._says):
            text = f"  {self._says[self._said]}"
            self._said += 1
            if self._live is not None:
                self._live.console.print(text, markup=False, highlight=False)
            else:
                print(text, file=sys.stderr, flush=True)


def shown_run(progress: Progress, *, quiet: bool = False) -> Shown:
    """A run."""
    return Shown(progress.stats.notices, lambda: panel(progress), lambda: line(progress), quiet=quiet)


def shown_training(progress: "TrainingProgress", *, quiet: bool = False) -> Shown:
    """A training."""
    return Shown(
        progress.notices, lambda: training_panel(progress), lambda: training_line(progress), quiet=quiet
    )


def line(p: Progress) -> str:
    """The state in one line."""
    models = "  ".join(
        f"{name}: {t.requests:,} asked, {t.replayed:,} replayed, {t.in_flight}/{t.limit} in flight"
        for name, t in p.stats.models.items()
    )
    left = p.seconds_left()
    return (
        f"{p.name}: {p.phase}, {p.finished:,} of {p.total:,} prompts, {p.pairs:,} pairs"
        + (f", {p.waiting:,} waiting" if p.waiting else "")
        + (f", {duration(left)} left" if left is not None else "")
        + (f"  [{models}]" if models else "")
    )


def panel(p: Progress) -> Any:
    """The state as a rich table of stages and models."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    stages = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for name, justify in (("stage", "left"), ("done", "right"), ("at work", "right"), ("failed", "right")):
        stages.add_column(name, justify=justify)  # pyright: ignore[reportArgumentType]
    for label, tally in list(p.stages.items()):
        failed = Text(f"{tally.failed:,}", style="red" if tally.failed else "dim")
        stages.add_row(label, f"{tally.done:,}", f"{tally.active:,}", failed)
    models = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for name in (
        "model",
        "asked",
        "replayed",
        "in flight",
        "retries",
        "tokens in",
        "tokens out",
        "latency",
        "cost",
    ):
        models.add_column(name, justify="left" if name == "model" else "right")
    for name, t in list(p.stats.models.items()):
        latency = f"{t.seconds / t.requests:.2f} s" if t.requests else ""
        models.add_row(
            Text(name), f"{t.requests:,}", f"{t.replayed:,}", f"{t.in_flight}/{t.limit}", f"{t.retries:,}", f"{t.prompt_tokens:,}",
            f"{t.completion_tokens:,}", latency, dollars(t.cost),
        )  # fmt: skip
    left = p.seconds_left()
    words = f"{p.phase}: {p.finished:,} of {p.total:,} prompts, {p.pairs:,} pairs"
    words += f", {p.waiting:,} waiting for a reply" if p.waiting else ""
    words += f", {p.lost:,} to be taken up again" if p.lost else ""
    words += f", about {duration(left)} left" if left is not None and p.phase == "working" else ""
    bar = ProgressBar(total=max(1, p.total), completed=p.finished, width=60)
    return Panel(
        Group(Text(words), bar, Text(""), stages, Text(""), models),
        title=Text(p.name),
        title_align="left",
        expand=False,
    )


def training_line(p: "TrainingProgress") -> str:
    """The state of a training in one line."""
    left = p.seconds_left()
    numbers = ", ".join(f"{name} {value:.3f}" for name, value in list(p.numbers.items()))
    return f"{p.name}: {p.phase}" + (
        f", step {p.step:,} of {p.steps:,}"
        + (f", {duration(left)} left" if left is not None else "")
        + (f"  [{numbers}]" if numbers else "")
        if p.steps
        else ""
    )


def training_panel(p: "TrainingProgress") -> Any:
    """The state of a training: a bar, and what was measured last."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    left = p.seconds_left()
    words = f"{p.phase}: step {p.step:,} of {p.steps:,}" if p.steps else p.phase
    words += f", about {duration(left)} left" if left is not None and p.step < p.steps else ""
    numbers = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for name, justify in (("", "left"), ("training", "right"), ("held out", "right")):
        numbers.add_column(name, justify=justify)  # pyright: ignore[reportArgumentType]
    found = dict(p.numbers)
    for name in dict.fromkeys(name.removeprefix("eval_") for name in found):
        numbers.add_row(
            name, *(f"{found[key]:.3f}" if key in found else "" for key in (name, f"eval_{name}"))
        )
    bar = ProgressBar(total=max(1, p.steps), completed=p.step, width=60)
    return Panel(
        Group(Text(words), bar, Text(""), numbers), title=Text(p.name), title_align="left", expand=False
    )


def duration(seconds: float) -> str:
    """2 h 5 min, 3 min 20 s, 12 s."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
