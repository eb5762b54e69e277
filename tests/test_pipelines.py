"""Every shipped recipe runs as it is and makes what it says."""

import re

import pytest

from prefgen.dataset.check import check_rows
from prefgen.dataset.read_run import read_pairs, read_records
from prefgen.kit.templates import shipped
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe
from tests.support.paths import ROOT
from tests.support.recipes import run

RECIPES = sorted(shipped("pipelines").glob("*.yaml"))
WITHOUT_PAIRS = {"cai_sl", "winrate"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
async def test_it_runs_to_the_end_and_its_pairs_are_sound(path, tmp_path):
    outcome = await run(load_recipe(path).data, tmp_path / "out", folder=path.parent)

    assert outcome.complete, outcome.stopped
    found = outcome.manifest.yields
    assert not found.failures
    assert bool(found.pairs) == (path.stem not in WITHOUT_PAIRS)
    report = check_rows((str(i), row) for i, row in enumerate(read_pairs(tmp_path / "out")))
    assert not report.findings, report.findings


async def recorded(name, tmp_path):
    path = shipped("pipelines") / f"{name}.yaml"
    await run(load_recipe(path).data, tmp_path / "out", folder=path.parent)
    return list(read_records(tmp_path / "out"))


async def test_all_revisions_of_the_supervised_stage_are_kept(tmp_path):
    for record in await recorded("cai_sl", tmp_path):
        chain = [r for r in record.responses if r.origin == "revised"]
        assert len(chain) == 4
        assert len({r.principle for r in chain} | {c.principle_id for c in record.critiques}) >= 2


async def test_soft_labels_reach_the_pairs(tmp_path):
    records = await recorded("rlaif", tmp_path)

    pairs = [pair for record in records for pair in record.pairs]
    assert all(pair.chosen_probability is not None and 0.5 <= pair.chosen_probability <= 1 for pair in pairs)
    assert {c.method for record in records for c in record.comparisons} == {"logprobs"}
    assert all(c.rationale for record in records for c in record.comparisons)


def test_the_tables_of_methods_and_prompts_name_every_recipe():
    table = "".join((ROOT / "docs" / page).read_text() for page in ("methods.md", "prompts.md"))

    assert set(re.findall(r"`pipelines/(\w+)\.yaml`", table)) == {path.stem for path in RECIPES} - {
        "quickstart",
        "starter",
    }


@pytest.mark.parametrize("path", sorted(shipped("pipelines").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_recipe_is_valid(path):
    assert build(load_recipe(path)).segments
