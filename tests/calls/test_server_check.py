"""The self-test of a server, against servers that misbehave as real ones do.
(prefgen/calls/server_check.py)
"""

import time
from pathlib import Path

import pytest

from prefgen.calls.server_check import check_server
from prefgen.plugins.registry import find
from tests.support.selftested import selftested


async def looked_at(url, model="", seconds=10.0):
    async with find("backend", "openai", Path.cwd())(base_url=url).connect() as connected:
        access = connected.server_access()
        access.seconds = seconds
        return await check_server(access, model)


async def test_a_server_that_does_all_of_it_is_said_to():
    async with selftested("many stops") as server:
        report = await looked_at(server.url)

    assert {found.state for found in report.findings} == {"works"} and not report.fault
    assert (report.hints, report.routes) == ({}, ["score", "classify", "pooling"])
    assert report.requests == len(server.bodies) < 25 and report.tokens > 0
    assert (report.models[0].root, report.models[0].max_model_len) == ("/weights/small", 2048)


@pytest.mark.parametrize(
    ("fault", "feature", "state", "hints"),
    [
        ("no temperature", "draws", "fails", {}),  # transformers serve
        ("no seeds", "seed", "not offered", {}),
        ("one draw", "n", "not offered", {"n": False}),
        ("any name", "foreign", "fails", {}),  # llama.cpp
        ("no logprobs", "logprobs", "not offered", {"alternatives": 0}),
        ("no alternatives", "logprobs", "fails", {}),
        ("other tokens", "logprobs", "fails", {}),
        ("wrong echo", "echo", "fails", {}),  # llama-cpp-python
        ("no echo", "echo", "not offered", {}),  # llama.cpp
        ("no schemas", "schema", "not offered", {"schema_as": "text"}),
        ("schema 500", "schema", "not offered", {"schema_as": "text"}),  # llama-cpp-python
        ("schema broken", "schema", "fails", {"schema_as": "text"}),
        ("no usage", "usage", "not offered", {}),
        ("reasons", "temperature", "fails", {}),
        ("no list", "models", "not offered", {}),
    ],
)
async def test_what_a_server_does_not_do_is_found_and_nothing_else(fault, feature, state, hints):
    async with selftested("many stops", fault) as server:
        report = await looked_at(server.url, "small")

    others = {each.feature for each in report.findings if each.state in ("fails", "not offered")}
    if feature == "logprobs":
        others.discard("opened_turn")  # what is read in an opened turn are log-probabilities
    assert others == {feature} and report.state_of(feature) == state
    assert report.hints == hints


async def test_completions_of_the_shape_of_chats_are_read():
    async with selftested("chat shape") as server:
        report = await looked_at(server.url)

    assert report.state_of("echo") == "works"


async def test_fewer_alternatives_are_found_by_asking_for_fewer():
    async with selftested(alternatives=5) as server:
        report = await looked_at(server.url)

    assert report.hints == {"alternatives": 5} and report.state_of("logprobs") == "works"


async def test_a_schema_without_max_length_is_still_one():
    async with selftested("long texts") as server:
        report = await looked_at(server.url)

    assert report.state_of("schema") == "works" and report.hints == {}
    assert any("without maxLength" in found.words for found in report.findings)


async def test_the_fields_that_a_server_refuses_are_learnt():
    async with selftested(refuses=("max_tokens", "seed")) as server:
        report = await looked_at(server.url)

    assert (report.hints["token_field"], report.hints["send_seed"]) == ("max_completion_tokens", False)
    assert report.state_of("draws") == "works" and not report.fault


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", "is not JSON"),
        ("half json", "is not JSON"),
        ("nonsense", "is not JSON"),
        ("redirects", "it sends us to 'https://elsewhere.example/login'"),
        ("key", "refuses the key of OPENAI_API_KEY"),
        ("hangs", "no answer within 0.3 s"),
        ("breaks", "HTTP 500: Internal Server Error"),
        ("odd shapes", "odd shape"),
    ],
)
async def test_whatever_a_server_answers_is_one_fault(fault, words, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    begun = time.monotonic()
    async with selftested(fault) as server:
        report = await looked_at(server.url, seconds=0.3)

    assert words in report.fault and "\n" not in report.fault
    assert "very-secret" not in str(report.as_json())
    assert time.monotonic() - begun < 5


async def test_a_model_that_there_is_not_is_a_fault_that_names_those_there_are():
    async with selftested() as server:
        report = await looked_at(server.url, "large")

    assert "it has no model 'large'" in report.fault and "it has small" in report.fault
