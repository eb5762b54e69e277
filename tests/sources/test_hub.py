"""Prompts from a dataset on the Hugging Face Hub, streamed. (prefgen/sources/hub.py)"""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefgen.errors import RecipeError
from tests.support.cli import prefgen
from tests.support.hub_rows import hub, on  # noqa: F401 - `hub` is a fixture
from tests.support.recipes import a_recipe


def test_prompts_come_from_the_hub(hub, tmp_path):
    recipe = a_recipe()
    recipe["stages"][0] = {
        "prompts": {
            "use": "hub",
            "path": "acme/prompts",
            "columns": {"category": "topic"},
            "where": {"topic": "b"},
        }
    }
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    done = prefgen("run", "r.json", "--json", cwd=tmp_path, **on(hub, tmp_path))

    assert done.returncode == 0, done.stderr
    groups = json.loads(done.stdout)["yield"]["groups"]
    assert groups["category"] == {"b": {"all": 3, "lost": 0}}
    assert groups["source"] == {"acme/prompts": {"all": 3, "lost": 0}}


def a_local_dataset(folder):
    """A folder that `datasets` loads as it loads a repository of the Hub: the real client, without a
    network.
    """
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Question {i}?"},
                {"role": "assistant", "content": "seen"},
            ],
            "topic": "ab"[i % 2],
        }
        for i in range(6)
    ]
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / "train-00000-of-00001.parquet")
    return folder


def test_a_dataset_is_streamed_filtered_and_mapped(tmp_path):
    from prefgen.sources.hub import Hub

    source = Hub(
        path=str(a_local_dataset(tmp_path / "set")),
        where={"topic": "b"},
        columns={"category": "topic"},
        limit=2,
    )

    records = list(source.read(tmp_path))

    assert [(r.prompt.text, r.prompt.category) for r in records] == [
        ("Question 1?", "b"),
        ("Question 3?", "b"),
    ]


def test_a_dataset_that_cannot_be_had_is_one_line(tmp_path):
    from prefgen.sources.hub import Hub

    with pytest.raises(RecipeError, match=r"'nobody/nothing'.*cannot be read") as caught:
        list(Hub(path="nobody/nothing").read(tmp_path))
    with pytest.raises(RecipeError, match="split 'tset'"):
        list(Hub(path=str(a_local_dataset(tmp_path / "set")), split="tset").read(tmp_path))

    assert "\n" not in str(caught.value)
