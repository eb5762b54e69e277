"""Keep groups of prompts in proportion: at most so many of each, or the numbers that are asked for.

Which ones of a group stay is a draw that depends on ids and seed alone. A group that has fewer than its quota
is named.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from prefgen.errors import did_you_mean
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.stats.seeded_draws import uniform
from prefgen.tables import Dropped, Table


@curator("balance")
class Balance(Plugin):
    """Numbers by category, source or language."""

    by: Literal["category", "source", "language"] = Field(
        default="category", description="What makes a group; rows without it are one of their own."
    )
    most: int | None = Field(default=None, ge=1, description="Most rows of any group.")
    quotas: Mapping[str, int] = Field(
        default={}, description="{group: rows that are wanted of it}; groups that are not named keep `most`."
    )
    seed: int = Field(default=0, description="Seed of the draw.")

    @model_validator(mode="after")
    def _check_quotas(self) -> "Balance":
        if self.most is None and not self.quotas:
            raise ValueError("give most, quotas, or both")
        if any(number < 0 for number in self.quotas.values()):
            raise ValueError(f"a quota is 0 or more, found {dict(self.quotas)!r}")
        return self

    def curate(self, rows: Table) -> Table:
        groups: dict[str, list[str]] = defaultdict(list)
        for row_id, group in zip(rows.ids(), rows.column(self.by), strict=True):
            groups[group or "none"].append(row_id)
        notices, dropped = [], {}
        for group, quota in self.quotas.items():
            if group not in groups:
                notices.append(
                    f"balance: there is no {self.by} {group!r}{did_you_mean(group, sorted(groups))}"
                )
            elif len(groups[group]) < quota:
                notices.append(
                    f"balance: {self.by} {group!r} has {len(groups[group]):,} of the {quota:,} rows that "
                    "are wanted"
                )
        for group, ids in groups.items():
            most = self.quotas.get(group, self.most)
            if most is not None and len(ids) > most:
                shuffled_ids = sorted(ids, key=lambda row_id: uniform("balance", self.seed, row_id))
                dropped |= {
                    row_id: Dropped(f"over {most:,} of {self.by} {group}") for row_id in shuffled_ids[most:]
                }
        return replace(rows.dropping(dropped), notices=(*rows.notices, *notices))
