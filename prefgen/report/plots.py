"""Pictures of numbers as PNG, the same bytes for the same numbers; none where matplotlib is not installed."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefgen.storage.atomic_write import atomic_write

INSTALL_HINT = "pictures need matplotlib: pip install 'prefgen[plots]'"
COLOURS = ("#1b6ca8", "#d1495b", "#8d99ae", "#2a9d8f")
HISTOGRAM_BINS = 30


def can_draw() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


class Plot:
    """A row of panels, or several."""

    def __init__(self, columns: int, rows: int = 1) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._figure = Figure(figsize=(4.2 * columns, 3.2 * rows), layout="constrained")
        FigureCanvasAgg(self._figure)
        self._panels: list[Any] = list(self._figure.subplots(rows, columns, squeeze=False).flat)
        self._next_panel = 0

    def _panel(self, title: str, x: str) -> Any:
        panel = self._panels[self._next_panel]
        self._next_panel += 1
        panel.set_title(title, fontsize=10)
        panel.set_xlabel(x, fontsize=8)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
        return panel

    def histogram(self, title: str, x: str, values: Mapping[str, Sequence[float]]) -> None:
        """How often which number, for each name, in the same bins."""
        panel = self._panel(title, x)
        all_values = [value for series in values.values() for value in series]
        low, high = min(all_values), max(all_values)
        span = (low, high if high > low else low + 1)
        for (name, series), colour in zip(values.items(), COLOURS, strict=False):
            panel.hist(series, bins=HISTOGRAM_BINS, range=span, alpha=0.55, label=name, color=colour)
        panel.set_ylabel("rows", fontsize=8)
        if len(values) > 1:
            panel.legend(fontsize=8, frameon=False)

    def lines(self, title: str, x: str, values: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        """Numbers along `x`, for each name that has some."""
        panel = self._panel(title, x)
        series = {name: points for name, points in values.items() if points}
        for (name, points), colour in zip(series.items(), COLOURS, strict=False):
            panel.plot(
                *zip(*points, strict=True), label=name, color=colour, marker="." if len(points) < 30 else ""
            )
        if len(series) > 1:
            panel.legend(fontsize=8, frameon=False)
        elif not series:
            panel.text(
                0.5,
                0.5,
                "not measured",
                ha="center",
                va="center",
                transform=panel.transAxes,
                fontsize=8,
                color="grey",
            )

    def bars(self, title: str, x: str, values: Mapping[str, float]) -> None:
        """One number a name."""
        panel = self._panel(title, x)
        container = panel.barh(list(values), list(values.values()), color=COLOURS[0])
        panel.bar_label(container, fmt="{:,.0f}", fontsize=8, padding=2)
        panel.margins(x=0.15)

    def save(self, path: Path) -> None:
        for panel in self._panels[self._next_panel :]:
            panel.set_visible(False)
        with atomic_write(path) as part:
            self._figure.savefig(part, format="png", dpi=110, metadata={"Software": None})
