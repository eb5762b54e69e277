"""The rule as a judge of a recipe: `use: ./judge.py:rule`."""

from prefgen import Score, judge
from tests.lab.task import faults


@judge("lab_rule")
def rule(prompt, responses):
    return [
        Score(
            response_id=r.id, aspect="rule", value=max(0.0, 1 - faults(prompt.text, r.text) / 4), scale=(0, 1)
        )
        for r in responses
    ]
