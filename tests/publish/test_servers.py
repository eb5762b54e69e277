"""A run's servers in what is published of it: a rebuild from the release's recipe and the journal is the same
dataset, and nobody's own server is named. (prefgen/publish/servers.py)
"""

import json
import shutil
import socket

import pytest
import yaml
from aiohttp import web

from prefgen.dataset.manifest import Manifest, RunYield, ServedBy
from prefgen.dataset.read_parquet import read_parquet
from prefgen.errors import RecipeError, UnexpectedServer
from prefgen.publish.release import publish
from prefgen.publish.servers import published_manifest, published_recipe, server_hider
from prefgen.publish.settings import read_publish_settings
from prefgen.recipe.build import build
from prefgen.recipe.load import load_recipe, recipe_text
from prefgen.transport.server_names import UNDISCLOSED, UNDISCLOSED_ADDRESS
from tests.support.publishing import PROMPTS
from tests.support.recipes import a_recipe, run
from tests.support.server import by_content

INTERNAL = "gpu7.rivers.lan"


@pytest.fixture
def internal(monkeypatch, server):
    """The address of a server at a name of a house network; it refuses a prompt that names no river."""
    real, port = socket.getaddrinfo, server.url.split(":")[2].split("/")[0]

    def getaddrinfo(host, *args, **options):
        return real("127.0.0.1" if host == INTERNAL else host, *args, **options)

    def script(body, attempt):
        if body["messages"][-1]["content"].startswith("Too long"):
            error = {"error": {"message": "too many tokens", "code": "context_length_exceeded"}}
            return web.json_response(error, status=400)
        return by_content(body, attempt)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    server.script = script
    return f"http://{INTERNAL}:{port}/v1"


async def released(folder, recipe_file, journal):
    """(the run's folder, its release) of a recipe that is replayed from the journal alone."""
    from prefgen.api.run import options_of
    from prefgen.engine.run import Runner

    pipeline = build(load_recipe(recipe_file))
    outcome = await Runner(pipeline, options_of(pipeline, folder / "run", journal, live=False)).run()
    assert outcome.complete, outcome.stopped
    return publish(folder / "run", read_publish_settings(folder / "run", {}), dry_run=True)


@pytest.mark.parametrize("said_in", ["recipe", "environment", "variable"])
async def test_no_server_of_a_house_is_named_and_the_rebuild_is_the_same(
    tmp_path, internal, monkeypatch, said_in
):
    url = {"recipe": internal, "environment": None, "variable": "${env:OUR_SERVER}"}[said_in]
    recipe = a_recipe(url=url or "x", prompts=(*PROMPTS, "Too long, with no river"), name="rivers")
    if url is None:
        recipe["run"]["endpoints"] = {}
    monkeypatch.setenv("OPENAI_BASE_URL", internal)
    monkeypatch.setenv("OUR_SERVER", internal)
    made = await run(recipe, tmp_path / "run")
    assert made.complete
    first = publish(tmp_path / "run", read_publish_settings(tmp_path / "run", {}), dry_run=True)
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.delenv("OUR_SERVER")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(first.folder / "recipe.yaml", elsewhere)

    again = await released(elsewhere, elsewhere / "recipe.yaml", tmp_path / "calls.sqlite")

    texts = {p.name: p.read_text() for p in first.folder.iterdir() if p.suffix in (".md", ".json", ".yaml")}
    assert texts.keys() >= {"README.md", "manifest.json", "release.json", "recipe.yaml"}
    assert not [name for name, text in texts.items() if INTERNAL in text]
    assert "a server that is not named (w" in texts["README.md"]
    [failures] = (first.folder / "data" / "failures").glob("*.parquet")
    reasons = {row["reason"] for row in read_parquet(failures)}
    assert all(f"from {UNDISCLOSED}" in reason for reason in reasons) and reasons
    assert again.content_hash == first.content_hash
    manifests = [json.loads((r.folder / "manifest.json").read_text()) for r in (first, again)]
    assert manifests[0]["row_digest"] == manifests[1]["row_digest"]
    assert manifests[0]["stage_fingerprints"] == manifests[1]["stage_fingerprints"]
    assert manifests[0]["served_by"] == manifests[1]["served_by"]
    assert texts["recipe.yaml"] == (again.folder / "recipe.yaml").read_text()


