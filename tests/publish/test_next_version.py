"""Which version a release becomes, after what stands on the Hub. (prefgen/publish/next_version.py)"""

import json

from tests.support.publishing import LOAD, PROMPTS, made, publish, python


def test_a_second_version_follows_what_changed_and_says_so_in_the_card(second, tmp_path):
    made(tmp_path, "more", (*PROMPTS, "What is a delta?", "Where does the sea begin?"))

    done = publish(second, tmp_path, "more", "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"] == "1.1.0"
    assert found["diff"]["pairs"]["added"] == 2
    assert found["diff"]["pairs"]["removed"] == 0
    repo = second.repos["acme/rivers"]
    assert set(repo.tags) == {"v1.0.0", "v1.1.0"}
    assert "2 added" in repo.at("main")[1]["README.md"].decode()
    # the old one is what it was
    assert sum(python(second, tmp_path, LOAD.format(tag="v1.0.0"))["rows"].values()) == 30


def test_a_tag_that_holds_something_else_is_never_moved(second, tmp_path, more):
    done = publish(second, tmp_path, more, "--version", "1.0.0")

    assert done.returncode == 1
    assert "has a tag 'v1.0.0' with other contents" in done.stderr
    assert len(second.repos["acme/rivers"].commits) == 2


def test_the_next_version_comes_after_the_highest_there_is(second, tmp_path, more):
    back = publish(second, tmp_path, more, "--version", "0.5.0")
    forth = publish(second, tmp_path, more, "--version", "2.0.0")
    made(tmp_path, "most", (*PROMPTS, "What is a delta?", "Where does the sea begin?"))
    after = publish(second, tmp_path, "most")

    assert back.returncode == 1
    assert "version 0.5.0 comes before 1.0.0" in back.stderr
    assert forth.returncode == after.returncode == 0, after.stderr
    assert set(second.repos["acme/rivers"].tags) == {"v1.0.0", "v2.0.0", "v2.1.0"}
    assert (
        "expected a version such as 1.2.0, found '01.2.3'"
        in publish(second, tmp_path, "most", "--version", "01.2.3").stderr
    )


def test_a_recipe_that_says_more_is_a_patch(second, tmp_path):
    made(tmp_path, "told", description="Questions about water.")

    done = publish(second, tmp_path, "told", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == "1.0.1"
    assert "Questions about water." in second.repos["acme/rivers"].at("main")[1]["README.md"].decode()
