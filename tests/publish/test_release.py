"""Publishing a run: check, split, write, version, card, one commit, tag. (prefgen/publish/release.py)"""

import json
import os
import subprocess
import sys

import yaml

from tests.support.cli import prefgen_here as prefgen
from tests.support.hub import WRITER, Repo
from tests.support.publishing import LOAD, harmful_run, made, publish, python


def test_a_run_becomes_a_tagged_version_that_the_real_clients_load(hub, finished, tmp_path):
    done = publish(hub, tmp_path, finished)

    assert done.returncode == 0, done.stderr
    repo = hub.repos["acme/rivers"]
    assert repo.tags == {"v1.0.0": repo.head}
    assert len(repo.commits) == 2  # what the Hub makes, and ours
    found = python(hub, tmp_path, LOAD.format(tag="v1.0.0"))
    assert sum(found["rows"].values()) == 30
    assert found["rows"]["test"] >= 1
    assert set(found["first"]) >= {"prompt", "chosen", "rejected", "margin", "license", "lineage"}
    assert found["first"]["chosen"][0]["role"] == "assistant"
    assert found["streamed"]
    files = repo.at("main")[1]
    card = files["README.md"].decode()
    header = yaml.safe_load(card.split("---")[1])
    assert "unknown, since no price was given for grader, writer" in card
    assert {c["config_name"] for c in header["configs"]} >= {"preferences", "candidates", "judgments"}
    assert set(header["tags"]) >= {"synthetic", "preference", "dpo", "rlaif", "prefgen"}
    assert (
        json.loads(files["manifest.json"])["row_digest"]
        == json.loads((finished / "manifest.json").read_text())["row_digest"]
    )
    assert (
        WRITER not in "".join(f.decode("utf-8", "ignore") for f in files.values()) + done.stdout + done.stderr
    )


def test_the_same_again_changes_nothing(second, finished, tmp_path):
    commits = len(second.repos["acme/rivers"].commits)

    again = publish(second, tmp_path, finished)

    assert again.returncode == 0, again.stderr
    assert "on the Hub already" in again.stdout
    assert len(second.repos["acme/rivers"].commits) == commits
    # what was put together stays whole, to be looked at
    there = second.repos["acme/rivers"].at("main")[1]
    for name in ("README.md", "release.json", "manifest.json", "recipe.yaml"):
        assert (finished / "release" / name).read_bytes() == there[name], name


