"""A model that is pushed stands alone under its card. (prefgen/trainers/push.py)"""

import pytest

from tests.support.hub import WRITER, local_hub
from tests.support.publishing import python

ADAPTER = {
    "adapter_config.json": '{"base_model_name_or_path": "acme/base"}',
    "adapter_model.safetensors": "a",
}
WHOLE = {"config.json": "{}", "model.safetensors": "whole"}
SHARDED = {
    "config.json": "{}",
    "model-00001-of-00002.safetensors": "1",
    "model-00002-of-00002.safetensors": "2",
    "model.safetensors.index.json": "{}",
}
REPORT = {"README.md": "# A model", "training.json": "{}", "tokenizer.json": "{}"}


@pytest.fixture
def hub():
    with local_hub({}) as server:
        yield server


PUSH = f"""
import json, os
os.environ["HF_TOKEN"] = "{WRITER}"
from pathlib import Path
from prefgen.trainers.push import push_model
said = []
push_model(Path("FOLDER"), "acme/model", private=True, say=said.append)
print(json.dumps(said[-1]))
"""


def push(hub, folder, files):
    folder.mkdir(exist_ok=True)
    for name, text in {**REPORT, **files}.items():
        (folder / name).write_text(text)
    said = python(hub, folder.parent, PUSH.replace("FOLDER", folder.name))
    return set(hub.repos["acme/model"].at("main")[1]) - {".gitattributes"}, said


def test_what_came_of_judging_its_answers_goes_along_and_the_run_stays_here(tmp_path, hub):
    judged = tmp_path / "one" / "eval"
    (judged / "run" / "records").mkdir(parents=True)
    (judged / "prompts.jsonl").write_text('{"messages": []}')
    (judged / "win_rate.json").write_text('{"wins": 3}')

    there, _ = push(hub, tmp_path / "one", ADAPTER)

    assert there == {*REPORT, *ADAPTER, "evaluation.json"}
    assert hub.repos["acme/model"].at("main")[1]["evaluation.json"] == b'{"wins": 3}'


@pytest.mark.parametrize(
    ("before", "after"), [(ADAPTER, WHOLE), (WHOLE, ADAPTER), (WHOLE, SHARDED), (SHARDED, WHOLE)]
)
def test_the_files_of_the_model_before_go_and_those_of_people_stay(tmp_path, hub, before, after):
    push(hub, tmp_path / "one", before)
    commits = hub.repos["acme/model"].commits
    commits.append(("feedbeef1", {**commits[-1][1], "curves/loss.png": b"p", "notes.txt": b"n"}))

    there, said = push(hub, tmp_path / "two", after)

    assert there == {*REPORT, *after, "curves/loss.png", "notes.txt"}
    assert set(hub.repos["acme/model"].tags) == {"v1.0.0", "v2.0.0"}
    assert said.startswith("v2.0.0") and "of the model before are gone" in said
