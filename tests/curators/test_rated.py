"""Keep prompts that a model rates well: their quality, their difficulty, how safe they are to answer, or
whatever you name. (prefgen/curators/rated.py)
"""

import pytest

from prefgen.dataset.read_run import read_records
from tests.support.rated import rate, rated, texts
from tests.support.recipes import run


async def test_what_is_rated_low_goes_and_what_could_not_be_read_does_not(tmp_path, server):
    server.script = rate

    outcome = await run(rated(server.url), tmp_path / "out")

    assert outcome.complete
    assert texts(tmp_path / "out") == ["A long one?", "An odd one?"]
    assert outcome.manifest.yields.dropped_by_curators == {"prompts: rated: quality": 1}
    assert outcome.manifest.yields.failures
    [first, *_] = read_records(tmp_path / "out")
    assert first.prompt.metadata["rated_quality"] == 5
    assert {cost.stage for cost in outcome.manifest.cost.by_stage} == {"curate", "sample"}


async def test_without_a_rating_it_may_go_too(tmp_path, server):
    server.script = rate

    await run(rated(server.url, missing="drop"), tmp_path / "out")

    assert texts(tmp_path / "out") == ["A long one?"]


async def test_only_what_curators_before_it_left_is_asked_about(tmp_path, server):
    server.script = rate
    recipe = rated(server.url, ("A long one?", "A long one?", "a LONG one?"), before=[{"use": "dedupe"}])

    await run(recipe, tmp_path / "out")

    assert sum("Rate how" in body["messages"][-1]["content"] for body in server.bodies) == 1


@pytest.mark.parametrize("fields", [{}, {"least": 4, "most": 2}])
def test_bounds_must_make_sense(fields):
    from pydantic import ValidationError

    from prefgen.curators.rated import Rated

    with pytest.raises(ValidationError):
        Rated(model="m", **fields)
