"""The rows of a release: four configs, made of a run's records and pairs, streamed into Parquet shards.
(prefgen/publish/rows.py)
"""

import asyncio
import json

import pyarrow.parquet as pq
import pytest

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.check import check_rows
from prefgen.dataset.pair import NotAPair
from prefgen.publish.rows import write_rows
from tests.support.near_texts import near_texts, similar_pairs
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


@pytest.mark.parametrize("relation", ["twice", "contradiction"])
def test_pairs_that_are_bad_together_are_left_out_and_forbid_nothing(tmp_path, relation):
    asyncio.run(run(a_recipe(prompts=PROMPTS), tmp_path / "run"))
    [shard] = (tmp_path / "run" / "pairs").glob("*.parquet")
    table = pq.read_table(shard)
    rows = table.to_pylist()
    again = dict(rows[0])
    if relation == "contradiction":
        again |= {"chosen": again["rejected"], "rejected": again["chosen"]}
        again |= dict.fromkeys(("score_chosen", "score_rejected", "margin"))
    pq.write_table(table.from_pylist([*rows, again], table.schema), shard)
    bad_rows = BadRows("drop")

    written = write_rows(
        tmp_path / "run", tmp_path / "out", test=0, seed=0, harmful="drop", bad_rows=bad_rows
    )

    gone = 1 if relation == "twice" else 2
    assert len(bad_rows.rows) == sum(map(len, written.left_out.values())) == gone
    assert sum(written.counts["preferences"].values()) == len(rows) + 1 - gone
    with pytest.raises(NotAPair):
        write_rows(tmp_path / "run", tmp_path / "strict", test=0, seed=0, harmful="drop")


def rows_in_splits(folder):
    """The pairs of a release, with the split of each."""
    return [
        (f"{path.name} {i}", {**row, "split": path.name.partition("-")[0]})
        for path in sorted((folder / "data" / "preferences").glob("*.parquet"), reverse=True)
        for i, row in enumerate(pq.read_table(path).to_pylist())
    ]


def test_what_is_released_stands_in_one_split_with_all_that_is_nearly_the_same(tmp_path):
    prompts = near_texts(40)
    asyncio.run(run(a_recipe(prompts=prompts), tmp_path / "run"))

    written = write_rows(tmp_path / "run", tmp_path / "out", test=0.3, seed=0, harmful="drop")

    rows = rows_in_splits(tmp_path / "out")
    splits = {row["prompt"][-1]["content"]: row["split"] for _, row in rows}
    released = list(splits)
    assert len(released) > 150
    assert 0 < written.between_splits < 20 < written.counts["preferences"]["test"]
    pairs = similar_pairs(released)
    assert len(pairs) > 40
    assert all(splits[released[i]] == splits[released[j]] for i, j in pairs)
    assert "splits" not in check_rows(rows).findings


def test_one_question_under_several_system_turns_stands_in_one_split(tmp_path):
    systems = [" ".join(f"role{i}word{j}" for j in range(30)) for i in range(20)]
    path = tmp_path / "prompts.jsonl"
    turns = [
        [
            {"role": "system", "content": system},
            {"role": "user", "content": f"Which of the {i // 10} rivers of the land is the longest of all?"},
        ]
        for i, system in enumerate(systems)
    ]
    path.write_text("".join(json.dumps({"messages": each}) + "\n" for each in turns))
    recipe = a_recipe()
    recipe["stages"][0] = {"prompts": {"use": "file", "path": str(path)}}
    asyncio.run(run(recipe, tmp_path / "run"))

    written = write_rows(tmp_path / "run", tmp_path / "out", test=0.4, seed=0, harmful="drop")

    assert 0 < written.between_splits < 18
    assert "splits" not in check_rows(rows_in_splits(tmp_path / "out")).findings
