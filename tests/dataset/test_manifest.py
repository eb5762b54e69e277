"""A run's manifest, in every version that wrote one. (prefgen/dataset/manifest.py)"""

import json

import pytest

from prefgen.dataset.manifest import Manifest, OrderEffect, RunCost, RunYield, StageCost
from prefgen.errors import RecipeError
from tests.support.paths import GOLDEN


def test_what_is_written_is_read():
    manifest = Manifest(
        name="rivers",
        version="1.2.0",
        complete=True,
        row_digest="ab",
        stage_fingerprints=(("sample", "1"), ("judge", "2")),
        cost=RunCost(
            paid_usd=1.5,
            full_usd=2.0,
            by_stage=(
                StageCost(
                    stage="sample", model="m", requests=3, prompt_tokens=4, completion_tokens=5, cost_usd=2.0
                ),
            ),
        ),
        yields=RunYield(prompts=3, pairs=2, prompts_by_outcome={"pair": 2, "tie": 1}),
        order_effects={"quality": OrderEffect(pairs=4, flipped=1.5)},
    )
    written = json.loads(json.dumps(manifest.as_json()))

    assert Manifest.read(written, "here") == manifest
    assert written["yield"]["prompts_by_outcome"] == {"pair": 2, "tie": 1}
    assert set(written) == {
        field.serialization_alias or name for name, field in Manifest.model_fields.items()
    }


def test_each_earlier_name_is_read():
    """Those of version 0.1.0, from a manifest that it wrote."""
    fields = json.loads((GOLDEN / "version_0_1" / "run" / "manifest.json").read_text())
    manifest = Manifest.read(fields, "here")
    earlier = {
        "written": manifest.finished_at,
        "code": manifest.code_version,
        "unpriced": list(manifest.models_without_price),
        "unmeasured": list(manifest.unvalidated_judges),
        "texts": dict(manifest.template_digests),
        "identities": [list(pair) for pair in manifest.stage_fingerprints],
    }
    for name, value in earlier.items():
        assert fields[name] == value and value, name
        assert name not in manifest.as_json()


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        "text",
        7,
        {},
        {"name": 3},
        {"name": "x", "yield": []},
        {"name": "x", "cost": {"by_stage": [{}]}},
        {"name": "x", "served_by": "m"},
    ],
)
def test_what_is_no_manifest_is_one_line_and_of_another_program_nothing(fields):
    with pytest.raises(RecipeError) as caught:
        Manifest.read(fields, "runs/x")
    assert "runs/x" in str(caught.value) and "\n" not in str(caught.value)
    assert Manifest.read_if_ours(fields) is None


def test_what_a_later_version_adds_is_passed_over():
    manifest = Manifest.read({"name": "x", "of_tomorrow": 1, "yield": {"prompts": 2, "also": 3}}, "here")
    assert (manifest.name, manifest.yields.prompts, manifest.complete) == ("x", 2, False)
