"""From stages to segments: what stands between two curators, the rounds of synthesizers, and the steps that
ask for a curator. (prefgen/recipe/segments.py)
"""

import json

from prefgen.dataset.read_run import read_records
from tests.support.rated import rate, rated, texts
from tests.support.recipes import run


async def test_two_of_them_follow_each_other_and_the_same_again_asks_nothing(tmp_path, server):
    server.script = rate
    recipe = rated(
        server.url, before=[{"use": "rated", "model": "grader", "aspect": "difficulty", "most": 4}]
    )

    await run(recipe, tmp_path / "out")
    asked = len(server.bodies)
    again = await run(recipe, tmp_path / "again", live=False)

    assert texts(tmp_path / "out") == ["An odd one?"]
    assert again.complete
    assert len(server.bodies) == asked


async def test_it_stands_between_the_rounds_of_a_synthesizer(tmp_path):
    (tmp_path / "seeds.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Thing {i}"}) + "\n" for i in range(4))
    )
    recipe = {
        "name": "between",
        "models": {"m": {"use": "simulated", "temperature": 1.0}},
        "stages": [
            {
                "prompts": {
                    "made": {
                        "use": "few_shot",
                        "model": "m",
                        "seeds": "seeds.jsonl",
                        "rounds": 2,
                        "target": 7,
                    }
                }
            },
            {
                "curate": [
                    {"use": "dedupe"},
                    {"use": "rated", "model": "m", "least": 1},
                    {"use": "limit", "count": 50},
                ]
            },
            {"sample": {"use": "each", "model": "m", "n": 1}},
        ],
    }

    outcome = await run(recipe, tmp_path / "out", folder=tmp_path)

    assert outcome.complete
    assert len(texts(tmp_path / "out")) == 7
    assert all(r.prompt.metadata["rated_quality"] for r in read_records(tmp_path / "out"))