def test_two_publishers_at_once_leave_one_version(hub, finished, tmp_path):
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": WRITER,
    }
    command = [sys.executable, "-m", "prefgen", "publish", "--repo", "acme/rivers", "--test", "0.2"]
    import shutil

    both = []
    for name in ("one", "two"):
        shutil.copytree(finished, tmp_path / name)
        both.append(
            subprocess.Popen(
                [*command, str(tmp_path / name)],
                env={**environment, "HF_HOME": str(tmp_path / f"hf-{name}")},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    ended = [process.communicate(timeout=120) for process in both]

    repo = hub.repos["acme/rivers"]
    assert {process.returncode for process in both} <= {0, 1}
    assert 0 in {process.returncode for process in both}, ended
    assert list(repo.tags) == ["v1.0.0"]
    assert len(repo.commits) == 2
    assert all("Traceback" not in err for _, err in ended), ended


def test_a_commit_whose_tag_was_lost_gets_it_when_published_again(hub, finished, tmp_path):
    hub.fail = [["POST .*/tag/", 500, 100]]
    broken = publish(hub, tmp_path, finished)
    hub.fail = []

    again = publish(hub, tmp_path, finished)

    assert broken.returncode == 1
    assert "publish again, which only sets the tag" in broken.stderr
    assert again.returncode == 0, again.stderr
    repo = hub.repos["acme/rivers"]
    assert repo.tags == {"v1.0.0": repo.head}
    assert len(repo.commits) == 2


def test_the_gate_stops_what_breaks_an_invariant(tmp_path, hub):
    made(tmp_path, "run", run={"order": "file"})
    import pyarrow.parquet as pq

    [shard] = (tmp_path / "run" / "pairs").glob("*.parquet")
    table = pq.read_table(shard)
    same = table.set_column(table.schema.get_field_index("rejected"), "rejected", table.column("chosen"))
    pq.write_table(same, shard)

    done = publish(hub, tmp_path, "run")

    assert done.returncode == 4
    assert "no pair is left" in done.stderr
    assert "chosen and rejected are the same" in done.stderr
    assert not hub.repos


def test_the_same_dataset_is_made_again_from_recipe_and_journal(tmp_path, finished):
    """Somebody else has the published recipe and the journal, and no model."""
    made(tmp_path, "run")
    first = prefgen("publish", "run", "--dry-run", "--json", cwd=tmp_path)
    (tmp_path / "elsewhere").mkdir()
    exported = prefgen("cache", "export", "--journal", "runs/calls.sqlite", "replies.jsonl", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    (tmp_path / "replies.jsonl").rename(tmp_path / "elsewhere" / "replies.jsonl")
    (tmp_path / "elsewhere" / "recipe.yaml").write_bytes(
        (tmp_path / "run" / "release" / "recipe.yaml").read_bytes()
    )

    imported = prefgen("cache", "import", "replies.jsonl", cwd=tmp_path / "elsewhere")
    again = prefgen("run", "recipe.yaml", "--offline", "--out", "run", "-q", cwd=tmp_path / "elsewhere")
    second = prefgen("publish", "run", "--dry-run", "--json", cwd=tmp_path / "elsewhere")

    assert imported.returncode == 0, imported.stderr
    assert again.returncode == 0, again.stderr
    assert json.loads(second.stdout)["content_hash"] == json.loads(first.stdout)["content_hash"]


def test_a_private_release_is_not_put_into_a_public_dataset(hub, tmp_path):
    harmful_run(tmp_path)
    hub.repos["acme/rivers"] = Repo([("aabbccdd", {})], private=False)

    refused = publish(hub, tmp_path, "run")
    said_so = publish(hub, tmp_path, "run", "--public", "--json")

    assert refused.returncode == 1
    assert (
        "is public, and this release is private, since rows of it come from harmful texts" in refused.stderr
    )
    assert said_so.returncode == 0, said_so.stderr
    assert json.loads(said_so.stdout)["private"] is False
    hub.repos["acme/other"] = Repo([("aabbccdd", {})], private=True)
    # as it is
    assert (
        json.loads(publish(hub, tmp_path, "run", "--public", "--json", repo="acme/other").stdout)["private"]
        is True
    )


def test_data_that_is_not_prefgens_is_not_replaced(hub, finished, tmp_path):
    hub.repos["acme/rivers"] = Repo([("aabbccdd", {"data/train.csv": b"a,b", "README.md": b"mine"})])

    done = publish(hub, tmp_path, finished)

    assert done.returncode == 1
    assert "holds data that prefgen did not publish (data/train.csv)" in done.stderr
    assert len(hub.repos["acme/rivers"].commits) == 1


def test_a_split_without_pairs_is_said(hub, finished, tmp_path):
    few = publish(hub, tmp_path, finished, "--test", "0.001", "--dry-run")
    many = publish(hub, tmp_path, finished, "--test", "0.999", "--dry-run")

    assert few.returncode == 0
    assert "no pair is in the test split" in few.stderr
    assert many.returncode == 2
    assert "all pairs are in the test split" in many.stderr


def test_two_publishes_of_one_run_do_not_write_over_each_other(finished, tmp_path):
    from filelock import FileLock

    with FileLock(finished / ".publishing.lock"):
        done = prefgen("publish", str(finished), "--dry-run", cwd=tmp_path)

    assert done.returncode == 1
    assert "is being published by another process" in done.stderr


def test_a_broken_row_is_left_out_and_listed_and_forbids_nothing(tmp_path, hub):
    """One answer that runs on into a template keeps no other from being published."""
    made(tmp_path, "run", run={"order": "file"})
    import pyarrow.parquet as pq

    [shard] = (tmp_path / "run" / "pairs").glob("*.parquet")
    rows = pq.read_table(shard).to_pylist()
    rows[0]["chosen"][0]["content"] += "<|im_end|>"
    table = pq.read_table(shard)
    pq.write_table(table.from_pylist(rows, table.schema), shard)

    done = publish(hub, tmp_path, "run")
    strict = prefgen("check", "run", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "1 row was left out" in done.stderr
    [listed] = (tmp_path / "run" / "release" / "bad_rows.jsonl").read_text().splitlines()
    assert json.loads(listed)["where"] == f"pair {rows[0]['id']}"
    assert "<|im_end|>" in json.loads(listed)["reason"]
    card = (tmp_path / "run" / "release" / "README.md").read_text()
    lost = card.partition("## What was lost")[2].partition("## ")[0]
    said = [line.split(" | ") for line in lost.splitlines() if line.startswith("| leak")]
    assert [(row[0], row[2], row[3]) for row in said] == [("| leak", "1", f"pair {rows[0]['id']} |")]
    assert "no judge's text" in lost and "im_end" not in lost
    assert strict.returncode == 4
    assert f"(id {rows[0]['id'][:40]})" in strict.stdout


def test_a_release_that_fails_leaves_no_part_of_it(tmp_path):
    made(tmp_path, "run")
    for shard in (tmp_path / "run" / "pairs").glob("*.parquet"):
        shard.unlink()

    done = prefgen("publish", "run", "--dry-run", cwd=tmp_path)

    assert done.returncode == 2 and "'run/pairs' holds 0 rows, and its manifest says 30" in done.stderr
    assert not [path for path in (tmp_path / "run").iterdir() if "release" in path.name]
    made(tmp_path, "other")
    assert prefgen("publish", "other", "--dry-run", "--test", "1.0", cwd=tmp_path).returncode == 2
    assert not [path for path in (tmp_path / "other").iterdir() if "release" in path.name]
