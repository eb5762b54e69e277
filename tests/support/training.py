"""Pairs to train on."""

import json
from random import Random


def pairs(count=60, **more):
    rng = Random(0)
    return [
        {
            "prompt": f"Question {i} about {rng.choice('abcdefg') * 3}?",
            "chosen": f"Yes, {rng.randint(0, 999)} birds.",
            "rejected": f"No {rng.randint(0, 999)} fox.",
            **more,
        }
        for i in range(count)
    ]


def file_of(folder, rows, name="pairs.jsonl"):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder / name)
