"""What several tests use: curators that see all pairs: lengths and models in balance over the whole set."""

import json
from pathlib import Path

import pyarrow as pa

from prefgen.plugins.registry import find
from prefgen.tables import Table
from tests.support.recipes import a_recipe


def pairs(lengths, models=None, margins=None, texts=None):
    """A table of pairs with these (chosen, rejected) lengths in words."""
    n = len(lengths)
    return Table(
        pa.table(
            {
                "id": [f"p{i}" for i in range(n)],
                "chosen_words": [a for a, _ in lengths],
                "rejected_words": [b for _, b in lengths],
                "chosen_model": [a for a, _ in models or [("a", "b")] * n],
                "rejected_model": [b for _, b in models or [("a", "b")] * n],
                "chosen_text": texts or [f"t{i}" for i in range(n)],
                "margin": pa.array(margins or [1.0] * n, pa.float64()),
            }
        )
    )


def curator(name, **fields):
    return find("curator", name, Path())(**fields)


LONG, SHORT = "word " * 40, "No."


def balanced(**curate):
    rows = [
        {
            "prompt": f"Q{i}?",
            "completions": [
                {"response": LONG if i else SHORT, "model": "a"},
                {"response": f"Some words of answer number {i}.", "model": "b"},
            ],
        }
        for i in range(4)
    ]
    Path("answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return a_recipe() | {
        "models": {},
        "stages": [
            {"prompts": {"use": "records", "path": "answers.jsonl"}},
            {"pair": {"use": "fixed", "chosen": {"model": ["a"]}, "rejected": {"model": ["b"]}}},
            {"curate": [curate]},
        ],
    }
