"""A run whose models take turns is killed in one of its passes, and goes on in it."""

import json
import time
from collections import Counter
from contextlib import closing

import pytest

from prefgen.calls.journal import Journal
from prefgen.dataset.read_run import read_manifest
from tests.support.killing import end, start
from tests.support.recipes import shard_bytes
from tests.support.served import CHAIN, FOLDER, SLOTS, in_turns, loads, noted

MODELS = ("a", "b", "c", "d")


def a_recipe(folder, **run):
    path = folder / "passes.json"
    recipe = in_turns(CHAIN, *MODELS, use="tests.support.served:Served", prompts=30, concurrency=2, **run)
    path.write_text(json.dumps(recipe))
    return path


def slots_in(folder, monkeypatch, slots):
    folder.mkdir()
    monkeypatch.setenv(FOLDER, str(folder))
    monkeypatch.setenv(SLOTS, str(slots))


def run_in(folder, recipe):
    return start(recipe, folder / "out", journal=folder / "calls.sqlite")


def replies_in(folder):
    """How many replies of each model the journal has."""
    with closing(Journal(folder / "calls.sqlite")) as journal:
        return Counter(dict(journal.query("SELECT model, count(*) FROM replies GROUP BY model")))


def draws_asked(folder):
    """How many draws were asked of each model."""
    draws = Counter()
    for body in noted(folder, "asked"):
        draws[body["model"]] += body.get("n") or 1
    return draws


def wait_until_asked(folder, model, count):
    until = time.monotonic() + 60
    while sum(line["model"] == model for line in noted(folder, "asked")) < count:
        assert time.monotonic() < until, f"{model} was not asked"
        time.sleep(0.005)


@pytest.mark.parametrize("killed_in", [1, 2, 4])
def test_a_run_that_is_killed_in_a_pass_goes_on_in_it(tmp_path, monkeypatch, killed_in):
    slots_in(tmp_path / "at-once", monkeypatch, 4)
    code, said = end(run_in(tmp_path / "at-once", a_recipe(tmp_path, resident=4)))
    assert code == 0, said
    slots_in(tmp_path / "served", monkeypatch, 1)
    recipe = a_recipe(tmp_path)

    process = run_in(tmp_path / "served", recipe)
    wait_until_asked(tmp_path / "served", f"m-{MODELS[killed_in - 1]}", 6)
    process.kill()
    process.communicate()
    journalled = replies_in(tmp_path / "served")
    (tmp_path / "served" / "asked").unlink()
    code, said = end(run_in(tmp_path / "served", recipe))

    assert code == 0, said
    assert loads(tmp_path / "served") == [f"m-{m}" for m in (*MODELS[:killed_in], *MODELS[killed_in - 1 :])]
    assert draws_asked(tmp_path / "served") == draws_asked(tmp_path / "at-once") - journalled
    assert noted(tmp_path / "served", "too_many") == []
    out, at_once = tmp_path / "served" / "out", tmp_path / "at-once" / "out"
    assert shard_bytes(out) == shard_bytes(at_once)
    assert read_manifest(out).row_digest == read_manifest(at_once).row_digest
