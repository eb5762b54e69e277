"""The values that everything else passes around: frozen, checked when made, refusing unknown fields.
(prefgen/types.py)
"""

import pytest

from prefgen.types import Pair, Score


@pytest.mark.parametrize(
    "fields",
    [
        {"chosen_id": "a", "rejected_id": "a"},
        {"chosen_id": "a", "rejected_id": "b", "chosen_score": 1, "rejected_score": 2},
        {"chosen_id": "a", "rejected_id": "b", "chosen_score": 2, "rejected_score": 2},
        {"chosen_id": "a", "rejected_id": "b", "chosen_score": 2},
        {"chosen_id": "a", "rejected_id": "b", "chosen_score": float("nan"), "rejected_score": 1},
        {"chosen_id": "a", "rejected_id": "b", "chosen_probability": 2},
    ],
)
def test_a_pair_that_claims_something_wrong_cannot_be_made(fields):
    with pytest.raises(ValueError, match=r"."):
        Pair(rule="r", **fields)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.9, 5.1])
def test_a_score_outside_its_scale_cannot_be_made(value):
    with pytest.raises(ValueError, match="outside its scale|finite"):
        Score(response_id="r", aspect="a", value=value, scale=(1, 5))
