"""What several tests use: what a kill, a deleted cache or a changed recipe must never do: each was a way to
lose rows silently.
"""

from tests.support.recipes import a_recipe

MANY = [f"Question number {i} of many?" for i in range(25)]


def two_segments(second=20, **more):
    recipe = a_recipe(prompts=MANY, **more)
    recipe["stages"].insert(3, {"curate": [{"use": "limit", "count": second}]})
    return recipe
