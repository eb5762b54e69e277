"""Keep the first prompts, or a seeded draw of them."""

from random import Random
from typing import Literal

from pydantic import Field

from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.tables import Dropped, Table


@curator("limit")
class Limit(Plugin):
    """Keeps at most `count` rows."""

    count: int = Field(ge=1, description="How many rows stay.")
    pick: Literal["first", "random"] = Field(
        default="first", description="The first in order, or a draw that depends on ids and seed alone."
    )
    seed: int = Field(default=0, description="Seed of the draw.")

    def curate(self, rows: Table) -> Table:
        ids = rows.ids()
        if self.pick == "random":
            ids = sorted(ids, key=lambda row_id: Random(f"{self.seed}/{row_id}").random())
        return rows.dropping(
            {row_id: Dropped(f"over the limit of {self.count}") for row_id in ids[self.count :]}
        )
