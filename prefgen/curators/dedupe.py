"""Drop prompts that stand there already: exactly, or nearly (MinHash, ROUGE-L, or the angle between vectors).

MinHash and its index are datasketch's, ROUGE-L's longest common subsequence is rapidfuzz's (docs/decisions/003-libraries.md). The first of a group
of duplicates stays, in the order of the table, so that adding prompts at the end changes nothing before them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from prefgen.kit.prompt_vectors import MODEL, column, said, vector, vectors
from prefgen.plugins.registry import Plugin, curator
from prefgen.roles import Ask
from prefgen.tables import Dropped, Table
from prefgen.text.near_duplicates import ALIKE, WordAlphabet, find_near_duplicates, normalize
from prefgen.types import Prompt

if TYPE_CHECKING:
    import numpy as np

DEFAULTS = {"minhash": ALIKE, "rouge_l": 0.7, "semantic": 0.9}
BLOCK = 1024
ROUNDING = 1e-6


@curator("dedupe")
class Dedupe(Plugin):
    """Keeps the first of each group of equal or nearly equal conversations; rouge_l and semantic look at the last user turn alone."""

    method: Literal["exact", "minhash", "rouge_l", "semantic"] = Field(
        "exact",
        description="Equal after normalising; alike by MinHash; by ROUGE-L of words (Self-Instruct); by the cosine of vectors.",
    )
    model: str | None = Field(None, description=f"semantic: {MODEL[0].lower()}{MODEL[1:]}")
    threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Similarity from which two are duplicates. Default: 0.8 (minhash), 0.7 (rouge_l), 0.9 (semantic).",
    )
    shingle: int = Field(3, ge=1, description="minhash: words a shingle.")
    permutations: int = Field(
        128, ge=16, description="minhash: hash functions; the error of a similarity is about 1/sqrt of it."
    )
    seed: int = Field(1, description="minhash: seed of the hash functions.")

    @model_validator(mode="after")
    def _a_model_has_its_method(self) -> "Dedupe":
        if self.model is not None and self.method != "semantic":
            raise ValueError(
                f"a model gives vectors, which `method: semantic` compares, and not {self.method!r}"
            )
        return self

    def output_column(self) -> str:
        return column(self.model)

    async def annotate(self, prompt: Prompt, ask: Ask) -> list[float]:
        return await vector(self.model, prompt, ask)

    def curate(self, rows: Table) -> Table:
        pairs = [(i, text or "") for i, text in zip(rows.ids(), rows.column("conversation"), strict=True)]
        if self.method == "exact":
            return rows.dropping(_exact(pairs))
        threshold = self.threshold or DEFAULTS[self.method]
        if self.method == "minhash":
            return rows.dropping(self._minhash(pairs, threshold))
        if self.method == "rouge_l":
            return rows.dropping(
                _rouge_l(
                    [(i, text or "") for i, text in zip(rows.ids(), rows.column("text"), strict=True)],
                    threshold,
                )
            )
        there, matrix = vectors(rows, self.model)
        ids = rows.ids()
        thinned = rows.dropping(alike([ids[i] for i in there], cosines_of(matrix), threshold, "cosine"))
        return replace(thinned, said=(*rows.notices, *said(rows, there, "dedupe")))

    def _minhash(self, pairs: list[tuple[str, str]], threshold: float) -> dict[str, Dropped]:
        found = find_near_duplicates(
            (text for _, text in pairs),
            threshold,
            words=self.shingle,
            permutations=self.permutations,
            seed=self.seed,
        )
        return {
            pairs[i][0]: Dropped(f"near-duplicate (similarity {near:.2f})", pairs[j][0])
            for i, (j, near) in found.items()
        }


def _exact(pairs: list[tuple[str, str]]) -> dict[str, Dropped]:
    first: dict[str, str] = {}
    gone = {}
    for row_id, text in pairs:
        key = normalize(text)
        if key in first:
            gone[row_id] = Dropped("duplicate", first[key])
        else:
            first[key] = row_id
    return gone


def _rouge_l(pairs: list[tuple[str, str]], threshold: float) -> dict[str, Dropped]:
    """By the F-measure of the longest common subsequence of words (Lin, 2004): 2 LCS / (words of the one + words of the other)."""
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    letters = WordAlphabet()
    spelled = [letters.spell(text) for _, text in pairs]

    def similarity(one: Sequence[int], other: Sequence[int]) -> "np.ndarray":
        texts = ([spelled[i] for i in one], [spelled[i] for i in other])
        return process.cdist(
            *texts, scorer=Indel.normalized_similarity, score_cutoff=threshold - ROUNDING, workers=-1
        )

    return alike([row_id for row_id, _ in pairs], similarity, threshold, "ROUGE-L")


Similarity = Callable[[Sequence[int], Sequence[int]], "np.ndarray"]


def cosines_of(matrix: "np.ndarray") -> Similarity:
    """Cosines of rows of length 1."""
    return lambda one, other: matrix[list(one)] @ matrix[list(other)].T


def alike(ids: Sequence[str], similarity: Similarity, threshold: float, measure: str) -> dict[str, Dropped]:
    """Rows that are as similar as `threshold` to an earlier row that stays, with that row. Compared in blocks: memory is that of one."""
    import numpy as np

    kept: list[int] = []
    gone: dict[str, Dropped] = {}
    for start in range(0, len(ids), BLOCK):
        block = range(start, min(start + BLOCK, len(ids)))
        best = np.full(len(block), -1.0, dtype=np.float32)
        where = np.zeros(len(block), dtype=np.int64)
        for at in range(0, len(kept), 8 * BLOCK):
            rows = kept[at : at + 8 * BLOCK]
            found = similarity(block, rows)
            places = found.argmax(axis=1)
            values = found[np.arange(len(block)), places]
            better = values > best
            best[better], where[better] = values[better], np.array(rows)[places[better]]
        within = similarity(block, block)
        stay: list[int] = []
        for i in range(len(block)):
            if stay:
                nearest = stay[int(within[i, stay].argmax())]
                if within[i, nearest] > best[i]:
                    best[i], where[i] = within[i, nearest], start + nearest
            if best[i] >= threshold - ROUNDING:
                gone[ids[start + i]] = Dropped(
                    f"near-duplicate ({measure} {best[i]:.2f})", ids[int(where[i])]
                )
            else:
                stay.append(i)
        kept += [start + i for i in stay]
    return gone
