"""Harmful texts that prompts were made from, taken out of what is published.
(prefgen/publish/redaction.py)
"""

import json

import pytest
import yaml

from prefgen.dataset.read_run import read_shards
from tests.support.cli import prefgen_here as prefgen
from tests.support.publishing import HARMFUL, harmful_run, publish


def test_harmful_texts_are_taken_out_and_the_dataset_is_private_and_gated(hub, tmp_path):
    digest = harmful_run(tmp_path)

    done = publish(hub, tmp_path, "run")

    assert done.returncode == 0, done.stderr
    repo = hub.repos["acme/rivers"]
    assert repo.private
    everything = b"".join(repo.at("main")[1].values())
    assert HARMFUL.encode() not in everything
    released = [
        row
        for config in ("preferences", "candidates")
        for row in read_shards(tmp_path / "run" / "release" / "data" / config)
    ]
    assert HARMFUL not in json.dumps(released)
    assert sum(digest in json.dumps(row.get("rejected") or row.get("response")) for row in released) == 2
    header = yaml.safe_load(repo.at("main")[1]["README.md"].decode().split("---")[1])
    assert "not-for-all-audiences" in header["tags"]
    assert "extra_gated_prompt" in header


def read_again(folder):
    """A run that reads the release of `folder`/run, and what is published of it."""
    from tests.support.recipes import a_recipe

    recipe = a_recipe(name="again", version="1.0.0")
    shards = str(folder / "run" / "release" / "data" / "preferences")
    recipe["stages"] = [{"prompts": {"use": "records", "path": shards, "keep": ["responses", "pairs"]}}]
    (folder / "again.json").write_text(json.dumps(recipe))
    made = prefgen("run", "again.json", "--out", "again", "-q", "-y", cwd=folder)
    assert made.returncode == 0, made.stderr
    done = prefgen("publish", "again", "--dry-run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "again" / "release"


def test_a_release_that_is_read_again_is_still_marked(tmp_path):
    harmful_run(tmp_path)
    assert prefgen("publish", "run", "--dry-run", "--harmful", "keep", cwd=tmp_path).returncode == 0

    release = read_again(tmp_path)

    for config in ("preferences", "candidates"):
        assert HARMFUL not in json.dumps(list(read_shards(release / "data" / config)))
    assert "not-for-all-audiences" in (release / "README.md").read_text()


def test_an_export_says_that_rows_were_made_from_harmful_texts(tmp_path):
    harmful_run(tmp_path)

    done = prefgen("export", "run", "--to", "trl", "-o", "out.jsonl", cwd=tmp_path)

    assert done.returncode == 0
    assert "warning: 1 rows were made from harmful texts" in done.stderr


@pytest.mark.parametrize(("how", "rows"), [("drop", 30), ("keep", 31)])
def test_harmful_rows_may_be_left_out_or_kept(tmp_path, hub, how, rows):
    harmful_run(tmp_path)

    done = publish(hub, tmp_path, "run", "--harmful", how, "--dry-run")

    assert done.returncode == 0, done.stderr
    released = list(read_shards(tmp_path / "run" / "release" / "data" / "preferences"))
    assert len(released) == rows
    assert (HARMFUL in json.dumps(released)) == (how == "keep")


def test_judgments_that_quote_a_harmful_text_do_not_carry_it(tmp_path):
    harmful_run(tmp_path, rationale=f"It says: {HARMFUL} That is bad.")

    for how, left in (("redact", 1), ("drop", 0), ("keep", 1)):
        done = prefgen("publish", "run", "--dry-run", "--harmful", how, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said = [
            row["rationale"]
            for row in read_shards(tmp_path / "run" / "release" / "data" / "judgments")
            if "That is bad" in row["rationale"]
        ]
        assert len(said) == left
        assert any(HARMFUL in words for words in said) == (how == "keep")
