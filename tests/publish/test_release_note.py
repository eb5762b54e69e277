"""What a release on the Hub says of itself. (prefgen/publish/release_note.py)"""

import pytest

from tests.support.publishing import publish


def test_a_tag_set_later_is_set_on_the_commit_that_brought_the_rows(hub, finished, tmp_path):
    hub.fail = [["POST .*/tag/", 500, 100]]
    publish(hub, tmp_path, finished)
    hub.fail = []
    repo = hub.repos["acme/rivers"]
    ours = repo.head
    repo.commits.append(("eeee1234", {**repo.commits[-1][1], "NOTES.md": b"theirs"}))

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 0, done.stderr
    assert repo.tags == {"v1.0.0": ours}


@pytest.mark.parametrize("noted", [b"{not json", b"[]", b'{"version": "one", "content_hash": "x"}'])
def test_a_release_that_somebody_changed_by_hand_is_one_line(second, finished, tmp_path, noted):
    repo = second.repos["acme/rivers"]
    repo.commits.append(("abcdef12", {**repo.commits[-1][1], "release.json": noted}))

    done = publish(second, tmp_path, finished)

    assert done.returncode == 1
    assert "release.json on the Hub cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
