"""Give pairs the probability that people would agree: a curve from margin to probability, fitted on those
pairs that people have labelled. (prefgen/curators/calibrate.py)
"""

import json
import re
from random import Random

from prefgen.api.run import options_of
from prefgen.dataset.read_run import read_pairs
from prefgen.engine.progress import Progress
from prefgen.engine.run import Runner
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import a_recipe, run


def labelled_run(tmp_path, count=120):
    """Pairs by a judge whose margin is far too sure: people agree with the better one three times of four."""
    from prefgen.types import Prompt, Response

    rng, rows, labels = Random(1), [], []
    for i in range(count):
        high = rng.choice([3, 4, 5])
        completions = [
            {
                "response": f"Good {i}",
                "model": "a",
                "annotations": {"q": {"Rating": str(high), "Rationale": "r"}},
            },
            {"response": f"Bad {i}", "model": "b", "annotations": {"q": {"Rating": "1", "Rationale": "r"}}},
        ]
        rows.append({"prompt": f"Question {i}?", "completions": completions})
        prompt = Prompt.of(f"Question {i}?")
        ids = [
            Response.of(prompt, c["response"], model=c["model"], sample=n, origin="imported").id
            for n, c in enumerate(completions)
        ]
        if i % 3:
            labels.append(
                {
                    "first_id": ids[0],
                    "second_id": ids[1],
                    "better": "first" if rng.random() < 0.75 else "second",
                }
            )
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
    return a_recipe() | {
        "models": {},
        "stages": [
            {"prompts": {"use": "records", "path": "rows.jsonl", "keep": ["responses", "scores"]}},
            {"pair": {"use": "best_vs_worst", "score": "imported"}},
            {"curate": [{"use": "calibrate", "labels": "labels.jsonl"}]},
        ],
    }


async def test_in_a_recipe_the_margins_of_all_pairs_become_probabilities(tmp_path):
    progress = Progress()
    pipeline = build(recipe_from_data(labelled_run(tmp_path), tmp_path))

    outcome = await Runner(
        pipeline, options_of(pipeline, tmp_path / "out", tmp_path / "calls.sqlite"), progress
    ).run()

    assert outcome.complete, outcome.stopped
    pairs = list(read_pairs(tmp_path / "out"))
    assert len(pairs) == 120
    odds = {row["margin"]: row["chosen_probability"] for row in pairs}
    assert 0.5 < odds[2.0] < odds[3.0] < odds[4.0] < 0.95
    [said] = [line for line in progress.stats.notices if line.startswith("calibrate: fitted")]
    before, after = (float(x) for x in re.search(r"is ([\d.]+) \(before: ([\d.]+)\)", said).group(2, 1))
    assert after < 0.5 * before


async def test_labels_that_are_about_other_responses_are_named(tmp_path):
    recipe = labelled_run(tmp_path)
    (tmp_path / "labels.jsonl").write_text('{"first_id": "x", "second_id": "y", "better": "tie"}\n')

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.exit_code == 2
    assert "no label of 'labels.jsonl' is about a pair of this run" in str(outcome.stopped)
