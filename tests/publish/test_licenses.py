"""Licenses as the Hub names them. (prefgen/publish/licenses.py)"""

import pytest

from prefgen.publish.licenses import HUB_LICENSES, license_of, non_commercial, strictest, unranked


@pytest.mark.parametrize(
    ("names", "header"),
    [
        (["MIT"], {"license": "mit"}),
        (["CC-BY-4.0", "CC-BY-4.0"], {"license": "cc-by-4.0"}),
        (["My own terms"], {"license": "other", "license_name": "My own terms"}),
        (["MIT", "mit"], {"license": "mit"}),
        (["MIT", "Apache-2.0"], {"license": "other", "license_name": "several"}),
        (["MIT", "unknown"], {"license": "other", "license_name": "several"}),
        (["unknown"], {"license": "other", "license_name": "unknown"}),
        ([], {"license": "other", "license_name": "unknown"}),
    ],
)
def test_one_license_covers_the_whole_or_none_is_claimed(names, header):
    assert license_of(names) == header


@pytest.mark.parametrize(
    ("name", "forbids"),
    [
        ("CC-BY-NC-4.0", True),
        ("cc by nc sa", True),
        ("Non-Commercial", True),
        ("research only", True),
        ("CC-BY-4.0", False),
        ("ncsa", False),
        ("Apache-2.0", False),
    ],
)
def test_which_forbid_commercial_use(name, forbids):
    assert non_commercial([name]) == ([name] if forbids else [])


@pytest.mark.parametrize(
    ("names", "strict", "not_known"),
    [
        (["MIT", "CC-BY-NC-4.0", "AGPL-3.0"], ["CC-BY-NC-4.0"], []),
        (["CC0-1.0", "Apache-2.0", "unknown"], ["Apache-2.0"], []),
        (["cc-by-4.0", "cc-by-sa-4.0", "odbl"], ["cc-by-sa-4.0", "odbl"], []),
        (["llama3.1", "gpl-3.0"], ["llama3.1"], []),
        (["lgpl-3.0", "mit"], ["lgpl-3.0"], []),
        (["cc-by-nd-4.0", "gemma"], ["cc-by-nd-4.0"], []),
        (["Ours", "mit"], ["mit"], ["Ours"]),
        (["unknown"], [], []),
        ([], [], []),
    ],
)
def test_the_strictest_of_several(names, strict, not_known):
    assert strictest(names) == strict
    assert unranked(names) == not_known


def test_every_license_of_the_hub_but_families_is_ranked():
    assert unranked(sorted(HUB_LICENSES)) == ["cc"]
