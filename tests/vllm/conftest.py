"""What the tests with the real engine share: where it is, and that nothing of it is left after each."""

import json
import sys
from pathlib import Path

import pytest

from prefgen.serving.processes import processes_of_session, shared_memory_of

ENGINE = Path(sys.prefix) / "vllm"
ON_CPU = {
    "python": str(ENGINE / "bin" / "python"),
    "dtype": "float32",
    "enforce_eager": True,
    "enable_chunked_prefill": False,
    "env": {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    },
}
"""How the CPU build is started."""


def pytest_collection_modifyitems(items):
    if not (ENGINE / "ready").exists():
        for item in items:
            if "tests/vllm" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="vLLM is not installed: `make vllm` does"))


@pytest.fixture
def models() -> Path:
    return ENGINE / "models"


@pytest.fixture(autouse=True)
def nothing_left(tmp_path):
    """Looks for processes and shared memory of servers after each test."""
    before = shared_memory()
    yield
    for note in tmp_path.rglob("servers/*.json"):
        assert not processes_of_session(json.loads(note.read_text())["session"])
    assert shared_memory() - before <= held_by_others()


def shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    return {path.name for path in folder.glob("psm_*")} | {path.name for path in folder.glob("sem.mp-*")}


def held_by_others() -> set[str]:
    """Shared memory that processes which are alive have before them: other servers of this machine."""
    alive = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return {Path(path).name for pid in alive for path in shared_memory_of(pid)}


def a_model(models: Path, name: str = "tiny", longest: int = 256, **serve) -> tuple[dict, dict]:
    """(what stands under `models:`, what stands under `run: endpoints:`) of a model that is served."""
    endpoint = {"serve": {**ON_CPU, "max_model_len": longest, **serve}}
    return {"use": "vllm", "name": str(models / name), "temperature": 1.0}, endpoint
