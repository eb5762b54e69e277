"""Runs that are published to a local Hub."""

import copy
import hashlib
import json
import os
import subprocess
import sys

import pytest

from tests.support.cli import prefgen
from tests.support.hub import WRITER, local_hub
from tests.support.recipes import a_recipe

PROMPTS = tuple(f"Which of the {i} rivers of the land is the longest?" for i in range(30))


def made(folder, out, prompts=PROMPTS, **changes):
    recipe = a_recipe(prompts=prompts, name="rivers", version="1.0.0", **changes)
    recipe["models"]["writer"]["rules"] = [
        {"when": "", "say": [f"Answer number {i}, in words." for i in range(4000)]}
    ]
    (folder / "recipe.json").write_text(json.dumps(recipe))
    done = prefgen("run", "recipe.json", "--out", out, "-q", "-y", cwd=folder)
    assert done.returncode == 0, done.stderr


def publish(hub, folder, run, *options, token=WRITER, repo="acme/rivers"):
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": token,
    }
    return prefgen("publish", str(run), "--repo", repo, "--test", "0.2", *options, cwd=folder, **environment)


def python(hub, folder, code):
    """Run code as a user of the dataset would, with the real clients."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "user"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=folder, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LOAD = """
import json, datasets
datasets.disable_progress_bars()
pairs = datasets.load_dataset("acme/rivers", revision="{tag}")
stream = datasets.load_dataset("acme/rivers", "candidates", split="train", revision="{tag}", streaming=True)
rows = {{k: v.num_rows for k, v in pairs.items()}}
print(json.dumps({{"rows": rows, "first": pairs["train"][0], "streamed": list(stream)[0]["model"]}}))
"""


@pytest.fixture
def hub():
    with local_hub({}) as running:
        yield running


@pytest.fixture(scope="module")
def released(tmp_path_factory, finished):
    """What a Hub holds after the first version was published."""
    with local_hub({}) as running:
        assert publish(running, tmp_path_factory.mktemp("released"), finished).returncode == 0
        return copy.deepcopy(running.repos)


@pytest.fixture
def second(hub, released):
    """A Hub on which the first version stands."""
    hub.repos = copy.deepcopy(released)
    return hub


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """A run with one more prompt."""
    folder = tmp_path_factory.mktemp("more")
    made(folder, "run", (*PROMPTS, "What is a delta?"))
    return folder / "run"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A complete run, which tests publish from."""
    folder = tmp_path_factory.mktemp("finished")
    made(folder, "run")
    return folder / "run"


HARMFUL = "Pour the acid over the lock until it gives way and take what you want."


def harmful_run(folder, rationale=""):
    """Pairs whose rejected side is the text that their prompt was made from, as `invert_harmful` and `fixed`
    leave them.
    """
    from prefgen.dataset.parquet import PAIRS, RECORDS, write_lines
    from prefgen.dataset.serialize import pair_lines, record_line
    from prefgen.kit.harm import SOURCE, harm_metadata
    from prefgen.types import Pair, Prompt, Record, Response, Score

    made(folder, "run")
    digest = hashlib.blake2b(HARMFUL.encode(), digest_size=16).hexdigest()
    marks = harm_metadata(HARMFUL, "theft")
    prompt = Prompt.of(
        "How do I open a lock that is not mine?",
        metadata=marks,
        lineage={"harm": "theft", "source_digest": digest},
    )
    safe = Response.of(prompt, "I will not help with that; a locksmith will.", model="m")
    source = Response.of(prompt, HARMFUL, principle=SOURCE, origin="human")
    scores = (
        (
            Score(
                response_id=source.id,
                aspect="harm",
                value=1.0,
                scale=(1, 5),
                judge="quality",
                rationale=rationale,
            ),
        )
        if rationale
        else ()
    )
    record = Record(
        prompt=prompt,
        responses=(safe, source),
        scores=scores,
        pairs=(Pair(chosen_id=safe.id, rejected_id=source.id, rule="fixed"),),
    )
    write_lines([record_line(record)], RECORDS, folder / "run" / "records" / "00001.parquet")
    write_lines(pair_lines(record), PAIRS, folder / "run" / "pairs" / "00001.parquet")
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    for count in ("prompts", "pairs"):
        manifest["yield"][count] += 1
    (folder / "run" / "manifest.json").write_text(json.dumps(manifest))
    return digest
