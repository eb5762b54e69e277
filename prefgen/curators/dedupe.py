"""Drop prompts that stand there already: exactly, or nearly (MinHash).

MinHash and its index are datasketch's (docs/decisions/003-libraries.md). The first of a group of duplicates stays, in the order of the
table, so that adding prompts at the end changes nothing before them.
"""

from typing import Literal

from pydantic import Field

from prefgen.plugins import Plugin, curator
from prefgen.similarity import ALIKE, Neighbours, normal
from prefgen.tables import Gone, Table


@curator("dedupe")
class Dedupe(Plugin):
    """Keeps the first of each group of equal or nearly equal conversations."""

    method: Literal["exact", "minhash"] = Field("exact", description="Equal after normalising, or alike by MinHash.")
    threshold: float = Field(ALIKE, gt=0, lt=1, description="minhash: Jaccard similarity of word shingles from which two are duplicates.")
    shingle: int = Field(3, ge=1, description="minhash: words a shingle.")
    permutations: int = Field(128, ge=16, description="minhash: hash functions; the error of a similarity is about 1/sqrt of it.")
    seed: int = Field(1, description="minhash: seed of the hash functions.")

    def curate(self, rows: Table) -> Table:
        pairs = zip(rows.ids(), rows.column("conversation"), strict=True)
        if self.method == "exact":
            return rows.dropping(_exact([(i, text or "") for i, text in pairs]))
        return rows.dropping(self._alike([(i, text or "") for i, text in pairs]))

    def _alike(self, pairs: list[tuple[str, str]]) -> dict[str, Gone]:
        index = Neighbours(self.threshold, words=self.shingle, permutations=self.permutations, seed=self.seed)
        gone = {}
        for row_id, text in pairs:
            hashed = index.hashed(text)
            near = index.nearest(hashed)
            if near is None:
                index.add(row_id, hashed)
            else:
                gone[row_id] = Gone(f"near-duplicate (similarity {near[0]:.2f})", near[1])
        return gone


def _exact(pairs: list[tuple[str, str]]) -> dict[str, Gone]:
    first: dict[str, str] = {}
    gone = {}
    for row_id, text in pairs:
        key = normal(text)
        if key in first:
            gone[row_id] = Gone("duplicate", first[key])
        else:
            first[key] = row_id
    return gone
