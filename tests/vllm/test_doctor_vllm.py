"""The self-test of a server, against the real vLLM (prefgen/calls/server_check.py)."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from tests.support.cli import prefgen
from tests.support.recipes import unused_port
from tests.vllm.conftest import ENGINE, ON_CPU

FLAGS = (
    "--served-model-name", "smol", "--host", "127.0.0.1", "--dtype", "float32", "--enforce-eager",
    "--no-enable-chunked-prefill", "--generation-config", "vllm", "--max-model-len", "2048",
)  # fmt: skip


def answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/models", timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def address(models, tmp_path):
    port = unused_port()
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [ENGINE / "bin" / "vllm", "serve", models / "smollm2", "--port", str(port), *FLAGS],
            stdout=log, stderr=log, start_new_session=True, env={**os.environ, **ON_CPU["env"]},
        )  # fmt: skip
    url, until = f"http://127.0.0.1:{port}/v1", time.monotonic() + 180
    while not answers(url):
        assert server.poll() is None and time.monotonic() < until, (tmp_path / "log").read_text()[-2000:]
        time.sleep(0.5)
    yield url
    server.send_signal(signal.SIGTERM)
    server.wait(60)


def test_all_that_vllm_has_is_found_and_what_it_has_not(address, tmp_path):
    done = prefgen("doctor", address, "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    [server] = json.loads(done.stdout)["servers"]
    states = {found["feature"]: found["state"] for found in server["findings"]}
    absent = {"stops", "embed", "score"}
    assert {name for name, state in states.items() if state != "works"} == absent
    assert {"draws", "seed", "n", "logprobs", "schema", "foreign", "echo", "opened_turn"} <= set(states)
    assert server["hints"] == {} and server["build"]["version"].startswith("0.")
    assert server["models"][0]["max_model_len"] == 2048

    unknown = prefgen("doctor", address, "--model", "nope", cwd=tmp_path)
    assert unknown.returncode == 1 and "it has smol" in unknown.stdout
