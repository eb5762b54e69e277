"""What keys and rows hold of a model. (prefgen/calls/models.py)"""

import pytest

from prefgen.calls.key import CanonicalJson
from prefgen.calls.models import ModelSpec, model_label
from tests.support.queue import ToldModel


@pytest.mark.parametrize(
    ("identity", "simulated", "label"),
    [
        ({"name": "gpt"}, False, "gpt"),
        ({"name": "gpt"}, True, "simulated/gpt"),
        ({"name": "base", "fields": {"adapter": "lora"}}, False, "base+lora"),
        ({"name": "base", "fields": {"adapter": None}}, False, "base"),
    ],
)
def test_a_label_tells_models_apart(identity, simulated, label):
    spec = ModelSpec("m", identity, {}, ToldModel(str), simulated=simulated)
    assert model_label(identity, simulated) == spec.label == label


def test_the_identity_is_spelled_once():
    spec = ModelSpec("m", {"name": "gpt", "revision": None}, {}, ToldModel(str))
    assert spec.identity_json is spec.identity_json
    assert spec.identity_json == CanonicalJson.of({"revision": None, "name": "gpt"})
