"""A run that was killed, or is at work, is read as far as it is, and says so; reading disturbs nobody."""

import importlib.util
import json
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import prefgen as library
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.read_run import open_run
from prefgen.dataset.unfinished_run import UnfinishedRun
from prefgen.errors import RecipeError
from tests.support.cli import prefgen_here as prefgen
from tests.support.killing import end, start
from tests.support.recipes import shard_bytes

PROMPTS = 300

NEEDS_TRAINING = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs prefgen[train]; `make integration` has it"
)


def a_recipe(folder: Path, *later: dict) -> Path:
    """Sampled and judged; `later` stages stand before the pairs are made."""
    models = {
        "writer": {"use": "simulated", "temperature": 1.0, "latency_ms": 20},
        "grader": {"use": "simulated", "temperature": 0, "latency_ms": 20},
    }
    stages = [
        {"prompts": {"use": "inline", "prompts": [f"Question number {i}?" for i in range(PROMPTS)]}},
        {"curate": [{"use": "limit", "count": PROMPTS - 20}]},
        {"sample": {"use": "each", "model": "writer", "n": 2}},
        {"judge": {"quality": {"use": "ultrafeedback", "model": "grader", "aspects": ["helpfulness"]}}},
        *later,
        {"pair": {"use": "best_vs_worst", "score": "quality"}},
    ]
    path = folder / "recipe.json"
    run = {"concurrency": 2}  # slow enough to be killed between two writings of the store, however fast it is
    path.write_text(json.dumps({"name": "halves", "models": models, "stages": stages, "run": run}))
    return path


def begin(recipe: Path, out: Path, finished: int, responses: int = 2):
    """A run that has finished at least so many prompts, with so many responses each."""
    process = start(recipe, out)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            run = UnfinishedRun(out)
            if run.partial.finished >= finished and len(next(run.records()).responses) == responses:
                return process
        except RecipeError:
            time.sleep(0.05)
    process.kill()
    raise AssertionError(f"the run did not come so far: {end(process)}")


def kill(process) -> None:
    process.kill()
    process.communicate()


