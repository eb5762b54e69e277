"""Drop prompts that stand there already: exactly, or nearly (MinHash).

MinHash and its index are datasketch's (docs/decisions/003-libraries.md). The first of a group of duplicates stays, in the order of the
table, so that adding prompts at the end changes nothing before them.
"""

import re
import unicodedata
from typing import Literal

from pydantic import Field

from prefgen.plugins import Plugin, curator
from prefgen.tables import Gone, Table


@curator("dedupe")
class Dedupe(Plugin):
    """Keeps the first of each group of equal or nearly equal conversations."""

    method: Literal["exact", "minhash"] = Field("exact", description="Equal after normalising, or alike by MinHash.")
    threshold: float = Field(0.8, gt=0, lt=1, description="minhash: Jaccard similarity of word shingles from which two are duplicates.")
    shingle: int = Field(3, ge=1, description="minhash: words a shingle.")
    permutations: int = Field(128, ge=16, description="minhash: hash functions; the error of a similarity is about 1/sqrt of it.")
    seed: int = Field(1, description="minhash: seed of the hash functions.")

    def curate(self, rows: Table) -> Table:
        pairs = zip(rows.ids(), rows.column("conversation"), strict=True)
        if self.method == "exact":
            return rows.dropping(_exact([(i, text or "") for i, text in pairs]))
        return rows.dropping(self._alike([(i, text or "") for i, text in pairs]))

    def _alike(self, pairs: list[tuple[str, str]]) -> dict[str, Gone]:
        from datasketch import MinHash, MinHashLSH  # 0.3 s

        index = MinHashLSH(threshold=self.threshold, num_perm=self.permutations)
        kept: dict[str, MinHash] = {}
        gone = {}
        for row_id, text in pairs:
            made = MinHash(num_perm=self.permutations, seed=self.seed)
            made.update_batch([s.encode() for s in shingles(text, self.shingle)])
            near = [(made.jaccard(kept[str(other)]), str(other)) for other in index.query(made)]
            best = max(near, default=(0.0, ""))
            if best[0] >= self.threshold:
                gone[row_id] = Gone(f"near-duplicate (similarity {best[0]:.2f})", best[1])
            else:
                kept[row_id] = made
                index.insert(row_id, made)
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


def normal(text: str) -> str:
    """Text with compatible characters made one, lower case and single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def shingles(text: str, words: int) -> list[str]:
    """Runs of `words` words, sorted; of single characters where a text has too few words (or a script without spaces)."""
    tokens = re.findall(r"\w+|[^\w\s]", normal(text))
    if len(tokens) < words + 2:
        joined = " ".join(tokens)
        return sorted({joined[i : i + 5] for i in range(max(1, len(joined) - 4))})
    return sorted({" ".join(tokens[i : i + words]) for i in range(len(tokens) - words + 1)})
