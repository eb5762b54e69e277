"""What was asked and what it cost: of one start of a run (the numbers that a panel shows), and of records and
whole datasets. (prefgen/calls/usage.py)
"""

import asyncio

from tests.support.recipes import a_recipe, run
from tests.support.server import by_content


async def test_what_a_dataset_cost_does_not_hang_on_who_answered_first(tmp_path, server):
    costs = []
    for slow in ("a", "b"):

        async def answered(body, slow=slow):
            await asyncio.sleep(0.3 * (body["model"] == slow))
            return by_content(body, 1)

        server.script = lambda body, attempt, answered=answered: answered(body)
        recipe = a_recipe(url=server.url)
        for name in ("a", "b"):
            recipe["models"][name] = {"use": "openai", "name": name, "temperature": 0}
            recipe["run"]["endpoints"][name] = {"base_url": server.url}
        judges = {
            name: {"use": "ultrafeedback", "model": name, "aspects": ["helpfulness"]} for name in ("a", "b")
        }
        recipe["stages"][2] = {
            "judge": {
                "a": {**judges["a"], "only": {"category": ["x"]}},
                "b": {**judges["b"], "only": {"category": ["y"]}},
            }
        }
        recipe["stages"][0] = {
            "prompts": {
                "use": "inline",
                "prompts": [{"prompt": "One?", "category": "x"}, {"prompt": "Two?", "category": "y"}],
            }
        }
        recipe["stages"] = recipe["stages"][:3]
        outcome = await run(recipe, tmp_path / slow, journal=tmp_path / f"{slow}.sqlite")
        costs.append([cost.model for cost in outcome.manifest.cost.by_stage])

    assert costs[0] == costs[1] and len(costs[0]) == 3
