"""What servers say of themselves. (prefgen/transport/server_facts.py)"""

import pytest

from prefgen.transport.request import ServerLoad
from prefgen.transport.server_facts import models_served, vllm_load

METRICS = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a}b"} 3.0
vllm:num_requests_running{engine="1",model_name="a}b"} 4.0
vllm:num_requests_waiting{engine="0",model_name="a}b"} 0.0
vllm:num_requests_waiting{engine="1",model_name="a}b"} 1.2e+01
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 77.0
"""


def test_the_engines_of_a_server_are_summed():
    assert vllm_load(METRICS) == ServerLoad(running=7, waiting=12)


@pytest.mark.parametrize("raw", [b"", b"vllm:num_requests_running 3\n", b"<html>", b"x" * 100_000])
def test_what_does_not_say_both_numbers_says_nothing(raw):
    assert vllm_load(raw) is None


def test_models_are_listed_with_what_they_were_made_of():
    raw = b'{"object": "list", "data": [{"id": "m", "root": "Qwen/Qwen3-8B"}, {"id": "n"}]}'

    assert models_served(raw) == {"m": "Qwen/Qwen3-8B", "n": ""}
    assert models_served(b'{"data": []}') is None
    assert models_served(b'{"error": 1}') is models_served(b"[]") is models_served(b"<html>") is None
