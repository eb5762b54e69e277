"""Drop prompts that stand there already: exactly, or nearly (MinHash, ROUGE-L, or the angle between vectors).

MinHash and its index are datasketch's, ROUGE-L's longest common subsequence is rapidfuzz's
(docs/decisions/003-libraries.md). The first of a group of duplicates stays, in the order of the table, so
that adding prompts at the end changes nothing before them.
"""

from collections.abc import Callable, Sequence
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
from prefgen.text.near_duplicates import NEAR_DUPLICATE_THRESHOLD, WordAlphabet, find_near_duplicates
from prefgen.text.normalize import normalize
from prefgen.text.vectors import ROUNDING_ERROR, ROWS_A_BLOCK
from prefgen.types import Prompt

if TYPE_CHECKING:
    import numpy as np

DEFAULTS = {"minhash": NEAR_DUPLICATE_THRESHOLD, "rouge_l": 0.7, "semantic": 0.9}


@curator("dedupe")
class Dedupe(Plugin):
    """Keeps the first of each group of equal or nearly equal conversations; rouge_l and semantic look at the
    last user turn alone.
    """

    method: Literal["exact", "minhash", "rouge_l", "semantic"] = Field(
        default="exact",
        description=(
            "Equal after normalising; alike by MinHash; by ROUGE-L of words (Self-Instruct); by the cosine "
            "of vectors."
        ),
    )
    model: str | None = Field(
        default=None, description=f"semantic: {MODEL_DESCRIPTION[0].lower()}{MODEL_DESCRIPTION[1:]}"
    )
    threshold: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description=(
            "Similarity from which two are duplicates. Default: 0.8 (minhash), 0.7 (rouge_l), 0.9 (semantic)."
        ),
    )
    shingle: int = Field(default=3, ge=1, description="minhash: words a shingle.")
    permutations: int = Field(
        default=128,
        ge=16,
        description="minhash: hash functions; the error of a similarity is about 1/sqrt of it.",
    )
    seed: int = Field(default=1, description="minhash: seed of the hash functions.")

    @model_validator(mode="after")
    def _check_model(self) -> "Dedupe":
        if self.model is not None and self.method != "semantic":
            raise ValueError(
                f"a model gives vectors, which `method: semantic` compares, and not {self.method!r}"
            )
        return self

    def output_column(self) -> str:
        return vector_column(self.model)

    async def annotate(self, prompt: Prompt, ask: Ask) -> list[float]:
        return await embed_prompt(self.model, prompt, ask)

    def curate(self, rows: Table) -> Table:
        id_texts = [(i, text or "") for i, text in zip(rows.ids(), rows.column("conversation"), strict=True)]
        if self.method == "exact":
            return rows.dropping(_exact(id_texts))
        threshold = self.threshold or DEFAULTS[self.method]
        if self.method == "minhash":
            return rows.dropping(self._minhash(id_texts, threshold))
        if self.method == "rouge_l":
            return rows.dropping(
                _rouge_l(
                    [(i, text or "") for i, text in zip(rows.ids(), rows.column("text"), strict=True)],
                    threshold,
                )
            )
        positions, matrix = read_vectors(rows, self.model)
        ids = rows.ids()
        table = rows.dropping(
            near_duplicates([ids[i] for i in positions], cosines_of(matrix), threshold, "cosine")
        )
        return replace(table, notices=(*rows.notices, *missing_vector_notices(rows, positions, "dedupe")))

    def _minhash(self, id_texts: list[tuple[str, str]], threshold: float) -> dict[str, Dropped]:
        matches = find_near_duplicates(
            (text for _, text in id_texts),
            threshold,
            words=self.shingle,
            permutations=self.permutations,
            seed=self.seed,
        )
        return {
            id_texts[i][0]: Dropped(f"near-duplicate (similarity {similarity:.2f})", id_texts[j][0])
            for i, (j, similarity) in matches.items()
        }


def _exact(id_texts: list[tuple[str, str]]) -> dict[str, Dropped]:
    first_ids: dict[str, str] = {}
    dropped = {}
    for row_id, text in id_texts:
        key = normalize(text)
        if key in first_ids:
            dropped[row_id] = Dropped("duplicate", first_ids[key])
        else:
            first_ids[key] = row_id
    return dropped


def _rouge_l(id_texts: list[tuple[str, str]], threshold: float) -> dict[str, Dropped]:
    """By the F-measure of the longest common subsequence of words (Lin, 2004): 2 LCS / (words of the one +
    words of the other).
    """
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    alphabet = WordAlphabet()
    spellings = [alphabet.encode(text) for _, text in id_texts]

    def similarity(first: Sequence[int], second: Sequence[int]) -> "np.ndarray":
        texts = ([spellings[i] for i in first], [spellings[i] for i in second])
        return process.cdist(
            *texts, scorer=Indel.normalized_similarity, score_cutoff=threshold - ROUNDING_ERROR, workers=-1
        )

    return near_duplicates([row_id for row_id, _ in id_texts], similarity, threshold, "ROUGE-L")


Similarity = Callable[[Sequence[int], Sequence[int]], "np.ndarray"]


def cosines_of(matrix: "np.ndarray") -> Similarity:
    """Cosines of rows of length 1."""
    return lambda first, second: matrix[list(first)] @ matrix[list(second)].T


def near_duplicates(
    ids: Sequence[str], similarity: Similarity, threshold: float, measure: str
) -> dict[str, Dropped]:
    """Rows that are as similar as `threshold` to an earlier row that stays, with that row. Compared in
    blocks: memory is that of one.
    """
    import numpy as np

    kept: list[int] = []
    dropped: dict[str, Dropped] = {}
    for start in range(0, len(ids), ROWS_A_BLOCK):
        block = range(start, min(start + ROWS_A_BLOCK, len(ids)))
        best = np.full(len(block), -1.0, dtype=np.float32)
        neighbours = np.zeros(len(block), dtype=np.int64)
        for offset in range(0, len(kept), 8 * ROWS_A_BLOCK):
            kept_block = kept[offset : offset + 8 * ROWS_A_BLOCK]
            similarities = similarity(block, kept_block)
            columns = similarities.argmax(axis=1)
            values = similarities[np.arange(len(block)), columns]
            better = values > best
            best[better], neighbours[better] = values[better], np.array(kept_block)[columns[better]]
        block_similarities = similarity(block, block)
        block_kept: list[int] = []
        for i in range(len(block)):
            if block_kept:
                nearest = block_kept[int(block_similarities[i, block_kept].argmax())]
                if block_similarities[i, nearest] > best[i]:
                    best[i], neighbours[i] = block_similarities[i, nearest], start + nearest
            if best[i] >= threshold - ROUNDING_ERROR:
                dropped[ids[start + i]] = Dropped(
                    f"near-duplicate ({measure} {best[i]:.2f})", ids[int(neighbours[i])]
                )
            else:
                block_kept.append(i)
        kept += [start + i for i in block_kept]
    return dropped
