"""Records of a segment that wait for a model which is not loaded: how many for which, and what they have
still to ask.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from prefgen.calls.usage import RunStats
from prefgen.stages.stage import Stage


class ParkedRecords:
    """The positions of records that wait, with the stages that each has passed and the models that it waits
    for.
    """

    def __init__(self, stages: Sequence[Stage], stats: RunStats) -> None:
        self._stages, self._stats = stages, stats
        self._records: dict[int, tuple[int, frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, position: int, passed: int, models: frozenset[str]) -> None:
        """A record waits for these models, after so many stages."""
        self._records[position] = (passed, models)
        self._show(models, 1)

    def waits(self) -> Counter[str]:
        """How many records wait for each model."""
        return Counter(model for _, models in self._records.values() for model in models)

    def left(self) -> Counter[str]:
        """How many records have still to ask each model, by what the stages say that they ask."""
        at_stage = Counter(passed for passed, _ in self._records.values())
        left: Counter[str] = Counter()
        for passed, records in at_stage.items():
            stages = self._stages[passed:]
            plugins = [stage_plugin.plugin for stage in stages for stage_plugin in stage.plugins]
            left.update(dict.fromkeys({name for plugin in plugins for name in plugin.models_used()}, records))
        return left

    def take(self, present: Collection[str]) -> set[int]:
        """The positions of the records that can go on where these models are loaded: they wait no more."""
        taken = {p for p, (_, models) in self._records.items() if not models.isdisjoint(present)}
        for position in taken:
            _, models = self._records.pop(position)
            self._show(models, -1)
        return taken

    def _show(self, models: frozenset[str], change: int) -> None:
        for model in models:
            self._stats.model(model).awaited += change
