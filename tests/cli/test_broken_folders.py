"""A run's folder that is none, is half deleted, of another version or damaged: whatever reads it says so in
one line, with the right exit code.
"""

import json
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest

from prefgen.storage.folder_lock import is_held, lock_of
from tests.support.cli import prefgen, prefgen_here
from tests.support.paths import ROOT
from tests.support.recipes import a_recipe, unused_port

READERS = {
    "pairs": ("show", "pairs", "RUN"),
    "records": ("show", "records", "RUN"),
    "lost": ("show", "lost", "RUN"),
    "dropped": ("show", "dropped", "RUN"),
    "prompts": ("show", "prompts", "RUN"),
    "check": ("check", "RUN"),
    "export": ("export", "RUN", "--to", "trl", "--out", "out.jsonl"),
    "publish": ("publish", "RUN", "--dry-run"),
    "diff": ("diff", "RUN", "whole"),
    "retry": ("retry", "RUN", "--failed"),
    "calibrate": ("calibrate", "RUN", "labels.jsonl", "--judge", "quality"),
    "mix": ("mix", "RUN:1.0", "--out", "mixed"),
    "win": ("eval", "win", "RUN", "--of", "writer", "--against", "writer"),
}
OF_PAIRS = {"pairs", "check", "export", "publish", "diff", "mix"}
OF_RECORDS = {"records", "prompts", "publish", "calibrate", "win"}
OF_FAILURES = {"lost", "retry"}
OF_RECIPES = {"publish", "win"}
ALL = set(READERS)
OF_MANIFESTS = ALL - {"retry"}
RUN_WHOLE = ("run", "recipe.json", "--out", "whole", "--journal", "calls.sqlite")


def _remove(*names):
    def remove(run):
        for name in names:
            shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()

    return remove


def _write(name, content: bytes):
    return lambda run: (run / name).write_bytes(content)


def _newer_manifest(run):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["libraries"]["prefgen"], manifest["yield"] = "99.0", "another form"
    (run / "manifest.json").write_text(json.dumps(manifest))


