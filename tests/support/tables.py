"""Tables of prompts, as curators see them."""

from pathlib import Path

import pyarrow as pa

from prefgen.plugins.registry import find
from prefgen.tables import Table


def prompts(*texts, categories=None):
    n = len(texts)
    columns = {
        "id": [f"p{i}" for i in range(n)],
        "text": texts,
        "conversation": [f"user: {t}" for t in texts],
        "source": ["s"] * n,
    }
    return Table(
        pa.table(
            {
                **columns,
                "category": pa.array(categories or [None] * n, pa.string()),
                "language": pa.array([None] * n, pa.string()),
            }
        )
    )


def curated(name, table, **fields):
    return find("curator", name, Path())(**fields).curate(table)


LONG = "Explain how a tide clock works and why it needs to be set again every few weeks by hand"
