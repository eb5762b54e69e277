"""What all tests share: no network but loopback, no environment of the user's, a small OpenAI-compatible
server with faults.
"""

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from prefgen.kit.templates import set_recipe_folder
from tests.support.paths import SHARED
from tests.support.server import Server, serving

pytest_plugins = (
    "tests.support.batch_server",
    "tests.support.cli",
    "tests.support.journal",
    "tests.support.publishing",
)
"""Their fixtures are every test's; a module that has one of the same name means its own."""

settings.register_profile(
    "prefgen",
    deadline=None,
    max_examples=int(os.environ.get("PREFGEN_EXAMPLES", "60")),  # `make fuzz` wants many
    derandomize=not os.environ.get("PREFGEN_NEW_INPUTS"),  # a commit passes always or never
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("prefgen")


def pytest_collection_modifyitems(items):
    """Tests in which the real client publishes are `publishing`: seconds each, and a stage of their own."""
    for item in items:
        if PUBLISHES & set(getattr(item, "fixturenames", ())) and "publish" in item.path.parts:
            item.add_marker("publishing")


PUBLISHES = {"hub", "released", "second"}
_connect = socket.socket.connect


def _loopback_only(self, address):
    host = address[0] if isinstance(address, tuple) else ""
    if host and host not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"a test tried to reach {host}")
    return _connect(self, address)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    set_recipe_folder(None)
    os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture
def short_backoff(monkeypatch):
    """Retries follow each other in tenths of a second; how long they really wait is tested in
    tests/calls/test_retries.py.
    """
    monkeypatch.setattr("prefgen.calls.retries.backoff", lambda tries, jitter: 0.05 * tries)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(Server()) as made:
        yield made


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("../shared (real prompts and recorded answers) is not on this machine")
    return SHARED
