"""The end of a run: the first reason counts, and everyone who must know is told once."""

from collections.abc import Callable

from prefgen.errors import PrefgenError


class RunStop:
    """Whether a run is over, and why if it ended early. `on_over` are called when it is."""

    def __init__(self) -> None:
        self.reason: PrefgenError | None = None
        self.is_over = False
        self.on_over: list[Callable[[], None]] = []

    def stop(self, reason: PrefgenError) -> None:
        """End the run early: nothing new is asked, what is in flight is kept."""
        if self.reason is None:
            self.reason = reason
            self.close()

    def close(self) -> None:
        """Nothing new is asked from here on."""
        if not self.is_over:
            self.is_over = True
            for over in self.on_over:
                over()
