"""The seeds of a synthesizer: which texts it starts from in a round, and which examples each of them brings
along.
"""

from bisect import bisect
from collections.abc import Iterator
from pathlib import Path

from prefgen.dataset.columns import parse_records
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.plugins.plugin import FromSeeds
from prefgen.stages.stage import StagePlugin
from prefgen.stages.synthesize import seed_record
from prefgen.stats.seeded_draws import seeded_order, uniform
from prefgen.types import Record, Seed

WITHOUT_TEXTS = 10
"""Seeds of a synthesizer that has no file of texts and no `count`."""


def seeds_of(stage_plugin: StagePlugin, folder: Path, round_number: int) -> Iterator[Record]:
    """One record a seed. Rows are taken in a seeded order, again from the first when they are used up.

    A seed is made of its row and of how often the row was taken before, so that a row more in the file
    changes no other seed. Raises RecipeError.
    """
    plugin: FromSeeds = stage_plugin.plugin
    if plugin.seeds is None:
        count = plugin.count or WITHOUT_TEXTS
        for index in range(round_number * count, (round_number + 1) * count):
            yield seed_record(stage_plugin.name, Seed(index=index, seed=plugin.seed, round=round_number))
        return
    columns = {"messages": plugin.column} if plugin.column else {}
    rows = {
        r.id: r.prompt
        for r in parse_records(read_rows(folder / plugin.seeds, plugin.seeds), columns, plugin.seeds)
    }
    if not rows:
        raise RecipeError(f"{stage_plugin.name}: the file of seeds {plugin.seeds!r} is empty")
    shots = _Ring(list(rows), plugin.seed)
    count = plugin.count or len(rows)
    orders: dict[int, list[str]] = {}
    for place in range(round_number * count, (round_number + 1) * count):
        turn = place // len(rows)
        if turn not in orders:
            orders[turn] = seeded_order(list(rows), plugin.seed, f"turn {turn}")
        row = rows[orders[turn][place % len(rows)]]
        seed = Seed(
            index=turn,
            seed=plugin.seed,
            text=row.text,
            metadata={**row.metadata, **({"category": row.category} if row.category else {})},
            shots=tuple(rows[i].text for i in shots.drawn(plugin.shots, row.id, turn))
            if plugin.shots
            else (),
            messages=row.messages if len(row.messages) > 1 else (),
            round=round_number,
        )
        yield seed_record(
            stage_plugin.name, seed, category=row.category, language=row.language, license=row.license
        )


class _Ring:
    """Draws of several rows, of which one row more in the file moves only few: each draw takes the row that
    follows its point on a ring.
    """

    def __init__(self, ids: list[str], seed: int) -> None:
        self._seed = seed
        self._places = sorted((uniform(seed, "ring", i), i) for i in ids)

    def drawn(self, count: int, but: str, turn: int) -> list[str]:
        """`count` ids other than `but`, or as many as there are."""
        others: list[str] = []
        most = min(count, len(self._places) - 1)
        draw = 0
        while len(others) < most:
            start = bisect(self._places, (uniform(self._seed, "shot", but, turn, draw), ""))
            draw += 1
            for offset in range(len(self._places)):
                _, other = self._places[(start + offset) % len(self._places)]
                if other != but and other not in others:
                    others.append(other)
                    break
        return others
