"""What several tests use: curators that compare prompts by a model's vectors: what they ask, what goes, and
what becomes of what was lost.
"""

from prefgen.dataset.read_run import read_records
from tests.support.recipes import a_recipe

VECTORS = {
    "cat": [1, 0, 0],
    "kitten": [0.98, 0.2, 0],
    "dog": [0, 1, 0],
    "hound": [0.1, 0.99, 0],
    "sea": [0, 0, 1],
}


def embedder(body, _):
    """The vector of the first known word; nothing that could be used for a text about nothing."""
    if "input" not in body:
        return "Said."
    [text] = body["input"]
    found = next((vector for word, vector in VECTORS.items() if word in text), None)
    return {"data": [{"index": 0, "embedding": found}] if found else [], "model": body["model"]}


def thinned(url, curate, texts):
    recipe = a_recipe(url=url, prompts=texts)
    recipe["stages"] = [recipe["stages"][0], {"curate": curate}, recipe["stages"][1]]
    return recipe


def left(out):
    return [r.prompt.text for r in read_records(out)]
