"""Semantic versions of datasets: which part a change moves, and the tag of each.
(prefgen/publish/version.py)
"""

from prefgen.publish.version import bump_version


def test_versions_move_as_the_change_says():
    assert bump_version("1.4.2", "major") == "2.0.0"
    assert bump_version("1.4.2", "minor") == "1.5.0"
    assert bump_version("1.4.2", "patch") == "1.4.3"
    assert bump_version("0.4.2", "major") == "0.5.0"
