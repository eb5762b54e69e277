"""The identity of a stage: its own fields, its texts, the models that it names, and the stage before.
(prefgen/recipe/identity.py)
"""

import json

from hypothesis import given
from hypothesis import strategies as st

from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.stats.scoring import ScoreSpec, scores_of
from tests.support.recipes import a_recipe, run


async def test_new_labels_are_a_changed_stage(tmp_path):
    """People label what a run made; their file is read by the next one, and a changed file changes the
    result.
    """
    first = await run(a_recipe(), tmp_path / "out")
    from prefgen.dataset.read_run import read_records

    ids = [r.id for record in read_records(tmp_path / "out") for r in record.responses]
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"people": {"use": "labels", "path": "labels.jsonl"}}}
    recipe["stages"][3] = {"pair": {"use": "best_vs_worst", "score": "people"}}

    def label(better):
        rows = [{"response_id": i, "score": float(n % 2 == better)} for n, i in enumerate(ids)]
        (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)))

    label(0)
    one = await run(recipe, tmp_path / "labelled")
    label(1)
    other = await run(recipe, tmp_path / "labelled")

    assert first.complete
    assert one.complete, one.stopped
    assert one.manifest.yields.pairs == other.manifest.yields.pairs == 3
    assert one.manifest.row_digest != other.manifest.row_digest
    assert scores_of(next(read_records(tmp_path / "labelled")), ScoreSpec(mean=("people",)))


def identities(recipe, tmp_path):
    return [identity for _, identity in build(recipe_from_data(recipe, tmp_path)).identities]


def test_how_a_recipe_runs_is_in_no_identity(tmp_path):
    plain = identities(a_recipe(), tmp_path)

    assert (
        identities(
            a_recipe(
                name="other",
                version="2.0.0",
                run={"concurrency": 1, "max_records_in_flight": 3, "order": "file"},
            ),
            tmp_path,
        )
        == plain
    )


def test_a_stage_changes_itself_and_what_follows(tmp_path):
    changed = a_recipe()
    changed["stages"][2]["judge"]["quality"]["seed"] = 5

    pairs = list(zip(identities(a_recipe(), tmp_path), identities(changed, tmp_path), strict=True))

    assert [a == b for a, b in pairs] == [True, True, False, False]


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_is_in_no_identity(tmp_path_factory, rng):
    def shuffled(value):
        if isinstance(value, dict):
            keys = list(value)
            rng.shuffle(keys)
            return {k: shuffled(value[k]) for k in keys}
        return [shuffled(v) for v in value] if isinstance(value, list) else value

    folder = tmp_path_factory.getbasetemp()
    assert identities(shuffled(a_recipe()), folder) == identities(a_recipe(), folder)


def test_a_text_beside_the_recipe_wins_and_is_in_the_identity(tmp_path):
    before = identities(a_recipe(), tmp_path)
    (tmp_path / "prompts" / "judges").mkdir(parents=True)
    (tmp_path / "prompts" / "judges" / "ultrafeedback_system.j2").write_text("Judge strictly.")

    after = identities(a_recipe(), tmp_path)

    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, False]
