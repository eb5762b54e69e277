"""Datasets on the Hub, read by the real clients from a local one: as prompts, as records, and by `check`."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.cli import prefgen
from tests.support.hub import local_hub
from tests.support.recipes import a_recipe


def parquet(rows) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def said(role, text):
    return {"role": role, "content": text}


PROMPTS = [{"messages": [said("user", f"Question {i}?")], "topic": "ab"[i % 2]} for i in range(6)]
PAIRS = [
    {
        "prompt": [said("user", f"Question {i}?")],
        "chosen": [said("assistant", f"Good {i}")],
        "rejected": [said("assistant", f"Bad {i}")],
    }
    for i in range(4)
]
SPLITS = "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train.parquet\n  - split: test\n    path: data/test.parquet\n"
WINNERS = [{"question": row["prompt"], "winner": row["chosen"], "loser": row["rejected"]} for row in PAIRS]
REPOS = {
    "acme/winners": {"README.md": b"# winners", "data/train-00000-of-00001.parquet": parquet(WINNERS)},
    "acme/prompts": {"README.md": b"# prompts", "data/train-00000-of-00001.parquet": parquet(PROMPTS)},
    "acme/pairs": {
        "README.md": f"---\n{SPLITS}---\n".encode(),
        "data/train.parquet": parquet(PAIRS),
        "data/test.parquet": parquet([{**PAIRS[0], "chosen": PAIRS[0]["rejected"]}]),
    },
}


@pytest.fixture(scope="module")
def hub():
    with local_hub(REPOS) as running:
        yield running


def on(hub, folder):
    """The environment of a machine whose Hub is the local one."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }


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


def test_pairs_of_the_hub_are_judged_again(hub, tmp_path):
    recipe = a_recipe()
    recipe["stages"] = [{"prompts": {"use": "records", "path": "acme/pairs"}}, *recipe["stages"][2:]]
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    done = prefgen("run", "r.json", "--json", cwd=tmp_path, **on(hub, tmp_path))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["yield"]
    assert (found["prompts"], found["responses"], found["pairs"]) == (4, 8, 4)


def test_check_proves_a_dataset_of_the_hub(hub, tmp_path):
    sound = prefgen("check", "acme/pairs", "--split", "train", "--json", cwd=tmp_path, **on(hub, tmp_path))
    broken = prefgen("check", "acme/pairs", "--json", cwd=tmp_path, **on(hub, tmp_path))

    assert (sound.returncode, json.loads(sound.stdout)["rows"]) == (0, 4), sound.stderr
    assert (broken.returncode, json.loads(broken.stdout)["rows"]) == (4, 5)  # all splits
    assert set(json.loads(broken.stdout)["broken"]) == {"same", "splits"}


def test_check_of_a_configuration_takes_columns_by_other_names(hub, tmp_path):
    words = (
        "check",
        "acme/winners",
        "--config",
        "default",
        "--columns",
        "prompt=question",
        "--columns",
        "chosen=winner",
        "--json",
    )

    found = prefgen(*words, "--columns", "rejected=loser", cwd=tmp_path, **on(hub, tmp_path))

    assert (found.returncode, json.loads(found.stdout)["rows"]) == (0, 4), found.stderr
    wrong = prefgen(*words, "--columns", "rejected=looser", cwd=tmp_path, **on(hub, tmp_path))
    assert (wrong.returncode, "there is no column 'looser'" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["acme/nothing"], "'acme/nothing'"),
        (["acme/pairs", "--split", "tset"], "split 'tset'"),
        (["acme/pairs", "--revision", "v9"], "'acme/pairs'"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(hub, tmp_path, words, said):
    missing = prefgen("check", *words, cwd=tmp_path, **on(hub, tmp_path))

    assert missing.returncode == 2
    assert said in missing.stderr
    assert "Traceback" not in missing.stderr
    assert len(missing.stderr.strip().splitlines()) == 1
