"""Keep prompts by how often a policy solves them: one that it always or never solves teaches it nothing.
(prefgen/curators/pass_rate.py)
"""

from prefgen.dataset.read_run import read_records
from tests.support.difficulty import arithmetic, policy
from tests.support.recipes import run


async def test_what_is_always_or_never_solved_goes_and_what_has_no_rate_stays(tmp_path, server):
    server.script = policy

    outcome = await run(
        arithmetic(server.url, tmp_path, {"use": "pass_rate", "model": "writer"}),
        tmp_path / "out",
        folder=tmp_path,
    )

    assert outcome.complete
    found = {r.prompt.text: r.prompt.metadata.get("pass_rate_writer") for r in read_records(tmp_path / "out")}
    assert found == {"Fair sum?": 3 / 8, "Lost sum?": None, "What do you like?": None}
    failures = outcome.manifest.yields.failures
    assert failures["curate: no_reference"] == 1
    assert outcome.manifest.yields.dropped_by_curators == {"prompts: pass_rate: pass rate": 2}


async def test_what_has_no_rate_may_go_too(tmp_path, server):
    server.script = policy
    recipe = arithmetic(server.url, tmp_path, {"use": "pass_rate", "model": "writer", "missing": "drop"})

    await run(recipe, tmp_path / "out", folder=tmp_path)

    assert [r.prompt.text for r in read_records(tmp_path / "out")] == ["Fair sum?"]
