"""Servers that a run starts for itself (prefgen/backends/vllm.py, _served.py), with a program that behaves as
vLLM does; tests/vllm has the real one.
"""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prefgen.backends._weight_files import folder_digest
from prefgen.engine.progress import Progress
from prefgen.errors import RecipeError
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from prefgen.serving.processes import processes_of_session
from prefgen.serving.vllm_command import Serve, devices_of, environment, fingerprint_of
from tests.support.adapters import BASE, an_adapter, write_weights
from tests.support.recipes import run
from tests.support.served_recipe import served


@pytest.fixture
def nothing_left(tmp_path):
    """Looks that no process of a server is there after the test."""
    yield
    for note in tmp_path.rglob("servers/*.json"):
        assert not processes_of_session(json.loads(note.read_text())["session"])


pytestmark = pytest.mark.usefixtures("nothing_left")


async def test_a_server_is_started_asked_and_stopped(tmp_path):
    starts = tmp_path / "starts"

    outcome = await run(served(starts=str(starts)), tmp_path / "run")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 6
    assert len(starts.read_text().split()) == 1
    assert (tmp_path / "run" / "servers" / "own.log").is_file()


async def test_a_run_that_the_journal_answers_starts_nothing(tmp_path):
    starts = tmp_path / "starts"
    recipe = served(starts=str(starts))
    await run(recipe, tmp_path / "run")

    again = await run(recipe, tmp_path / "again", journal=tmp_path / "calls.sqlite")

    assert again.complete
    assert len(starts.read_text().split()) == 1


async def test_every_reply_proves_which_weights_gave_it(tmp_path):
    recipe = served()
    await run(recipe, tmp_path / "run")
    [servers] = json.loads((tmp_path / "run" / "manifest.json").read_text())["served_by"]
    assert servers["fingerprint"].startswith("prefgen-")

    quantized = served(quantization="fp8")
    outcome = await run(quantized, tmp_path / "again", journal=tmp_path / "calls.sqlite")

    assert outcome.exit_code == 1
    assert servers["fingerprint"] in str(outcome.stopped)
    assert "accept_served_by" in str(outcome.stopped)
    quantized["run"]["accept_served_by"] = [servers["fingerprint"]]
    assert (await run(quantized, tmp_path / "third", journal=tmp_path / "calls.sqlite")).complete


async def test_a_death_costs_no_attempt(tmp_path):
    deaths, starts = tmp_path / "deaths", tmp_path / "starts"
    deaths.write_text("1")
    progress = Progress()

    outcome = await run(served(deaths=str(deaths), starts=str(starts)), tmp_path / "run", progress=progress)

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 6
    assert len(starts.read_text().split()) == 2
    assert any("vLLM died: the engine met its end; it is started again" in n for n in progress.stats.notices)


async def test_a_request_that_kills_the_engine_is_found_and_refused(tmp_path):
    starts = tmp_path / "starts"
    prompts = ["One?", "Please DIE.", "Two?", "Three?", "Four?"]

    outcome = await run(served(prompts, starts=str(starts)), tmp_path / "run")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 8
    failures = pq.read_table(tmp_path / "run" / "failures.parquet").to_pylist()
    assert [failure["code"] for failure in failures] == ["engine_died"] * 2
    assert "the engine met its end" in failures[0]["reason"]
    assert len(starts.read_text().split()) == 4