async def test_a_release_asks_nobody_until_a_server_is_named(tmp_path, internal):
    made = await run(a_recipe(url=internal, prompts=PROMPTS, name="rivers"), tmp_path / "run")
    release = publish(made.out, read_publish_settings(made.out, {}), dry_run=True)
    recipe = yaml.safe_load((release.folder / "recipe.yaml").read_text())

    with pytest.raises(RecipeError, match="does not name this server .* say where yours is"):
        await run(recipe, tmp_path / "other", journal=tmp_path / "calls.sqlite")
    recipe["run"]["endpoints"]["writer"]["base_url"] = "https://api.openai.com/v1"
    refused = await run(recipe, tmp_path / "third", journal=tmp_path / "calls.sqlite", live=False)

    assert isinstance(refused.stopped, UnexpectedServer)


def served(*hosts, backend="openai"):
    return Manifest(
        name="x",
        served_by=tuple(
            ServedBy(backend=backend, host=h, model="m", fingerprint="", replies=1, first="2026", last="2026")
            for h in hosts
        ),
        yields=RunYield(example_failure="HTTP 400 from gpu7:8000: no (see gpu7)"),
    )


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://api.openai.com/v1", None),
        ("https://openrouter.ai/api/v1", None),
        ("http://localhost:8000/v1", None),
        ("http://127.0.0.1:8000/v1", None),
        ("http://gpu7:8000/v1", UNDISCLOSED_ADDRESS),
        ("http://10.0.0.7/v1", UNDISCLOSED_ADDRESS),
        ("http://[fd00::7]:8000/v1", UNDISCLOSED_ADDRESS),
        ("https://vllm.ml.acme.com/v1", UNDISCLOSED_ADDRESS),
        ("https://acme-prod.openai.azure.com/openai/v1", UNDISCLOSED_ADDRESS),
        ("https://api.openai.com.acme.com/v1", UNDISCLOSED_ADDRESS),
        ("https://acme.com/api.openai.com/v1", UNDISCLOSED_ADDRESS),
    ],
)
def test_public_apis_and_this_machine_are_named_and_nothing_else(address, shown):
    recipe = recipe_text(a_recipe(url=address))

    found = published_recipe(recipe, served())

    endpoints = yaml.safe_load(found)["run"]["endpoints"]
    assert {endpoint["base_url"] for endpoint in endpoints.values()} == {shown or address}
    assert (found == recipe) is (shown is None)


def test_hosts_in_the_manifest_and_in_texts_go_by_the_same_rule():
    manifest = served("gpu7:8000", "api.openai.com", "local", "simulated")

    found = published_manifest(manifest)

    assert [server.host for server in found.served_by] == [
        UNDISCLOSED,
        "api.openai.com",
        "local",
        "simulated",
    ]
    assert found.yields.example_failure == f"HTTP 400 from {UNDISCLOSED}: no (see {UNDISCLOSED})"
    assert server_hider(manifest)("from api.openai.com") == "from api.openai.com"
    assert published_manifest(found) == found


def test_further_hosts_whose_replies_are_taken_are_replaced_too():
    recipe = a_recipe(url="http://gpu7:8000/v1", run={"accept_served_by": ["gpu8", "gpu9:80", "local"]})

    found = yaml.safe_load(published_recipe(recipe_text(recipe), served("gpu7:8000", "gpu8")))

    assert found["run"]["accept_served_by"] == [UNDISCLOSED, "local"]


def test_what_a_run_served_itself_is_published_without_its_places():
    """A rebuild has the weights elsewhere: their fingerprints are accepted."""
    serve = {
        "python": "/home/me/vllm/bin/python",
        "env": {"TOKEN": "secret"},
        "model": "/data/weights",
        "chat_template": "./mine.jinja",
        "dtype": "bfloat16",
        "max_num_seqs": 64,
    }
    recipe = {
        "models": {"own": {"use": "vllm", "name": "org/small"}},
        "run": {"endpoints": {"own": {"serve": serve}}},
    }
    served_by = ServedBy(
        backend="vllm", host="local", model="org/small", fingerprint="prefgen-0123", replies=1, first="",
        last="",
    )  # fmt: skip
    manifest = Manifest(name="x", served_by=(served_by,))

    published = yaml.safe_load(published_recipe(recipe_text(recipe), manifest))

    assert published["run"] == {
        "endpoints": {"own": {"serve": {"dtype": "bfloat16", "max_num_seqs": 64}}},
        "accept_served_by": ["prefgen-0123"],
    }
