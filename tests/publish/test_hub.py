"""One commit on the Hub, with its parent, and then the tag: nothing is half published, and nobody else's work
is overwritten. (prefgen/publish/hub.py)
"""

import pytest

from tests.support.hub import CLOSED, CUT, READER
from tests.support.publishing import publish


def test_a_head_that_moves_meanwhile_is_followed_and_not_overwritten(second, tmp_path, more):
    repo = second.repos["acme/rivers"]

    def somebody_is_faster(name):
        if not any(commit == "feedbeef1" for commit, _ in repo.commits):
            repo.commits.append(("feedbeef1", {**repo.commits[-1][1], "NOTES.md": b"ours"}))

    second.before_commit = somebody_is_faster

    done = publish(second, tmp_path, more)

    assert done.returncode == 0, done.stderr
    assert repo.at("main")[1]["NOTES.md"] == b"ours"
    assert [commit for commit, _ in repo.commits].index("feedbeef1") == len(repo.commits) - 2


def test_data_of_people_beside_ours_stays(second, tmp_path, more):
    repo = second.repos["acme/rivers"]
    theirs = {"data/extra.csv": b"a,b", "data/preferences/notes.txt": b"n"}
    repo.commits.append(("feedbeef2", {**repo.commits[-1][1], **theirs}))

    done = publish(second, tmp_path, more)

    assert done.returncode == 0, done.stderr
    assert theirs.items() <= repo.at("main")[1].items()


def test_an_upload_that_breaks_leaves_nothing_and_can_be_started_again(hub, finished, tmp_path):
    hub.fail = [
        ["PUT /large", 507, 100],
        ["POST .*commit", 500, 1],
    ]  # the client tries again after 500, for half a minute

    broken = publish(hub, tmp_path, finished)
    hub.fail[0][2] = 0
    again = publish(hub, tmp_path, finished)
    third = publish(hub, tmp_path, finished)

    assert broken.returncode == 1
    assert "nothing was published" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert len(hub.repos["acme/rivers"].commits) == 2
    assert 0 in (again.returncode, third.returncode)
    assert list(hub.repos["acme/rivers"].tags) == ["v1.0.0"]


@pytest.mark.parametrize(
    ("token", "says"), [("hf_nobody", "the token was not accepted"), (READER, "no right to write")]
)
def test_a_token_that_will_not_do_is_said_and_nothing_is_made(hub, finished, tmp_path, token, says):
    done = publish(hub, tmp_path, finished, token=token)

    assert done.returncode == 1
    assert says in done.stderr
    assert token not in done.stderr + done.stdout
    assert not hub.repos


def test_nothing_is_uploaded_where_what_was_to_be_private_is_public(hub, finished, tmp_path):
    hub.always_public = True

    done = publish(hub, tmp_path, finished, "--private")

    assert done.returncode == 1
    assert "was to be private and is public: nothing was uploaded" in done.stderr
    assert list(hub.repos["acme/rivers"].at("main")[1]) == [".gitattributes"]


def test_a_commit_that_fails_leaves_no_empty_dataset(hub, finished, tmp_path):
    hub.fail = [["POST .*/commit/", 500, 100]]

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 1
    assert not hub.repos


def test_a_pull_request_gets_no_tag(second, tmp_path, more):
    done = publish(second, tmp_path, more, "--pr")

    assert done.returncode == 0, done.stderr
    assert "/discussions/1" in done.stdout
    repo = second.repos["acme/rivers"]
    assert len(repo.commits) == 2
    assert set(repo.tags) == {"v1.0.0"}
    assert "release.json" in repo.requests[0][1]


def test_a_fault_of_the_hub_at_the_commit_is_tried_again(hub, finished, tmp_path):
    hub.fail = [["POST .*/commit/", 503, 2]]

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 0, done.stderr
    assert hub.fail[0][2] == 0
    assert list(hub.repos["acme/rivers"].tags) == ["v1.0.0"]


@pytest.mark.parametrize("fault", [502, CLOSED, CUT])
def test_a_fault_after_the_commit_was_made_is_seen_on_the_hub(hub, finished, tmp_path, fault):
    hub.fail_after = [["POST .*/commit/", fault, 1]]

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 0, done.stderr
    assert hub.fail_after[0][2] == 0
    assert len(hub.repos["acme/rivers"].commits) == 2  # the repository's first, and ours
    assert list(hub.repos["acme/rivers"].tags) == ["v1.0.0"]
    assert "nothing was published" not in done.stderr


def test_the_last_try_that_was_made_all_the_same_is_seen_too(hub, finished, tmp_path):
    hub.fail = [["POST .*/commit/", CLOSED, 3]]
    hub.fail_after = [["POST .*/commit/", CLOSED, 1]]

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 0, done.stderr
    assert hub.fail_after[0][2] == hub.fail[0][2] == 0
    assert len(hub.repos["acme/rivers"].commits) == 2
    assert list(hub.repos["acme/rivers"].tags) == ["v1.0.0"]


def test_a_commit_that_is_not_on_the_hub_is_said_to_be_none(second, tmp_path, more):
    second.fail = [["POST .*/commit/", CLOSED, 100]]
    head = second.repos["acme/rivers"].head

    done = publish(second, tmp_path, more)

    assert done.returncode == 1
    assert f"nothing was published (its newest commit is still {head[:8]}); publish again" in done.stderr
    assert "Traceback" not in done.stderr
    assert second.repos["acme/rivers"].head == head


def test_what_nobody_can_look_at_is_not_said_to_be_none(second, tmp_path, more):
    """The Hub is gone behind the commit: whether it was made is not known until it can be read again."""
    second.fail_after = [["POST .*/commit/", CLOSED, 1]]
    repo = second.repos["acme/rivers"]

    def goes_after_this(name):
        second.fail = [["GET /api/datasets/", 404, 1000]]

    second.before_commit = goes_after_this
    broken = publish(second, tmp_path, more)
    second.fail = []
    again = publish(second, tmp_path, more)

    assert broken.returncode == 1
    assert "it is not known whether the commit was made; publish again" in broken.stderr
    assert again.returncode == 0, again.stderr
    assert "was committed before; now it has its tag" in again.stderr
    assert len(repo.commits) == 3
    assert repo.tags["v1.1.0"] == repo.head


def test_a_pull_request_of_which_nothing_is_known_is_not_opened_twice(hub, finished, tmp_path):
    hub.fail_after = [["POST .*/commit/", CLOSED, 1000]]

    done = publish(hub, tmp_path, finished, "--pr")

    assert done.returncode == 1
    assert "it is not known whether the pull request was opened; look there" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(hub.repos["acme/rivers"].requests) == 1


def test_a_connection_that_breaks_before_the_commit_leaves_no_doubt(hub, finished, tmp_path):
    hub.fail = [["POST .*/preupload/", CLOSED, 100]]

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 1
    assert "nothing was published" in done.stderr
    assert not any("/commit/" in line for line in hub.asked)