async def test_an_engine_that_dies_of_everything_stops_the_run(tmp_path):
    starts = tmp_path / "starts"

    outcome = await run(served([f"DIE {i}" for i in range(9)], starts=str(starts)), tmp_path / "run")

    assert outcome.exit_code == 1
    assert "vLLM died 5 times with no reply between, whatever it was asked" in str(outcome.stopped)
    assert len(starts.read_text().split()) == 5


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        (
            {"fail_with": "Cannot find any model weights with `org/small`"},
            "vLLM did not start: Cannot find any",
        ),
        ({"no_such_flag": 3}, "vLLM did not start: unrecognized arguments: --no-such-flag 3"),
        ({"never_ready": True, "start_timeout": 1}, "vLLM is not ready, and has written nothing for 1 s"),
        ({"as": "org/other"}, "it serves org/other (org/other), and not org/small (org/small)"),
        ({"command": "no-such-program serve"}, "cannot start no-such-program: No such file or directory"),
    ],
)
async def test_a_start_that_fails_says_why_in_one_line(tmp_path, serve, said):
    outcome = await run(served(**serve), tmp_path / "run")

    assert outcome.exit_code == 1
    assert said in str(outcome.stopped)
    assert "\n" not in str(outcome.stopped)


async def test_without_vllm_the_run_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    recipe = served(command=None)

    with pytest.raises(
        RecipeError, match="there is no `vllm` on PATH. Install vLLM in an environment of its own"
    ):
        await run(recipe, tmp_path / "run")


def a_folder(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "serve", "said"),
    [
        ({"config__json": "{}", "tokenizer__json": "{}"}, {}, "holds no weights"),
        ({"model__safetensors": "", "config__json": "{}"}, {}, "holds no tokenizer"),
        ({"model__safetensors": ""}, {}, "holds no config.json"),
        (
            {
                "model__safetensors": "",
                "tokenizer__json": "{}",
                "config__json": '{"max_position_embeddings": 256}',
            },
            {"max_model_len": 512},
            "512 is more than the 256 tokens",
        ),
    ],
)
async def test_a_folder_that_cannot_be_served_is_refused_before_the_start(tmp_path, files, serve, said):
    recipe = served(model=str(a_folder(tmp_path, **files)), **serve)

    with pytest.raises(RecipeError, match=said):
        await run(recipe, tmp_path / "run")


async def test_a_folder_without_a_chat_template_is_not_served_to_a_conversation(tmp_path):
    files = {"model__safetensors": "", "config__json": "{}", "tokenizer__json": "{}"}
    starts = tmp_path / "starts"
    recipe = served(model=str(a_folder(tmp_path, **files)), starts=str(starts))

    outcome = await run(recipe, tmp_path / "run")

    assert "has no chat template" in str(outcome.stopped)
    assert not starts.exists()


def test_a_folder_is_known_by_what_is_in_it(tmp_path):
    folder = a_folder(tmp_path, config__json="{}", model__safetensors="a")
    recipe = served()
    recipe["models"]["own"]["name"] = "./weights"
    before = build(recipe_from_data(recipe, tmp_path)).models["own"].identity

    (folder / "model.safetensors").write_text("b")
    after = build(recipe_from_data(recipe, tmp_path)).models["own"].identity

    assert before["name"] == after["name"] == "weights"
    assert before["digest"] != after["digest"]


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({}, "say where the model is served"),
        ({"url": "http://localhost:1/v1", "serve": {}}, "by `url` or by `serve`, not by both"),
        ({"url": "ftp://localhost:8000"}, "url must start with http"),
    ],
)
def test_a_model_is_served_in_one_way(tmp_path, endpoint, said):
    recipe = served()
    recipe["run"]["endpoints"]["own"] = endpoint

    with pytest.raises(RecipeError, match=said):
        build(recipe_from_data(recipe, tmp_path))


async def test_replicas_are_servers_of_their_own(tmp_path):
    starts = tmp_path / "starts"
    recipe = served([f"Question {i}?" for i in range(30)], starts=str(starts))
    recipe["run"]["endpoints"]["own"]["replicas"] = 2

    outcome = await run(recipe, tmp_path / "run")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 60
    assert len(starts.read_text().split()) == 2
    assert {path.stem for path in (tmp_path / "run" / "servers").glob("*.log")} == {"own-1", "own-2"}


