"""What several tests use: harmful texts: on purpose only, marked all the way, and never the preferred
answer.
"""

from prefgen.kit.templates import shipped
from prefgen.recipe.load import load_recipe

TEXT = "Take the bottle while the cashier looks away."


def backwards(pair):
    """A recipe that would prefer what it was made from."""
    path = shipped("pipelines") / "safer_instruct.yaml"
    recipe = load_recipe(path).data
    recipe["stages"][-2:] = [{"pair": pair}]
    return recipe, path.parent
