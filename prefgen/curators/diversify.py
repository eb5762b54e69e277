"""Keep the prompts that cover the rest: the farthest from each other, or as many of each cluster.

`farthest` is the greedy solution of the k-center problem (Gonzalez, 1985): each next prompt is the one whose
nearest chosen neighbour is farthest away. `clusters` finds groups by spherical k-means (Dhillon and Modha,
2001) and fills them up evenly, the smallest first, with the prompts that are farthest from each other within
each. Both compare vectors of the last user turn.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from prefgen.kit.prompt_vectors import (
    MODEL_DESCRIPTION,
    embed_prompt,
    missing_vector_notices,
    read_vectors,
    vector_column,
)
from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask
from prefgen.tables import Dropped, Table
from prefgen.text.vectors import cluster_rows, select_farthest_rows
from prefgen.types import Prompt

if TYPE_CHECKING:
    import numpy as np


@curator("diversify")
class Diversify(Plugin):
    """`count` prompts of all."""

    cost = "1 embedding a prompt, where a model is named"

    count: int = Field(ge=1, description="How many stay.")
    method: Literal["farthest", "clusters"] = Field(
        default="farthest", description="The farthest of all, or as many of each cluster."
    )
    clusters: int | None = Field(
        default=None, ge=2, description="clusters: how many. Default: the square root of half the rows."
    )
    model: str | None = Field(default=None, description=MODEL_DESCRIPTION)

    @model_validator(mode="after")
    def _check_clusters(self) -> "Diversify":
        if self.clusters is not None and self.method != "clusters":
            raise ValueError("clusters is a number of `method: clusters`")
        return self

    def output_column(self) -> str:
        return vector_column(self.model)

    async def annotate(self, prompt: Prompt, ask: Ask) -> list[float]:
        return await embed_prompt(self.model, prompt, ask)

    def curate(self, rows: Table) -> Table:
        ids = rows.ids()
        positions, matrix = read_vectors(rows, self.model)
        if len(positions) <= self.count:
            return replace(
                rows, notices=(*rows.notices, *missing_vector_notices(rows, positions, "diversify"))
            )
        dropped = (
            self._dropped_by_distance(matrix)
            if self.method == "farthest"
            else self._dropped_by_cluster(matrix)
        )
        table = rows.dropping(
            {
                ids[positions[i]]: Dropped(reason, ids[positions[neighbour]])
                for i, (reason, neighbour) in dropped.items()
            }
        )
        return replace(table, notices=(*rows.notices, *missing_vector_notices(rows, positions, "diversify")))

    def _dropped_by_distance(self, matrix: "np.ndarray") -> dict[int, tuple[str, int]]:
        """{row that goes: (why, the row that stays in its place)}."""
        chosen, owner = select_farthest_rows(matrix, self.count)
        return {
            i: ("not among the farthest", chosen[int(owner[i])])
            for i in range(len(matrix))
            if i not in set(chosen)
        }

    def _dropped_by_cluster(self, matrix: "np.ndarray") -> dict[int, tuple[str, int]]:
        import numpy as np

        cluster_ids = cluster_rows(matrix, self.clusters or max(2, round((len(matrix) / 2) ** 0.5)))
        groups = sorted(
            (np.flatnonzero(cluster_ids == c) for c in range(int(cluster_ids.max()) + 1)), key=len
        )
        groups = [group for group in groups if len(group)]
        dropped: dict[int, tuple[str, int]] = {}
        remaining = self.count
        for position, group in enumerate(groups):
            share = max(0, min(len(group), remaining // (len(groups) - position)))
            remaining -= share
            chosen, owner = select_farthest_rows(matrix[group], max(1, share))
            for i, row in enumerate(group.tolist()):
                if not share or i not in set(chosen):
                    dropped[row] = (
                        f"over {share:,} of its cluster of {len(group):,}",
                        int(group[chosen[int(owner[i])]]),
                    )
        return dropped
