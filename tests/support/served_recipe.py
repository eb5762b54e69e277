"""A recipe whose model the run serves itself, by a program that behaves as vLLM does."""

import sys

from tests.support.paths import ROOT

FAKE = [sys.executable, str(ROOT / "tests" / "support" / "fake_vllm.py")]


def served(prompts=("One?", "Two?", "Three?"), n=2, concurrency=4, **serve) -> dict:
    """Two answers of a model that the run serves itself; `starts` and `deaths` are files that the program
    keeps (tests/support/fake_vllm.py).
    """
    files = {f"FAKE_{name.upper()}": serve.pop(name) for name in ("starts", "deaths") if name in serve}
    return {
        "name": "served",
        "models": {"own": {"use": "vllm", "name": "org/small", "temperature": 1.0}},
        "stages": [
            {"prompts": {"use": "inline", "prompts": list(prompts)}},
            {"sample": {"use": "each", "model": "own", "n": n}},
        ],
        "run": {
            "endpoints": {"own": {"serve": {"command": FAKE, "env": files, **serve}}},
            "concurrency": concurrency,
            "server_down_after": 5,
        },
    }
