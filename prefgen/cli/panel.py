"""Showing a run: a live panel on a terminal, plain lines elsewhere. Everything goes to stderr."""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prefgen.calls.budget import dollars
from prefgen.cli.screen import RULE_WIDTH, can_redraw, console_on, screen_width
from prefgen.cli.table import fitted_table
from prefgen.engine.progress import Progress, format_duration
from prefgen.text.plain_table import Column
from prefgen.text.plain_text import clean, one_line

if TYPE_CHECKING:
    from prefgen.calls.usage import ModelStats
    from prefgen.trainers.progress import TrainingProgress


class Shown:
    """Shows something while the `with` block runs: a panel of the terminal's width, elsewhere `line` now and
    then; and what it says, once each.
    """

    def __init__(
        self,
        notices: list[str],
        panel: Callable[[int], Any],
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
        if can_redraw(sys.stderr):
            from rich.live import Live

            console = console_on(sys.stderr)
            self._live = Live(
                get_renderable=lambda: self._panel(screen_width()), console=console, refresh_per_second=4
            )
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
            text = clean(f"  {self._notices[self._printed_count]}")
            self._printed_count += 1
            if self._live is not None:
                self._live.console.print(text, markup=False, highlight=False)
            else:
                print(text, file=sys.stderr, flush=True)


def show_run(progress: Progress, *, quiet: bool = False) -> Shown:
    """A run."""
    return Shown(
        progress.stats.notices,
        lambda width: status_panel(progress, width),
        lambda: status_line(progress),
        quiet=quiet,
    )


def show_training(progress: "TrainingProgress", *, quiet: bool = False) -> Shown:
    """A training."""
    return Shown(
        progress.notices,
        lambda width: training_panel(progress, width),
        lambda: training_line(progress),
        quiet=quiet,
    )


def status_line(p: Progress) -> str:
    """The state in one line."""
    models = "  ".join(
        f"{name}: {t.requests:,} asked, {t.replayed:,} replayed, {t.in_flight}/{t.limit} in flight"
        + (f", {turn}" if (turn := turn_text(t)) else "")
        + (f", {one_line(t.state)}" if t.state else "")
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


def turn_text(t: "ModelStats") -> str:
    """Whether a model that takes turns is loaded, or how many prompts wait until it is."""
    waiting = f"{t.awaited:,} {'prompt waits' if t.awaited == 1 else 'prompts wait'}" if t.awaited else ""
    return ", ".join(filter(None, (t.place, waiting)))


LEAST_PANEL = 36
"""Characters below which a terminal is shown a line instead of a panel."""
FRAME = 4
STAGE_COLUMNS = (
    Column("stage"), Column("done", is_number=True), Column("at work", is_number=True, optional=True),
    Column("failed", is_number=True),
)  # fmt: skip
MODEL_COLUMNS = (
    Column("model"), Column("asked", is_number=True), Column("cost", is_number=True),
    Column("in flight", is_number=True), Column("turn"), Column("replayed", is_number=True, optional=True),
    Column("tokens out", is_number=True, optional=True), Column("tokens in", is_number=True, optional=True),
    Column("latency", is_number=True, optional=True), Column("retries", is_number=True, optional=True),
)  # fmt: skip
"""The last ones are left out first where there is no room."""
TURN = 4
"""The column of models that take turns."""


def status_panel(p: Progress, width: int) -> Any:
    """The state as rich tables of stages and models, in a frame no wider than the terminal."""
    from rich.text import Text

    width = min(width, RULE_WIDTH)
    if width < LEAST_PANEL:
        return Text(status_line(p))
    remaining = p.seconds_left()
    summary = f"{p.phase}: {p.finished:,} of {p.total:,} prompts, {p.pairs:,} pairs"
    summary += f", {p.waiting:,} waiting for a reply" if p.waiting else ""
    summary += f", {p.lost:,} to be taken up again" if p.lost else ""
    summary += (
        f", about {format_duration(remaining)} left" if remaining is not None and p.phase == "working" else ""
    )
    money = [Text(p.money(), style="bold")] if p.money() else []
    tables = [_stage_table(p, width - FRAME), _model_table(p, width - FRAME)]
    body = [part for table in tables if table is not None for part in (Text(""), table)]
    servers = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in server_lines(p)]
    return _framed(p.name, [Text(summary), _bar(p.finished, p.total, width), *money, *body, *servers], width)


def server_lines(p: Progress) -> list[str]:
    """How the servers are that a run keeps, where that is worth a line: the last that one wrote while it
    starts, or its replicas.
    """
    states = [(name, one_line(stats.state)) for name, stats in p.stats.models.items()]
    return [f"{name}: {state}" for name, state in states if state]


def _framed(title: str, parts: list[Any], width: int) -> Any:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    return Panel(
        Group(*parts),
        title=Text(title, style="bold"),
        title_align="left",
        border_style="dim",
        width=width,
    )


def _bar(done: int, total: int, width: int) -> Any:
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar

    bar = ProgressBar(total=max(1, total), completed=done, width=min(60, width - FRAME))
    return Padding(bar, 0)  # by itself it does not end its line


def _stage_table(p: Progress, width: int) -> Any:
    rows = [
        [label, f"{stats.done:,}", f"{stats.active:,}", f"{stats.failed:,}"]
        for label, stats in list(p.stages.items())
    ]
    return fitted_table(STAGE_COLUMNS, rows, width) if rows else None


def _model_table(p: Progress, width: int) -> Any:
    models = dict(p.stats.models)
    rows = [
        [
            name, f"{t.requests:,}", dollars(t.cost), f"{t.in_flight}/{t.limit}", turn_text(t),
            f"{t.replayed:,}", f"{t.completion_tokens:,}", f"{t.prompt_tokens:,}",
            f"{t.seconds / t.requests:.2f} s" if t.requests else "", f"{t.retries:,}",
        ]
        for name, t in models.items()
    ]  # fmt: skip
    if not rows:
        return None
    all_of_them = list(models.values())
    total = [
        "together", f"{sum(t.requests for t in all_of_them):,}", dollars(sum(t.cost for t in all_of_them)),
        f"{sum(t.in_flight for t in all_of_them)}", "", f"{sum(t.replayed for t in all_of_them):,}",
        f"{sum(t.completion_tokens for t in all_of_them):,}",
        f"{sum(t.prompt_tokens for t in all_of_them):,}", "", f"{sum(t.retries for t in all_of_them):,}",
    ]  # fmt: skip
    columns = list(MODEL_COLUMNS)
    if not any(row[TURN] for row in rows):  # no model takes turns
        for cells in (columns, *rows, total):
            del cells[TURN]
    return fitted_table(columns, rows, width, total if len(rows) > 1 else None)


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


def training_panel(p: "TrainingProgress", width: int) -> Any:
    """The state of a training: a bar, and what was measured last."""
    from rich.text import Text

    width = min(width, RULE_WIDTH)
    if width < LEAST_PANEL:
        return Text(training_line(p))
    remaining = p.seconds_left()
    summary = f"{p.phase}: step {p.step:,} of {p.steps:,}" if p.steps else p.phase
    summary += (
        f", about {format_duration(remaining)} left" if remaining is not None and p.step < p.steps else ""
    )
    values = dict(p.numbers)
    rows = [
        [name, *(f"{values[key]:.3f}" if key in values else "" for key in (name, f"eval_{name}"))]
        for name in dict.fromkeys(name.removeprefix("eval_") for name in values)
    ]
    columns = (Column(""), Column("training", is_number=True), Column("held out", is_number=True))
    table = fitted_table(columns, rows, width - FRAME) if rows else None
    return _framed(
        p.name,
        [Text(summary), _bar(p.step, p.steps, width), *([Text(""), table] if table is not None else [])],
        width,
    )
