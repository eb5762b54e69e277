"""What is finished of a run that is not complete. (prefgen/dataset/unfinished_run.py)"""

import shutil

import pytest

from prefgen.dataset.manifest import Manifest
from prefgen.dataset.unfinished_run import Begun, UnfinishedRun
from prefgen.engine.record_store import RecordStore
from prefgen.errors import RecipeError
from prefgen.types import Record
from tests.support.stored import a_stored_record, save

BEGUN = Begun(Manifest(name="part"), "name: part\n", ("pair",), chooses_prompts=False)


@pytest.fixture
def store(tmp_path):
    made = RecordStore(tmp_path / "record_store.sqlite")
    records = [a_stored_record(number, paired=number != 2) for number in range(5)]
    made.store_inputs(0, (Record(prompt=record.prompt) for record in records), lambda: ("prompts", "x"))
    made.begin_segment(0, "one", BEGUN.as_text())
    for position in (4, 0, 2):
        save(made, position, records[position], failed=position == 2)
    save(made, 3, records[3], finished=False)
    made.flush()
    yield made
    made.close()


def test_it_is_what_was_finished_when_it_was_opened(store, tmp_path):
    run = UnfinishedRun(tmp_path)
    save(store, 1, a_stored_record(1))
    store.flush()
    wanted = [a_stored_record(number, paired=number != 2) for number in (0, 2, 4)]

    assert list(run.records()) == wanted
    assert [row["prompt_id"] for row in run.pairs()] == [wanted[0].id, wanted[2].id]
    assert [row["code"] for row in run.failures()] == ["no_rating"]
    assert run.prompt_texts({wanted[0].id, "another"}) == {wanted[0].id: "Question 0?"}
    assert (run.partial.finished, run.partial.prompts, run.partial.to_come) == (3, 5, ("pair",))
    assert (run.manifest.name, run.manifest.yields.pairs, run.recipe) == ("part", 2, "name: part\n")
    assert UnfinishedRun(tmp_path).partial.finished == 4


def test_what_is_begun_anew_while_it_is_read_is_not_mixed(store, tmp_path):
    run = UnfinishedRun(tmp_path)
    store.begin_segment(0, "another", BEGUN.as_text())
    for position in (0, 2, 4):
        save(store, position, a_stored_record(position + 10))
    store.flush()

    with pytest.raises(RecipeError, match="was begun anew while it was read; read it again"):
        list(run.records())


def test_seeds_and_prompts_that_are_still_chosen_are_no_records_of_it(store, tmp_path):
    store.begin_segment(0, "written", Begun(Manifest(name="part"), "", (), chooses_prompts=True).as_text())

    with pytest.raises(RecipeError, match="it still reads, writes or chooses its prompts"):
        UnfinishedRun(tmp_path)


def test_a_store_that_does_not_say_by_what_it_was_made_is_unread(store, tmp_path):
    store._write("DELETE FROM meta WHERE key = 'begun 0'")

    with pytest.raises(RecipeError, match="was begun by an earlier version of prefgen"):
        UnfinishedRun(tmp_path)


def test_a_copy_is_read_without_a_trace(store, tmp_path):
    store.close()
    copy = shutil.copytree(tmp_path, tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    assert len(list(UnfinishedRun(copy).records())) == 3
    assert {name: (copy / name).read_bytes() for name in before} == before
