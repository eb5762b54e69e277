"""What an export cannot hold is one line, and never left out. (prefgen/publish/export.py, mix.py)"""

import json

import pytest

from tests.support.cli import prefgen

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
IMAGE = [
    {"type": "text", "text": "see"},
    {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
]


def dataset(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


PLAIN = {"prompt": "Q", "chosen": "a", "rejected": "b"}
CALLS = {
    "prompt": "Q",
    "chosen": [{"role": "assistant", "content": "", "tool_calls": [CALL]}],
    "rejected": "b",
}
CALLS["rejected"] = [{"role": "assistant", "content": "b"}]
SEEN = {"prompt": [{"role": "user", "content": IMAGE}], "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize("row", [CALLS, SEEN], ids=["calls", "images"])
def test_calls_and_images_are_refused_where_they_would_be_lost(tmp_path, row):
    path = dataset(tmp_path / "a.jsonl", PLAIN, row)
    done = prefgen("export", path, "--to", "llama-factory", "-o", "o.jsonl", cwd=tmp_path)

    assert done.returncode == 2 and "a.jsonl:2" in done.stderr and "images" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mixture_of_texts_and_images_is_no_parquet(tmp_path):
    path = dataset(tmp_path / "a.jsonl", PLAIN, SEEN)
    done = prefgen("export", path, "--to", "trl", "-o", "o.parquet", cwd=tmp_path)

    assert done.returncode == 2 and "write .jsonl" in done.stderr and "Traceback" not in done.stderr
    assert prefgen("diff", path, path, cwd=tmp_path).returncode == 0
