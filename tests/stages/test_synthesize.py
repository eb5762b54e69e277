"""Synthesize stage: the synthesizer that a seed was made for writes prompts.
(prefgen/stages/synthesize.py)
"""

from prefgen.dataset.read_run import read_records
from prefgen.stages.synthesize import seed_in
from tests.support.recipes import run
from tests.support.synthesize import synthesized, texts


async def test_what_is_written_becomes_records_of_its_own_that_say_where_they_come_from(tmp_path):
    outcome = await run(synthesized(folder=tmp_path), tmp_path / "out")

    assert outcome.complete
    found = list(read_records(tmp_path / "out"))
    assert [r.prompt.text for r in found].count("Common question 0?") == 1  # the curator saw all three
    assert len(found) == 1 + 1 + 3
    assert found[0].prompt.text == "Given?"
    own = [r.prompt for r in found if r.prompt.category == "own"]
    assert {p.text.partition(",")[0] for p in own} == {"cats", "dogs", "birds"}
    assert {(p.origin, p.source, p.lineage["synthesizer"], p.lineage["round"]) for p in own} == {
        ("synthesized", "made", "made", 0)
    }
    assert all(len(r.responses) == 2 for r in found)
    assert all(seed_in(r) is None for r in found)


async def test_a_seed_that_fails_is_on_the_ledger_and_costs_the_others_nothing(tmp_path):
    outcome = await run(synthesized(("cats", "refuses"), folder=tmp_path), tmp_path / "out")

    assert outcome.complete
    assert len(texts(tmp_path / "out")) == 1 + 1 + 1
    assert outcome.manifest.yields.failures
