"""Keep the prompts that are farthest from each other: each next one is the one whose nearest chosen neighbour is farthest away.

The greedy solution of the k-center problem (Gonzalez, 1985), by the cosine of hashed n-grams (`prefgen.embedding`), which knows wording and
topic and not meaning. It starts from the row that is nearest to the mean of all.
"""

from pydantic import Field

from prefgen.embedding import hashed
from prefgen.plugins import Plugin, curator
from prefgen.tables import Gone, Table


@curator("diversify")
class Diversify(Plugin):
    """`count` prompts that cover the rest."""

    count: int = Field(ge=1, description="How many stay.")

    def curate(self, rows: Table) -> Table:
        import numpy as np

        ids = rows.ids()
        if len(ids) <= self.count:
            return rows
        matrix = hashed([text or "" for text in rows.column("text")])
        chosen = [int((matrix @ matrix.mean(axis=0)).argmax())]
        nearest = matrix @ matrix[chosen[0]]
        owner = np.zeros(len(ids), dtype=np.int64)
        while len(chosen) < self.count:
            nearest[chosen] = np.inf
            following = int(nearest.argmin())
            cosines = matrix @ matrix[following]
            closer = cosines > nearest
            nearest[closer], owner[closer] = cosines[closer], len(chosen)
            chosen.append(following)
        kept = set(chosen)
        reasons = {ids[i]: Gone("not among the farthest", ids[chosen[int(owner[i])]]) for i in range(len(ids)) if i not in kept}
        return rows.dropping(reasons)
