"""Keep the prompts that cover the rest: the farthest from each other, or as many of each cluster.

`farthest` is the greedy solution of the k-center problem (Gonzalez, 1985): each next prompt is the one whose nearest chosen neighbour is farthest
away. `clusters` finds groups by spherical k-means (Dhillon and Modha, 2001) and fills them up evenly, the smallest first, with the prompts that
are farthest from each other within each. Both compare vectors of the last user turn.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from prefgen.kit.prompt_vectors import MODEL, column, said, vector, vectors
from prefgen.plugins.registry import Plugin, curator
from prefgen.roles import Ask
from prefgen.tables import Dropped, Table
from prefgen.text.vectors import clusters, farthest
from prefgen.types import Prompt

if TYPE_CHECKING:
    import numpy as np


@curator("diversify")
class Diversify(Plugin):
    """`count` prompts of all."""

    cost = "1 embedding a prompt, where a model is named"

    count: int = Field(ge=1, description="How many stay.")
    method: Literal["farthest", "clusters"] = Field(
        "farthest", description="The farthest of all, or as many of each cluster."
    )
    clusters: int | None = Field(
        None, ge=2, description="clusters: how many. Default: the square root of half the rows."
    )
    model: str | None = Field(None, description=MODEL)

    @model_validator(mode="after")
    def _clusters_have_their_method(self) -> "Diversify":
        if self.clusters is not None and self.method != "clusters":
            raise ValueError("clusters is a number of `method: clusters`")
        return self

    def output_column(self) -> str:
        return column(self.model)

    async def annotate(self, prompt: Prompt, ask: Ask) -> list[float]:
        return await vector(self.model, prompt, ask)

    def curate(self, rows: Table) -> Table:
        ids = rows.ids()
        there, matrix = vectors(rows, self.model)
        if len(there) <= self.count:
            return replace(rows, said=(*rows.notices, *said(rows, there, "diversify")))
        gone = self._farthest(matrix) if self.method == "farthest" else self._of_clusters(matrix)
        thinned = rows.dropping(
            {ids[there[i]]: Dropped(reason, ids[there[near]]) for i, (reason, near) in gone.items()}
        )
        return replace(thinned, said=(*rows.notices, *said(rows, there, "diversify")))

    def _farthest(self, matrix: "np.ndarray") -> dict[int, tuple[str, int]]:
        """{row that goes: (why, the row that stays in its place)}."""
        chosen, owner = farthest(matrix, self.count)
        return {
            i: ("not among the farthest", chosen[int(owner[i])])
            for i in range(len(matrix))
            if i not in set(chosen)
        }

    def _of_clusters(self, matrix: "np.ndarray") -> dict[int, tuple[str, int]]:
        import numpy as np

        mine = clusters(matrix, self.clusters or max(2, round((len(matrix) / 2) ** 0.5)))
        groups = sorted((np.flatnonzero(mine == c) for c in range(int(mine.max()) + 1)), key=len)
        groups = [group for group in groups if len(group)]
        gone: dict[int, tuple[str, int]] = {}
        left = self.count
        for place, group in enumerate(groups):
            share = max(0, min(len(group), left // (len(groups) - place)))
            left -= share
            chosen, owner = farthest(matrix[group], max(1, share))
            for i, row in enumerate(group.tolist()):
                if not share or i not in set(chosen):
                    gone[row] = (
                        f"over {share:,} of its cluster of {len(group):,}",
                        int(group[chosen[int(owner[i])]]),
                    )
        return gone
