"""Drop pairs so that no model is almost always the chosen one against another: a set from which only the
author can be learned is no preference.

For every two models, the pairs in which one is preferred may be at most `share` of their pairs; those with
the smallest margin go first. Pairs of one model with itself stay; where one model never loses to the other,
all of their pairs go, since nothing stands against them.
"""

import math
from collections import defaultdict

from pydantic import Field

from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.tables import Dropped, Table


@curator("model_balance")
class ModelBalance(Plugin):
    """At most `share` of the pairs of two models prefer the same one."""

    operates_on = "pairs"

    share: float = Field(
        default=0.75, ge=0.5, le=1, description="The greatest part; 0.5 keeps as many pairs each way."
    )

    def curate(self, rows: Table) -> Table:
        pairs_by_models: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
        columns = [rows.column(name) for name in ("chosen_model", "rejected_model", "margin")]
        for row_id, chosen, rejected, margin in zip(rows.ids(), *columns, strict=True):
            if chosen != rejected:
                pairs_by_models[chosen, rejected].append((margin if margin is not None else 0.0, row_id))
        dropped = {}
        for (chosen, rejected), pairs in pairs_by_models.items():
            reverse_count = len(pairs_by_models.get((rejected, chosen), ()))
            most = (
                math.floor(reverse_count * self.share / (1 - self.share) + 1e-9)
                if self.share < 1
                else len(pairs)
            )
            for _, row_id in sorted(pairs)[: max(0, len(pairs) - most)]:
                dropped[row_id] = Dropped(f"{chosen} over {rejected} too often")
        return rows.dropping(dropped)
