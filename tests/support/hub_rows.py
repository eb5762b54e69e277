"""What several tests use: datasets on the Hub, read by the real clients from a local one: as prompts, as
records, and by `check`.
"""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.hub import local_hub


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


SPLITS = (
    "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train.parquet\n  - "
    "split: test\n    path: data/test.parquet\n"
)


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
