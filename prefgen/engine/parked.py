"""Records of a segment that wait for a model which is not loaded: how many for which, and what they have
still to ask.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from prefgen.calls.usage import RunStats
from prefgen.stages.stage import Stage


class ParkedRecords:
    """The positions of records that wait, with the stages that each has passed and the models that it waits
    for. `turn_of` says in whose turn a model is asked (`prefgen.calls.residents`).
    """

    def __init__(self, stages: Sequence[Stage], stats: RunStats, turn_of: Callable[[str], str]) -> None:
        self._stages, self._stats, self._turn_of = stages, stats, turn_of
        self._records: dict[int, tuple[int, frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, position: int, passed: int, models: frozenset[str]) -> None:
        """A record waits for these models, after so many stages."""
        self._records[position] = (passed, models)
        self._show(models, 1)

    def waits(self) -> Counter[str]:
        """How many records wait for each turn."""
        return Counter(turn for _, models in self._records.values() for turn in set(self._turns(models)))

    def left(self) -> Counter[str]:
        """How many records have still to ask in each turn, by what the stages say that they ask."""
        at_stage = Counter(passed for passed, _ in self._records.values())
        left: Counter[str] = Counter()
        for passed, records in at_stage.items():
            stages = self._stages[passed:]
            plugins = [stage_plugin.plugin for stage in stages for stage_plugin in stage.plugins]
            names = (name for plugin in plugins for name in plugin.models_used())
            left.update(dict.fromkeys(self._turns(names), records))
        return left

    def take(self, present: Collection[str]) -> set[int]:
        """The positions of the records that can go on in these turns: they wait no more."""
        taken = {p for p, (_, models) in self._records.items() if set(self._turns(models)) & set(present)}
        for position in taken:
            _, models = self._records.pop(position)
            self._show(models, -1)
        return taken

    def _turns(self, models: Iterable[str]) -> Iterable[str]:
        return map(self._turn_of, models)

    def _show(self, models: frozenset[str], change: int) -> None:
        for model in models:
            self._stats.model(model).awaited += change