async def test_a_replica_that_dies_is_started_again_beside_the_other(tmp_path):
    deaths, starts = tmp_path / "deaths", tmp_path / "starts"
    deaths.write_text("1")
    recipe = served([f"Question {i}?" for i in range(30)], starts=str(starts), deaths=str(deaths))
    recipe["run"]["endpoints"]["own"]["replicas"] = 2

    outcome = await run(recipe, tmp_path / "run")

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 60


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        ({"port": 8000}, "'port' is the run's own: it takes a free one"),
        ({"host": "0.0.0.0"}, "'host' is the run's own"),
        ({"served-model-name": "x"}, "'served_model_name' is the run's own"),
        ({"api_key": "secret"}, "'api_key' is the run's own"),
    ],
)
def test_what_the_run_decides_itself_is_no_flag(tmp_path, serve, said):
    with pytest.raises(RecipeError, match=said):
        build(recipe_from_data(served(**serve), tmp_path))


@pytest.mark.parametrize(
    ("flags", "is_another"),
    [
        ({"max_num_seqs": 8, "gpu_memory_utilization": 0.5, "tensor-parallel-size": 2}, False),
        ({"generation_config": "auto"}, True),
        ({"kv_cache_dtype": "fp8"}, True),
        ({"default_chat_template_kwargs": {"enable_thinking": False}}, True),
        ({"chat_template": "template.jinja"}, True),
    ],
)
def test_a_fingerprint_holds_every_flag_that_may_change_replies(tmp_path, monkeypatch, flags, is_another):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "template.jinja").write_text("a")

    def fingerprint(**flags) -> str:
        return fingerprint_of(Serve(**flags), "org/small", None, None)

    before = fingerprint(**flags)
    (tmp_path / "template.jinja").write_text("b")

    assert (before != fingerprint()) is is_another
    assert (before != fingerprint(**flags)) is ("chat_template" in flags)


def test_vllm_is_found_from_the_recipe_and_its_environment_is_not_stored(tmp_path):
    recipe = served(python="env/bin/python", env={"HF_TOKEN": "hf_secret", "LEVEL": 1})
    pipeline = build(recipe_from_data(recipe, tmp_path))

    serve = pipeline.models["own"].backend._serve()

    assert serve.python == str(tmp_path / "env" / "bin" / "python")
    assert environment(serve)["LEVEL"] == "1"
    assert "hf_secret" not in json.dumps(pipeline.resolved)
    assert Serve(command="'a b' serve").program() == ["a b", "serve"]
    assert devices_of(Serve(**{"tensor-parallel": 4})) == 4


async def test_a_death_while_an_adapter_is_loaded_is_a_death_like_any_other(tmp_path):
    starts, deaths = tmp_path / "starts", tmp_path / "deaths"
    deaths.write_text("1")
    write_weights(tmp_path / "weights", BASE)
    for name in ("config.json", "tokenizer.json", "chat_template.jinja"):
        (tmp_path / "weights" / name).write_text("{}")
    an_adapter(tmp_path)
    recipe = served(starts=str(starts), deaths=str(deaths), die_of_adapters=True)
    recipe["models"]["own"] |= {"name": "./weights", "adapter": "./adapter"}

    outcome = await run(recipe, tmp_path / "run", folder=tmp_path)

    assert outcome.complete, outcome.stopped
    assert outcome.manifest.yields.responses == 6
    assert len(starts.read_text().split()) == 2
    assert {server.model for server in outcome.manifest.served_by} == {adapter_name(tmp_path)}


def adapter_name(tmp_path: Path) -> str:
    return f"adapter-{folder_digest(tmp_path / 'adapter')[:12]}"


async def test_a_server_that_counts_no_tokens_never_counts_as_hung(tmp_path):
    starts = tmp_path / "starts"
    recipe = served(["SLOW 1", "SLOW 2"], n=1, starts=str(starts), hang_after=0.5, no_counters=True)

    outcome = await run(recipe, tmp_path / "run")

    assert outcome.complete, outcome.stopped
    assert len(starts.read_text().split()) == 1
