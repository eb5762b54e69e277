"""What version 0.1.0 wrote is read for good: its recipe, journal, run, manifest and release, in its words
(tests/golden/version_0_1).
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.read_run import read_manifest, read_pairs, read_records
from prefgen.publish.release import publish
from prefgen.publish.settings import read_publish_settings
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe
from tests.support.paths import GOLDEN

EARLIER = GOLDEN / "version_0_1"
RENAMED_IN_RECIPES = {
    "window": "max_records_in_flight",
    "patience": "server_down_after",
    "stage_timeout": "plugin_timeout",
    "licence": "license",
    "orders": "swap",
    "canned": "max_repeated_chosen",
    "allow_cut": "allow_truncated",
}


@pytest.fixture
def earlier(tmp_path) -> Path:
    """A copy of what that version left."""
    return Path(shutil.copytree(EARLIER, tmp_path / "earlier"))


def prefgen(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prefgen", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def replies(journal: Path) -> int:
    db = sqlite3.connect(journal)
    [(count,)] = db.execute("SELECT count(*) FROM replies").fetchall()
    db.close()
    return count


def replies_by_model(journal: Path) -> dict[str, int]:
    db = sqlite3.connect(journal)
    counts = dict(db.execute("SELECT model, count(*) FROM replies GROUP BY model").fetchall())
    db.close()
    return counts


def texts(rows) -> list[tuple]:
    """What the rows say, whatever their columns are called."""
    return [
        (row["id"], row["prompt"], row["chosen"], row["rejected"], row["margin"], row["license"])
        for row in rows
    ]


def test_its_answers_are_never_asked_again_and_its_judgments_are(earlier):
    """The migration: judges' wordings and the order in which they show answers changed after that version,
    the policies' requests did not.
    """
    before, paid_before = texts(read_pairs(earlier / "run")), replies_by_model(earlier / "calls.sqlite")
    command = ("run", "recipe.yaml", "--out", "run", "--journal", "calls.sqlite", "--json", "--yes")

    again = prefgen(*command, cwd=earlier)

    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)
    paid = replies_by_model(earlier / "calls.sqlite")
    assert found["complete"] and found["yield"]["pairs"] == len(before) == 5
    assert paid["writer"] == paid_before["writer"]
    assert paid["grader"] > paid_before["grader"]
    assert [row[1:4] for row in texts(read_pairs(earlier / "run"))] == [row[1:4] for row in before]
    assert (earlier / "run" / "previous").exists(), "its dataset is kept beside the new one"
    sampled = [stage for stage in read_manifest(earlier / "run").stage_fingerprints if stage[0] == "sample"]
    assert sampled == [s for s in read_manifest(EARLIER / "run").stage_fingerprints if s[0] == "sample"]


def test_without_consent_nothing_of_it_is_asked_again(earlier):
    command = ("run", "recipe.yaml", "--out", "run", "--journal", "calls.sqlite", "--offline")

    again = prefgen(*command, cwd=earlier)

    assert again.returncode == 3, again.stderr
    assert "24 replies of 6 prompts" in again.stderr
    assert replies(earlier / "calls.sqlite") == replies(EARLIER / "calls.sqlite")


def test_what_is_asked_again_is_said_before_it_is_paid(earlier):
    planned = prefgen("plan", "recipe.yaml", "--journal", "calls.sqlite", "--why", cwd=earlier)

    assert planned.returncode == 0, planned.stderr
    print(planned.stdout)
    assert "messages" in planned.stdout


def test_each_renamed_word_is_said_once_in_one_line(earlier):
    done = prefgen("run", "recipe.yaml", "--offline", "--journal", "calls.sqlite", cwd=earlier)

    notices = [
        line for line in done.stderr.splitlines() if "the old name is read for one more version" in line
    ]
    for old, new in RENAMED_IN_RECIPES.items():
        assert any(
            line.startswith(f"prefgen: {old} ") and f"is called {new} now" in line for line in notices
        ), old
    assert len(notices) == len(set(notices))


def test_the_present_words_give_the_same_dataset_without_a_notice(earlier):
    text = (earlier / "recipe.yaml").read_text()
    for old, new in (("orders: 2", "swap: true"), *RENAMED_IN_RECIPES.items()):
        text = text.replace(old, new)
    (earlier / "present.yaml").write_text(text)

    options = ("--yes", "--journal", "calls.sqlite", "--out")
    present = prefgen("run", "present.yaml", *options, "present", cwd=earlier)
    old = prefgen("run", "recipe.yaml", *options, "old", cwd=earlier)

    assert (present.returncode, old.returncode) == (0, 0), present.stderr + old.stderr
    assert "is called" not in present.stderr
    for shard in ("records/00000.parquet", "pairs/00000.parquet"):
        assert (earlier / "present" / shard).read_bytes() == (earlier / "old" / shard).read_bytes()


def test_its_manifest_and_records_are_read(earlier):
    manifest = read_manifest(earlier / "run")
    written = json.loads((earlier / "run" / "manifest.json").read_text())

    assert manifest.complete and manifest.row_digest == written["row_digest"]
    assert manifest.cost.full_usd == written["cost"]["new_usd"]
    assert dict(manifest.yields.prompts_by_outcome) == written["yield"]["prompts_by_fate"]
    assert {name: effect.pairs for name, effect in manifest.order_effects.items()} == {
        name: effect["pairs"] for name, effect in written["flips"].items()
    }
    assert manifest.code_version == written["code"]
    records = list(read_records(earlier / "run"))
    assert {record.prompt.license for record in records} <= {"CC-BY-4.0", "CC0-1.0", "unknown", "MIT"}
    assert {c.method for record in records for c in record.comparisons} == {"votes"}


def test_its_release_is_read_checked_and_compared(earlier):
    dataset = open_pairs(str(earlier / "release"))
    assert dataset.manifest is not None and dataset.manifest.name == "before"
    assert sorted(texts(row for _, row in dataset.rows)) == sorted(texts(read_pairs(earlier / "run")))

    checked = prefgen("check", "release", "--canned", "0.9", "--allow-cut", cwd=earlier)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stderr.count("is called") == 2
    compared = json.loads(prefgen("diff", "release", "run", "--json", cwd=earlier).stdout)
    assert compared["bump"] == "none" and compared["pairs"]["kept"] == 5


def test_its_run_can_be_published(earlier):
    settings = read_publish_settings(earlier / "run", {})
    assert (settings.max_repeated_chosen, settings.allow_truncated) == (0.9, True)

    release = publish(earlier / "run", settings, dry_run=True, say=lambda _: None)

    assert sum(release.counts["preferences"].values()) == 5
    [row] = [row for _, row in open_pairs(str(release.folder)).rows if row["split"] == "train"][:1]
    assert row["license"] and "licence" not in row


def test_the_journals_command_is_found_under_its_old_name(earlier):
    listed = prefgen("cache", "ls", "--journal", "calls.sqlite", cwd=earlier)

    assert listed.returncode == 0 and "writer" in listed.stdout
    assert "is now called `prefgen journal`" in listed.stderr
    assert "cache" not in prefgen("--help", cwd=earlier).stdout


def test_names_of_python_that_went_are_still_found():
    import prefgen as package

    for old, new in (
        ("read", "ask_and_parse"),
        ("together", "gather"),
        ("settled", "gather_settled"),
        ("Gone", "Dropped"),
    ):
        assert getattr(package, old) is getattr(package, new)
    with pytest.raises(AttributeError):
        package.never_there  # noqa: B018


def test_the_fixture_holds_every_word_that_was_renamed():
    words = set(yaml.safe_load((EARLIER / "recipe.yaml").read_text())["run"])
    assert {"window", "patience", "stage_timeout"} <= words
    assert set(RENAMED_IN_RECIPES) <= set(
        (EARLIER / "recipe.yaml").read_text().replace(":", " ").replace("{", " ").split()
    )
    build(load_recipe(EARLIER / "recipe.yaml"))
