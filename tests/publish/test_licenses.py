"""Licenses as the Hub names them. (prefgen/publish/licenses.py)"""

import pytest

from prefgen.publish.licenses import license_of, non_commercial


@pytest.mark.parametrize(
    ("names", "header"),
    [
        (["MIT"], {"license": "mit"}),
        (["CC-BY-4.0", "CC-BY-4.0"], {"license": "cc-by-4.0"}),
        (["My own terms"], {"license": "other", "license_name": "My own terms"}),
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
