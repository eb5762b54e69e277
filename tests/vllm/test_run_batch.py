"""Exported requests are answered by the real `vllm run-batch`, and their replies make the dataset
(docs/batches.md).
"""

import json
import os
import subprocess

from prefgen.dataset.read_run import read_manifest
from tests.support.cli import prefgen
from tests.vllm.conftest import ENGINE, ON_CPU

FLAGS = (
    "--dtype", "float32", "--enforce-eager", "--no-enable-chunked-prefill", "--generation-config", "vllm",
    "--max-model-len", "256", "--served-model-name", "own-model",
)  # fmt: skip


def run_batch(model, requests, replies, cwd):
    """The real engine, as docs/batches.md calls it."""
    command = [ENGINE / "bin" / "vllm", "run-batch", "-i", requests, "-o", replies, "--model", model, *FLAGS]
    environment = {**os.environ, **ON_CPU["env"], "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]


def test_an_export_is_answered_by_vllm_run_batch(tmp_path, models):
    recipe = {
        "name": "elsewhere",
        "seed": 4,
        "models": {"own": {"use": "openai", "name": "own-model", "temperature": 1.0, "max_tokens": 12}},
        "stages": [
            {"prompts": {"use": "inline", "prompts": [f"Name {i} birds." for i in range(5)]}},
            {"sample": {"use": "each", "model": "own", "n": 2}},
        ],
        "run": {"endpoints": {"own": {"base_url": "http://localhost:1/v1"}}},
    }
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    words = ("--export-requests", "q.jsonl", "--requests-per-file", "6")
    exported = prefgen("run", "r.json", *words, cwd=tmp_path)
    assert exported.returncode == 3, exported.stderr
    first, second = (tmp_path / f"q.own-model.chat.{number}.jsonl" for number in (1, 2))
    requests = [json.loads(line) for path in (first, second) for line in path.read_text().splitlines()]

    # one start of the engine for both: a file of minutes is a file that one reads to its end
    (tmp_path / "both.jsonl").write_bytes(first.read_bytes() + second.read_bytes())
    run_batch(models / "tiny", "both.jsonl", "replies.jsonl", tmp_path)
    imported = prefgen("journal", "import", "replies.jsonl", "--json", cwd=tmp_path)
    done = prefgen("run", "r.json", "--offline", cwd=tmp_path)

    assert len(requests) == 10
    assert json.loads(imported.stdout) == {"kept": 10, "refused": 0, "known": 0, "failed": 0, "unknown": 0}
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(tmp_path / "runs" / "elsewhere")
    assert manifest.complete
    assert manifest.yields.responses + sum(manifest.yields.failures.values()) == 10
