"""Curators that keep rows by a number: its bounds, and what becomes of rows that have none."""

from typing import Literal

from prefgen.tables import Dropped, Table


def check_bounds(least: float | None, most: float | None) -> None:
    """Raises ValueError where there is no bound, or none that a number could lie between."""
    if least is None and most is None:
        raise ValueError("give least, most, or both")
    if least is not None and most is not None and least > most:
        raise ValueError(f"least is {least:g} and most is {most:g}")


def within_bounds(
    rows: Table,
    column: str,
    label: str,
    least: float | None,
    most: float | None,
    missing: Literal["keep", "drop"],
) -> Table:
    """The rows whose number lies within the bounds; one without a number stays or goes as `missing` says, and
    is never taken for low.
    """
    dropped = {}
    for row_id, value in zip(rows.ids(), rows.column(column), strict=True):
        if value is None:
            if missing == "drop":
                dropped[row_id] = Dropped(f"{label}: no number")
        elif (least is not None and value < least) or (most is not None and value > most):
            dropped[row_id] = Dropped(f"{label} ({value:.3g})")
    return rows.dropping(dropped)
