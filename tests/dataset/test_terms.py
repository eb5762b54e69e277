"""On which terms a dataset is there, as far as it says so itself. (prefgen/dataset/terms.py)"""

import pytest
from huggingface_hub.hf_api import DatasetInfo

from prefgen.dataset.terms import Terms, terms_of_mix, terms_of_recipe, terms_of_release, terms_on_hub


def on_hub(header, **fields):
    given = {"id": "a/b", "sha": "1", "private": False, "gated": False, "tags": [], "cardData": header}
    return terms_on_hub(DatasetInfo(**given | fields))


@pytest.mark.parametrize(
    ("header", "license"),
    [
        ({"license": "mit"}, "mit"),
        ({"license": ["cc-by-4.0"]}, "cc-by-4.0"),
        ({"license": ["mit", "cc-by-4.0"]}, None),
        ({"license": "other", "license_name": "ours"}, "ours"),
        ({"license": "other", "license_name": "several"}, None),
        ({"license": "unknown"}, None),
        ({"license": 3}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_license_of_a_card(header, license):
    assert on_hub(header).license == license
    assert terms_of_release({"header": header}).license == license


@pytest.mark.parametrize(
    ("fields", "private", "harmful"),
    [
        ({"private": True}, True, False),
        ({"gated": "auto"}, True, False),
        ({"tags": ["not-for-all-audiences"]}, False, True),
        ({"cardData": {"tags": "not-for-all-audiences"}}, False, True),
        ({"private": None, "gated": None, "tags": None}, False, False),
    ],
)
def test_the_marks_of_a_dataset_on_the_hub(fields, private, harmful):
    assert on_hub({}, **fields) == Terms(None, private, harmful)


def test_the_marks_of_what_lies_in_a_folder():
    assert terms_of_recipe("publish: {private: true}").private
    assert not any(
        terms_of_recipe(text).private for text in (None, "", "publish: 3", "- a", "a: [", "name: x")
    )
    assert terms_of_release({"private": True, "header": {"tags": ["not-for-all-audiences"]}}) == Terms(
        None, True, True
    )
    assert terms_of_release({"header": ["x"]}) == terms_of_release(None) == Terms()
    assert terms_of_mix({"private": True, "harmful": 3}) == Terms(None, True, True)
    assert terms_of_mix({"mixed_of": []}) == Terms()