def rows_on_disk(run: Path, name: str) -> list[dict]:
    """The rows of a finished run, as pyarrow reads them."""
    return [row for path in sorted((run / name).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    code, said = end(start(a_recipe(folder), folder / "out"))
    assert code == 0, said
    return folder / "out"


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A folder with a recipe and its run `out`, which was killed half-way."""
    folder = tmp_path_factory.mktemp("halves")
    kill(begin(a_recipe(folder), folder / "out", 60))
    return folder


@pytest.fixture
def killed(halves, tmp_path):
    return Path(shutil.copytree(halves, tmp_path / "killed")) / "out"


def test_what_is_finished_are_rows_of_the_finished_run_in_its_order(killed, unbroken):
    run = open_run(killed)
    pairs, whole = list(run.pairs()), rows_on_disk(unbroken, "pairs")
    ids = {pair["id"] for pair in pairs}

    assert run.partial is not None
    assert 0 < run.partial.finished < run.partial.prompts == PROMPTS - 20
    assert pairs == [row for row in whole if row["id"] in ids]
    assert len(pairs) == run.manifest.yields.pairs
    of_records = {record.id for record in run.records()}
    assert len(of_records) == run.partial.finished
    assert of_records >= {pair["prompt_id"] for pair in pairs}
    assert not run.manifest.complete
    assert run.manifest.simulated


def test_it_is_shown_and_checked_and_says_so_first(killed):
    cwd, sentence = killed.parent, UnfinishedRun(killed).partial.sentence()

    assert sentence.startswith("PARTIAL: ")
    assert sentence.endswith(f" of {PROMPTS - 20} prompts are finished, and the run stopped")
    for command in (
        ("show", "pairs"), ("show", "records"), ("show", "lost"), ("show", "dropped"), ("show", "prompts"),
        ("check",),
    ):  # fmt: skip
        said = prefgen(*command, "out", cwd=cwd)
        assert said.returncode == 0, said.stderr
        assert said.stdout.splitlines()[0] == sentence, command
        as_json = prefgen(*command, "out", "--json", cwd=cwd)
        assert as_json.returncode == 0, as_json.stderr
        for line in as_json.stdout.splitlines():
            json.loads(line)
        if command != ("check",):
            assert as_json.stderr.splitlines()[0] == sentence
    assert json.loads(prefgen("check", "out", "--json", cwd=cwd).stdout)["partial"] == sentence
    assert library.check(killed).partial == sentence
    assert prefgen("show", "dropped", "out", "--json", cwd=cwd).stdout.count("\n") == 20


def test_its_report_shows_the_pairs_so_far_and_says_so(killed):
    sentence = UnfinishedRun(killed).partial.sentence()

    said = prefgen("show", "report", "out", "--out", "part.html", cwd=killed.parent)

    assert (said.returncode, said.stdout) == (0, "part.html\n")
    page = (killed.parent / "part.html").read_text()
    assert f'<p class="warning">{sentence}</p>' in page
    assert page.count("<details") == 12 and "Who wrote" in page
    assert "row digest" not in page and "What was asked" not in page


def test_what_is_exported_of_it_says_so_until_the_whole_is(killed, unbroken):
    cwd, note = killed.parent, killed.parent / "pairs.jsonl.partial.json"
    said = prefgen("export", "out", "--to", "trl", "--out", "pairs.jsonl", cwd=cwd)

    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("PARTIAL: ")
    assert json.loads(note.read_text())["finished"] == UnfinishedRun(killed).partial.finished
    assert open_pairs(str(cwd / "pairs.jsonl"), partial=True).partial.name == "halves"
    for taken in ("pairs.jsonl", "."):
        refused = prefgen("mix", f"{taken}:1.0", "--out", "mixed", cwd=cwd)
        assert (refused.returncode, refused.stdout) == (2, "")
    assert "pairs.jsonl" in prefgen("check", "pairs.jsonl", cwd=cwd).stdout

    shutil.copytree(unbroken, cwd / "whole")
    assert prefgen("export", "whole", "--to", "trl", "--out", "pairs.jsonl", cwd=cwd).returncode == 0
    assert not note.exists()


def test_what_is_kept_of_its_sound_pairs_says_so_too(killed):
    said = prefgen("check", "out", "--drop", "--out", "clean", cwd=killed.parent)

    assert said.returncode == 0, said.stderr
    assert open_pairs(str(killed.parent / "clean"), partial=True).partial is not None
    with pytest.raises(RecipeError, match=r"is a part of 'out', as \*\.partial\.json beside it says"):
        open_pairs(str(killed.parent / "clean"))


@pytest.mark.parametrize(
    "command",
    [
        ("publish", "out", "--dry-run"),
        pytest.param(("train", "out", "--base", "tiny", "--out", "model"), marks=NEEDS_TRAINING),
        ("mix", "out:1.0", "--out", "mixed"),
        ("restore", "out", "--from", "out", "--out", "restored"),
    ],
)  # fmt: skip
def test_nobody_is_handed_a_part_for_the_whole(killed, command):
    refused = prefgen(*command, cwd=killed.parent)

    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("prefgen: 'out' is not complete: ")
    assert line.endswith("A part must not pass for the whole: run its recipe again: it goes on from there")


def test_a_diff_with_a_part_says_that_it_is_one(killed, unbroken):
    said = prefgen("diff", "out", str(unbroken), cwd=killed.parent)

    assert said.returncode == 0, said.stderr
    assert said.stderr.startswith("out: PARTIAL: ")
    with pytest.warns(UserWarning, match="PARTIAL"):
        library.diff(killed, unbroken)


def test_read_it_goes_on_to_the_same_bytes(killed, unbroken):
    before = {path: path.read_bytes() for path in killed.iterdir() if path.suffix in (".sqlite", ".jsonl")}
    list(open_run(killed).pairs())
    assert {path: path.read_bytes() for path in before} == before

    code, said = end(start(killed.parent / "recipe.json", killed))

    assert code == 0, said
    assert shard_bytes(killed) == shard_bytes(unbroken)
    assert open_run(killed).partial is None


def wait_until_all_threads_stand(pid: int) -> None:
    """A signal to stop reaches threads one after the other, and a write that was begun is ended first."""
    for _ in range(500):
        states = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):  # one that has ended meanwhile
                stat = Path(f"/proc/{pid}/task/{thread}/stat").read_text()
                states.append(stat.rpartition(")")[2].split()[0])
        if set(states) == {"T"}:
            return
        time.sleep(0.01)
    raise AssertionError(f"the process did not stop: {states}")


def test_a_run_at_work_is_read_and_not_disturbed(tmp_path, unbroken):
    process = begin(a_recipe(tmp_path), tmp_path / "out", 40)
    process.send_signal(signal.SIGSTOP)  # it holds its folder, and stays where it is
    wait_until_all_threads_stand(process.pid)
    files = {path: path.stat() for path in (tmp_path / "out").iterdir() if path.suffix != ".sqlite-shm"}
    said = prefgen("check", "out", cwd=tmp_path)
    refused = prefgen("publish", "out", "--dry-run", cwd=tmp_path)

    assert said.returncode == 0, said.stdout
    assert said.stdout.splitlines()[0].endswith("prompts are finished, and the run is at work")
    assert refused.returncode == 2
    assert refused.stderr.endswith("A part must not pass for the whole: wait until it ends\n")
    now = {path: path.stat() for path in (tmp_path / "out").iterdir() if path.suffix != ".sqlite-shm"}
    assert {p: (s.st_size, s.st_mtime_ns) for p, s in now.items()} == {
        p: (s.st_size, s.st_mtime_ns) for p, s in files.items()
    }

    process.send_signal(signal.SIGCONT)
    seen, refusals = [0], []
    while process.poll() is None:
        try:
            run = open_run(tmp_path / "out")
            pairs = list(run.pairs())
        except RecipeError as error:
            refusals.append(str(error))
            continue
        assert len(pairs) == run.manifest.yields.pairs >= seen[-1]
        seen.append(len(pairs))
    code, said = end(process)
    assert code == 0, said
    assert seen[-1] > seen[1], "it was read while it went on"
    assert not refusals
    assert shard_bytes(tmp_path / "out") == shard_bytes(unbroken)


def test_before_a_curator_that_sees_all_at_once_it_says_what_is_still_to_come(tmp_path):
    kill(begin(a_recipe(tmp_path, {"curate": [{"use": "limit", "count": 50}]}), tmp_path / "out", 30))
    partial = UnfinishedRun(tmp_path / "out").partial
    said = prefgen("show", "pairs", "out", cwd=tmp_path)
    records = prefgen("show", "records", "out", cwd=tmp_path)

    assert partial.to_come == ("the curator limit", "pair")
    assert said.returncode == 0
    assert said.stdout.rstrip().endswith("; the curator limit, pair are still to come for all")
    assert said.stderr == "there are no pairs in out\n"
    assert "quality" in records.stdout


def test_a_finished_dataset_is_shown_until_another_takes_its_place(tmp_path, unbroken):
    shutil.copytree(unbroken, tmp_path / "out")
    shutil.copy(unbroken.parent / "recipe.json", tmp_path / "recipe.json")
    recipe = json.loads((tmp_path / "recipe.json").read_text())
    recipe["stages"][2]["sample"]["n"] = 4
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))

    process = begin(tmp_path / "recipe.json", tmp_path / "out", 10, responses=4)
    try:
        assert open_run(tmp_path / "out").partial is None
        assert list(open_run(tmp_path / "out").pairs()) == rows_on_disk(unbroken, "pairs")
    finally:
        process.send_signal(signal.SIGINT)
        code, said = end(process)

    assert code == 130, said
    run = open_run(tmp_path / "out")
    assert run.partial is not None, "what it began is another dataset, and the earlier one is in previous/"
    assert {len(record.responses) for record in run.records()} == {4}
