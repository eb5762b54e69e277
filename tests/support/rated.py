"""What several tests use: a curator that asks a model about each prompt before it sees the whole set."""

import json

from prefgen.dataset.read_run import read_records
from tests.support.recipes import a_recipe


def rate(body, _):
    """3 for short prompts, 5 for long ones, nothing readable about what is odd."""
    asked = body["messages"][-1]["content"]
    if "Rate how" not in asked:
        return f"Said {asked[:20]}"
    return (
        "no idea" if "odd" in asked else json.dumps({"rationale": "r", "rating": 5 if "long" in asked else 2})
    )


def rated(url, prompts=("A long one?", "A short one?", "An odd one?"), *, before=(), **fields):
    recipe = a_recipe(url=url, prompts=prompts)
    recipe["stages"].insert(
        1, {"curate": [*before, {"use": "rated", "model": "grader", "least": 3, **fields}]}
    )
    recipe["stages"] = recipe["stages"][:3]
    return recipe


def texts(out):
    return [r.prompt.text for r in read_records(out)]
