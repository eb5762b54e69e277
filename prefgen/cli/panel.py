"""Showing a run: a live panel on a terminal, plain lines elsewhere. Everything goes to stderr."""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prefgen.calls.budget import dollars
from prefgen.engine.progress import Progress, format_duration

if TYPE_CHECKING:
    from prefgen.trainers.progress import TrainingProgress


class Shown:
    """Shows something while the `with` block runs: a panel on a terminal, elsewhere `line` now and then; and
    what it says, once each.
    """

    def __init__(
        self,
        notices: list[str],
        panel: Callable[[], Any],
        line: Callable[[], str],
        *,
        quiet: bool = False,
        interval: float = 10.0,
    ) -> None:
        self._notices, self._panel, self._line = notices, panel, line
        self._quiet = quiet
        self._interval = interval
        self._printed_count = 0
        self._live: Any = None
        self._stop = threading.Event()
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
        self._thread = threading.Thread(target=self._print_until_stopped, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._live is not None:
            self._live.stop()
        if not self._quiet:
            self._print_new_notices()

    def _print_until_stopped(self) -> None:
        last_printed = time.monotonic()
        while not self._stop.wait(0.25):
            self._print_new_notices()
            if self._live is None and time.monotonic() - last_printed >= self._interval:
                last_printed = time.monotonic()
                print(self._line(), file=sys.stderr, flush=True)

    def _print_new_notices(self) -> None:
        while self._printed_count < len(self._notices):
            text = f"  {self._notices[self._printed_count]}"
            self._printed_count += 1
            if self._live is not None:
                self._live.console.print(text, markup=False, highlight=False)
            else:
                print(text, file=sys.stderr, flush=True)


def show_run(progress: Progress, *, quiet: bool = False) -> Shown:
    """A run."""
    return Shown(
        progress.stats.notices, lambda: status_panel(progress), lambda: status_line(progress), quiet=quiet
    )


def show_training(progress: "TrainingProgress", *, quiet: bool = False) -> Shown:
    """A training."""
    return Shown(
        progress.notices, lambda: training_panel(progress), lambda: training_line(progress), quiet=quiet
    )


def status_line(p: Progress) -> str:
    """The state in one line."""
    models = "  ".join(
        f"{name}: {t.requests:,} asked, {t.replayed:,} replayed, {t.in_flight}/{t.limit} in flight"
        for name, t in p.stats.models.items()
    )
    remaining = p.seconds_left()
    return (
        f"{p.name}: {p.phase}, {p.finished:,} of {p.total:,} prompts, {p.pairs:,} pairs"
        + (f", {p.waiting:,} waiting" if p.waiting else "")
        + (f", {format_duration(remaining)} left" if remaining is not None else "")
        + (f", {money}" if (money := p.money()) else "")
        + (f"  [{models}]" if models else "")
    )


def status_panel(p: Progress) -> Any:
    """The state as a rich table of stages and models."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    remaining = p.seconds_left()
    summary = f"{p.phase}: {p.finished:,} of {p.total:,} prompts, {p.pairs:,} pairs"
    summary += f", {p.waiting:,} waiting for a reply" if p.waiting else ""
    summary += f", {p.lost:,} to be taken up again" if p.lost else ""
    summary += (
        f", about {format_duration(remaining)} left" if remaining is not None and p.phase == "working" else ""
    )
    progress_bar = ProgressBar(total=max(1, p.total), completed=p.finished, width=60)
    money = [Text(p.money())] if p.money() else []
    return Panel(
        Group(Text(summary), progress_bar, *money, Text(""), _stage_table(p), Text(""), _model_table(p)),
        title=Text(p.name),
        title_align="left",
        expand=False,
    )


def _stage_table(p: Progress) -> Any:
    from rich.text import Text

    table = _table("stage", "done", "at work", "failed")
    for label, stats in list(p.stages.items()):
        failed = Text(f"{stats.failed:,}", style="red" if stats.failed else "dim")
        table.add_row(label, f"{stats.done:,}", f"{stats.active:,}", failed)
    return table


def _model_table(p: Progress) -> Any:
    from rich.text import Text

    table = _table(
        "model", "asked", "replayed", "in flight", "retries", "tokens in", "tokens out", "latency", "cost"
    )
    for name, stats in list(p.stats.models.items()):
        latency = f"{stats.seconds / stats.requests:.2f} s" if stats.requests else ""
        table.add_row(
            Text(name), f"{stats.requests:,}", f"{stats.replayed:,}", f"{stats.in_flight}/{stats.limit}",
            f"{stats.retries:,}", f"{stats.prompt_tokens:,}", f"{stats.completion_tokens:,}", latency,
            dollars(stats.cost),
        )  # fmt: skip
    return table


def _table(first_column: str, *number_columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    table.add_column(first_column)
    for name in number_columns:
        table.add_column(name, justify="right")
    return table


def training_line(p: "TrainingProgress") -> str:
    """The state of a training in one line."""
    remaining = p.seconds_left()
    numbers = ", ".join(f"{name} {value:.3f}" for name, value in list(p.numbers.items()))
    return f"{p.name}: {p.phase}" + (
        f", step {p.step:,} of {p.steps:,}"
        + (f", {format_duration(remaining)} left" if remaining is not None else "")
        + (f"  [{numbers}]" if numbers else "")
        if p.steps
        else ""
    )


def training_panel(p: "TrainingProgress") -> Any:
    """The state of a training: a bar, and what was measured last."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    remaining = p.seconds_left()
    summary = f"{p.phase}: step {p.step:,} of {p.steps:,}" if p.steps else p.phase
    summary += (
        f", about {format_duration(remaining)} left" if remaining is not None and p.step < p.steps else ""
    )
    table = _table("", "training", "held out")
    values = dict(p.numbers)
    for name in dict.fromkeys(name.removeprefix("eval_") for name in values):
        table.add_row(
            name, *(f"{values[key]:.3f}" if key in values else "" for key in (name, f"eval_{name}"))
        )
    progress_bar = ProgressBar(total=max(1, p.steps), completed=p.step, width=60)
    return Panel(
        Group(Text(summary), progress_bar, Text(""), table),
        title=Text(p.name),
        title_align="left",
        expand=False,
    )
