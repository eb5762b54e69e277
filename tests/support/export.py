"""What several tests use: pairs in the forms of trainers, and several datasets made one."""

import json


def said(role, text):
    return {"role": role, "content": text}


ROWS = [
    {
        "prompt": [said("user", f"Question {i // 2}?")],
        "chosen": [said("assistant", f"Good {i}")],
        "rejected": [said("assistant", f"Bad {i}")],
        "score_chosen": 3.0 + i,
        "score_rejected": 1.0,
        "chosen_model": "m",
        "category": "c",
        "license": "MIT",
        "source": "s",
    }
    for i in range(4)
]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def dataset(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)
