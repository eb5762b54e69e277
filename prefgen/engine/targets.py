"""How many prompts are wanted of a synthesizer, in all and by category, and how many of them are there."""

from collections import Counter
from collections.abc import Iterator, Sequence

from prefgen.errors import did_you_mean
from prefgen.plugins.plugin import FromSeeds
from prefgen.stages.stage import StagePlugin
from prefgen.types import Record


class PromptTarget:
    """The `target` and the `quotas` of one synthesizer, beside the prompts of its that `records` hold."""

    def __init__(self, stage_plugin: StagePlugin, records: Sequence[Record]) -> None:
        self._name = stage_plugin.name
        self._plugin: FromSeeds = stage_plugin.plugin
        self._mine = [r for r in records if r.prompt.lineage.get("synthesizer") == stage_plugin.name]
        self._found = Counter(r.prompt.category for r in self._mine)

    @property
    def is_reached(self) -> bool:
        """Whether no more prompts are wanted; never, where no number was given."""
        plugin = self._plugin
        if plugin.target is not None:
            return len(self._kept()) >= plugin.target
        return bool(plugin.quotas) and all(map(self.has_enough_of, plugin.quotas))

    def has_enough_of(self, category: str | None) -> bool:
        quota = self._plugin.quotas.get(category or "")
        return quota is not None and self._found[category] >= quota

    def excess(self) -> Iterator[tuple[Record, str]]:
        """The prompts that are too many, and why; the first ones stay."""
        plugin = self._plugin
        kept = self._kept()
        within = {r.id for r in kept}
        for record in self._mine:
            if record.id not in within:
                category = record.prompt.category or ""
                yield record, f"over the quota of {plugin.quotas[category]:,} of category {category}"
        for record in kept[plugin.target :] if plugin.target is not None else ():
            yield record, f"over the target of {plugin.target:,}"

    def _kept(self) -> list[Record]:
        """What the quotas leave."""
        taken: Counter[str | None] = Counter()
        kept: list[Record] = []
        for record in self._mine:
            category = record.prompt.category
            quota = self._plugin.quotas.get(category or "")
            taken[category] += 1
            if quota is None or taken[category] <= quota:
                kept.append(record)
        return kept

    def shortfalls(self) -> Iterator[str]:
        """A line for each number that was not reached."""
        plugin, hint = self._plugin, "more `rounds` or a greater `count` would go on"
        for category, quota in plugin.quotas.items():
            count = self._found[category]
            if not count and quota:
                known = sorted(c for c in self._found if c)
                yield f"{self._name}: no prompt is of category {category!r}{did_you_mean(category, known)}"
            elif count < quota:
                yield (
                    f"{self._name}: {count:,} of {quota:,} prompts of category {category!r} after "
                    f"{plugin.rounds} rounds; {hint}"
                )
        kept = len(self._kept())
        if plugin.target is not None and kept < plugin.target:
            yield f"{self._name}: {kept:,} of {plugin.target:,} prompts after {plugin.rounds} rounds; {hint}"
