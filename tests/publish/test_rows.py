"""The rows of a release: four configs, made of a run's records and pairs, streamed into Parquet shards.
(prefgen/publish/rows.py)
"""

import asyncio

import pyarrow.parquet as pq

from prefgen.publish.rows import write_rows
from tests.support.publishing import PROMPTS
from tests.support.recipes import a_recipe, run


def test_a_failure_is_in_the_split_of_its_prompt(tmp_path):
    cut = {"when": r"(?s)Which of the \d*[37] rivers.*The texts that reply", "say": "I cannot say."}
    recipe = a_recipe(prompts=PROMPTS)
    for model in recipe["models"].values():
        model["rules"] = [cut, *model["rules"]]
    asyncio.run(run(recipe, tmp_path / "run"))

    write_rows(tmp_path / "run", tmp_path / "out", test=0.4, seed=0, harmful="drop")

    def split_of(config, column):
        files = sorted((tmp_path / "out" / "data" / config).glob("*.parquet"))
        return {
            row[column]: path.name.partition("-")[0]
            for path in files
            for row in pq.read_table(path).to_pylist()
        }

    failed, answered = split_of("failures", "record_id"), split_of("candidates", "prompt_id")
    assert len(failed) == 6 and "test" in failed.values()
    assert {record: answered[record] for record in failed} == failed