def _newer_store(run):
    (run / "manifest.json").unlink()
    with sqlite3.connect(run / "record_store.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()


def _cut_shards(run):
    for path in run.glob("*/*.parquet"):
        path.write_bytes(path.read_bytes()[:300])


def _damaged_store(run):
    (run / "manifest.json").unlink()
    (run / "record_store.sqlite").write_bytes(b"no database, whatever its name says" * 200)


def _empty(run):
    shutil.rmtree(run)
    run.mkdir()


BROKEN = {
    "empty": (_empty, ALL, "is no run: it holds no manifest.json|holds no file that can be read"),
    "newer manifest": (_newer_manifest, OF_MANIFESTS, r"by prefgen 99\.0, and this is .*: use that one"),
    "newer store": (_newer_store, ALL, "written by another version of prefgen; run its recipe again"),
    "broken manifest": (_write("manifest.json", b"{"), OF_MANIFESTS, "delete it, and run the recipe"),
    "no JSON object": (_write("manifest.json", b"[]"), OF_MANIFESTS, "delete it, and run the recipe"),
    "no text": (_write("manifest.json", b'{"name": "\xff"}'), OF_MANIFESTS, "delete it, and run the recipe"),
    "no manifest": (_remove("manifest.json", "record_store.sqlite"), ALL, "is gone; run its recipe again"),
    "damaged store": (_damaged_store, ALL, "cannot be read .*; run its recipe again"),
    "no pairs": (_remove("pairs"), OF_PAIRS, "is not there; run the recipe again"),
    "no records": (_remove("records"), OF_RECORDS, "is not there; run the recipe again"),
    "a shard of pairs is gone": (
        _remove("pairs/00000.parquet"), OF_PAIRS, "holds 0 rows, and its manifest says 3: run the",
    ),
    "a shard of records is gone": (
        _remove("records/00000.parquet"), OF_RECORDS, "holds 0 rows, and its manifest says 3: run the recipe",
    ),
    "cut shards": (_cut_shards, OF_PAIRS | OF_RECORDS, "not a readable Parquet file .*; delete it and run"),
    "no failures": (_remove("failures.parquet"), OF_FAILURES, "has no failures.parquet: run the recipe"),
    "broken recipe": (_write("recipe.yaml", b"a: ["), OF_RECIPES, "recipe.yaml cannot be read .*; run the"),
}  # fmt: skip
"""{kind: (what breaks it, which commands cannot read it, what they say)}."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    (folder / "recipe.json").write_text(json.dumps(a_recipe()))
    run = prefgen_here(*RUN_WHOLE, cwd=folder)
    assert run.returncode == 0, run.stderr
    record = json.loads(prefgen_here("show", "records", "whole", "--json", cwd=folder).stdout.splitlines()[0])
    label = {"first_id": record["responses"][0]["id"], "second_id": record["responses"][1]["id"]}
    (folder / "labels.jsonl").write_text(json.dumps({**label, "better": "first"}) + "\n")
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "here")


def called(command, folder):
    words = [word.replace("RUN", "run") for word in READERS[command]]
    return prefgen_here(*words, cwd=folder)


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_said_in_one_line_by_all_that_read_it(kind, folder):
    damage, commands, said = BROKEN[kind]
    (folder / "whole").rename(folder / "run")
    shutil.copytree(folder / "run", folder / "whole")
    damage(folder / "run")

    for command in sorted(commands):
        result = called(command, folder)
        assert (result.returncode, result.stdout) == (2, ""), (command, result)
        [line] = result.stderr.splitlines()
        assert line.startswith("prefgen: "), line
        assert re.search(said, line), (command, line)
    assert prefgen_here("status", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    "kind", ["newer manifest", "broken manifest", "cut shards", "no pairs", "damaged store"]
)
def test_what_it_says_to_do_helps(kind, folder):
    BROKEN[kind][0](folder / "whole")
    if "manifest" in kind:
        (folder / "whole" / "manifest.json").unlink()
    if kind == "cut shards":
        for path in (folder / "whole").glob("*/*.parquet"):
            path.unlink()

    again = prefgen_here(
        "run", "recipe.json", "--out", "whole", "--journal", "calls.sqlite", "-q", cwd=folder
    )

    assert again.returncode == 0, again.stderr
    assert prefgen_here("show", "pairs", "whole", cwd=folder).stdout.count("PROMPT") == 3


@pytest.mark.parametrize("kind", BROKEN)
def test_a_plan_over_what_is_broken_is_one_or_one_line(kind, folder):
    BROKEN[kind][0](folder / "whole")

    plan = prefgen_here(
        "plan", "recipe.json", "--out", "whole", "--journal", "calls.sqlite", "--json", cwd=folder
    )

    if plan.returncode == 0:
        assert json.loads(plan.stdout)["new_requests"] == 0
    else:
        assert plan.returncode == 2
        assert json.loads(plan.stdout)["error"].count("\n") == 0


DAMAGED_JOURNALS = {
    "no database": b"no database, whatever its name says" * 200,
    "half a header": b"SQLite format 3\0" * 3,
    "empty": b"",
}


@pytest.mark.parametrize("words", [("ls",), ("verify",), ("gc",), ("export", "out.jsonl")])
@pytest.mark.parametrize("kind", DAMAGED_JOURNALS)
def test_a_journal_that_is_none_is_one_line(kind, words, tmp_path):
    (tmp_path / "calls.sqlite").write_bytes(DAMAGED_JOURNALS[kind])

    result = prefgen_here("journal", *words, "--journal", "calls.sqlite", cwd=tmp_path)

    assert result.returncode in ((0, 1, 2) if kind == "empty" else (1, 2)), result
    assert "Traceback" not in result.stderr
    if result.returncode:
        [line] = result.stderr.splitlines()
        assert line.startswith("prefgen: ") and "calls.sqlite" in line


def test_a_folder_that_is_no_run_is_no_row_of_status(folder):
    (folder / "runs" / "notes").mkdir(parents=True)

    assert prefgen_here("status", cwd=folder).stdout == "no runs here (looked in runs/)\n"
    for command in ("status", "gc"):
        refused = prefgen_here(command, "runs/notes", cwd=folder)
        assert refused.returncode == 2
        assert refused.stderr.startswith("prefgen: 'runs/notes' is no run: it holds no manifest.json")


def test_a_file_is_no_folder_for_a_run(folder):
    refused = prefgen_here(
        "run", "recipe.json", "--out", "labels.jsonl", "--journal", "calls.sqlite", cwd=folder
    )

    assert refused.returncode == 2
    assert refused.stderr.endswith("'labels.jsonl' is, or stands in, a file; give another --out\n")


def test_a_folder_in_use_is_read_and_not_changed(folder):
    with lock_of(folder / "whole"):
        assert is_held(folder / "whole")
        run = prefgen_here(*RUN_WHOLE, cwd=folder)
        retry = prefgen_here("retry", "whole", "--failed", cwd=folder)
        read = [prefgen_here(*words, "whole", cwd=folder) for words in (("check",), ("show", "pairs"))]
    assert not is_held(folder / "whole")

    assert [run.returncode, retry.returncode] == [1, 1]
    assert "is in use by a run that is alive" in run.stderr
    assert retry.stderr == "prefgen: whole is in use by a run that is alive\n"
    assert [one.returncode for one in read] == [0, 0]


def test_whoever_looks_whether_a_folder_is_held_does_not_hold_it(tmp_path):
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".lock").chmod(0o400)

    assert not is_held(tmp_path)
    with lock_of(tmp_path):
        assert is_held(tmp_path)
        assert is_held(tmp_path)


def test_a_pipe_that_closes_ends_without_a_word(folder):
    for words in (("show", "pairs", "whole"), ("show", "records", "whole", "--json"), ("check", "whole")):
        piped = f"{sys.executable} -m prefgen {' '.join(words)} | head -1"
        result = subprocess.run(
            ["bash", "-o", "pipefail", "-c", piped], cwd=folder, capture_output=True, text=True, check=False,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert (result.returncode, result.stderr) == (0, ""), words


def test_on_a_disk_that_can_only_be_read(folder):
    """A mount of its own, where this is allowed: what reads reads, what writes says that it cannot."""
    (folder / "whole" / "manifest.json").rename(folder / "manifest.json")  # it is read from its store
    mounted = "mount --bind whole whole && mount -o remount,ro,bind whole && exec"
    allowed = subprocess.run(
        ["unshare", "-m", "bash", "-c", f"{mounted} true"], cwd=folder, capture_output=True, check=False
    )
    if allowed.returncode:
        pytest.skip("no mount of one's own is allowed here")
    commands = [("show", "pairs", "whole"), ("check", "whole"), ("status", "whole")]
    results = {}
    for words in (*commands, RUN_WHOLE):
        results[words[0]] = subprocess.run(
            ["unshare", "-m", "bash", "-c", f"{mounted} {sys.executable} -m prefgen {' '.join(words)}"],
            cwd=folder, capture_output=True, text=True, check=False,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        )  # fmt: skip

    assert results["show"].stdout.startswith("PARTIAL: 3 of 3 prompts are finished"), results["show"].stderr
    assert results["check"].returncode in (0, 4)
    assert results["status"].returncode == 0
    refused = results["run"]
    assert refused.returncode == 1
    assert "Read-only file system" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_of_no_pairs_everything_says_that_there_are_none(tmp_path):
    recipe = a_recipe()
    recipe["models"]["grader"]["rules"] = [{"when": "", "say": "I would rather not."}]
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    assert prefgen("run", "recipe.json", "--out", "none", cwd=tmp_path).returncode == 1

    checked = prefgen_here("check", "none", cwd=tmp_path)
    assert checked.returncode == 4
    assert checked.stdout.startswith("none: BROKEN, no row")
    shown = prefgen_here("show", "pairs", "none", cwd=tmp_path)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "there are no pairs in none\n")
    for words in (
        ("export", "none", "--to", "trl", "--out", "out.jsonl"),
        ("publish", "none", "--dry-run"),
        ("mix", "none:1.0", "--out", "mixed"),
    ):
        refused = prefgen_here(*words, cwd=tmp_path)
        assert refused.returncode in (2, 4), words
        assert len(refused.stderr.splitlines()) == 1, refused.stderr
        assert refused.stdout == ""


def test_of_a_run_that_has_finished_nothing_yet_nothing_is_said_for_good(tmp_path):
    recipe = a_recipe(url=f"http://127.0.0.1:{unused_port()}/v1", run={"server_down_after": 1})
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    assert prefgen_here("run", "recipe.json", "--out", "down", "-q", cwd=tmp_path).returncode == 3

    checked = prefgen_here("check", "down", cwd=tmp_path)
    lost = prefgen_here("show", "lost", "down", cwd=tmp_path)

    partial, verdict, *others = checked.stdout.splitlines()
    assert partial.startswith("PARTIAL: 0 of 3 prompts are finished")
    assert verdict == "down: NOTHING TO CHECK YET, no row: 0 pairs of 0 prompts"
    assert all(line.startswith("  note: ") for line in others)
    assert (checked.returncode, lost.returncode) == (4, 0)
    assert lost.stderr.endswith("down lost nothing so far\n")
