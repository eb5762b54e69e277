"""Vectors for curators that compare prompts: a model's, where the recipe names one, and hashed n-grams
otherwise.
"""

from typing import TYPE_CHECKING

from prefgen.errors import PluginError, UnreadableReply
from prefgen.roles import Ask
from prefgen.tables import Table
from prefgen.text.vectors import hashed_ngrams, unpack_vectors
from prefgen.types import Prompt

if TYPE_CHECKING:
    import numpy as np

MODEL_DESCRIPTION = (
    "An embedding model, by its name under `models`. Default: hashed n-grams, which know wording and topic "
    "and not meaning."
)
"""What the field `model` of such a curator is."""


def vector_column(model: str | None) -> str:
    """The column that a curator with that model has filled."""
    return f"vector_{model}" if model else ""


async def embed_prompt(model: str | None, prompt: Prompt, ask: Ask) -> list[float]:
    """The vector of a prompt's last user turn; the same text is asked about once."""
    embeddings = await ask.embed(model or "", [prompt.text])
    if len(embeddings) != 1 or not embeddings[0]:
        raise UnreadableReply(f"the server gave {len(embeddings)} vectors for one text", code="no_vector")
    return embeddings[0]


def read_vectors(
    rows: Table, model: str | None, *, reference: bool = False
) -> tuple[list[int], "np.ndarray"]:
    """(the places of the rows that have a vector, one row of length 1 for each); of the rows beside the table
    if that is wanted.

    A row whose vector was lost is not there: it is not like anything. Raises PluginError where vectors are of
    different sizes.
    """
    table = rows.reference_rows if reference else rows.rows
    if table is None:
        return [], hashed_ngrams([])
    if not model:
        return list(range(table.num_rows)), hashed_ngrams(
            [text or "" for text in table.column("text").to_pylist()]
        )
    encoded_vectors = table.column(vector_column(model)).to_pylist()
    positions = [i for i, encoded in enumerate(encoded_vectors) if encoded is not None]
    try:
        return positions, unpack_vectors([encoded_vectors[i] for i in positions])
    except ValueError as error:
        raise PluginError(f"model {model!r}: {error}") from error


def missing_vector_notices(rows: Table, positions: list[int], name: str) -> tuple[str, ...]:
    """A line about rows without a vector, if there are any."""
    missing = rows.rows.num_rows - len(positions)
    return (
        (
            f"{name}: {missing:,} of {rows.rows.num_rows:,} have no vector (the failures say why) and were "
            "not compared",
        )
        if missing
        else ()
    )
