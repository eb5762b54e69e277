"""Every command and every Python block of the README and the docs is executed."""

import asyncio
import importlib.util
import itertools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hub import WRITER, local_hub
from tests.support.paths import ROOT
from tests.support.server import as_simulated

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    ROOT / "CONTRIBUTING.md",
]
ELSEWHERE = {
    "make demo": "called by .ci/run",
    "make test": "is what runs this",
    "make check": "called by .ci/run",
    "make integration": "called by .ci/run",
    "make chaos": "called by .ci/run",
    "make vllm": "called by .ci/run",
    "python -m venv": "makes an environment for vLLM, as make vllm does",
    "vllm-env/bin/pip install vllm": "installs gigabytes; make vllm installs the build for processors",
    "make bench": "measured by hand: its numbers are in docs/bench.md",
    "pip install prefgen": "test_packaging installs the wheel",
    "make bench-prompts": "measured by hand, as above",
    "make bench-plan": "measured by hand, as above",
    "make bench-datasets": "measured by hand, beside a tree of the version before",
    "make bench-replicas": "measured by hand, as above",
    "make bench-vllm": "measured by hand, as above",
    "make bench-winrate": "needs a clone of AlpacaEval",
    "pip install prefgen[distilabel]": "the extra is installed by make integration",
    "pip install prefgen[train]": "the extra is installed by make integration",
    "make lab": "called by .ci/run",
    "prefgen plan batched.yaml": "tests/cli/test_batch.py, with a server of batches",
    "prefgen run batched.yaml": "needs a provider: tests/calls/test_batches.py has a server of batches",
    "prefgen status runs/batched": "as above",
    "prefgen run vllm.yaml --export-requests": "tests/cli/test_batch.py",
    "vllm run-batch": "tests/vllm has it",
    "prefgen journal import replies.jsonl": "tests/vllm has it",
    "vllm serve": "needs a GPU: a server of the tests answers in its place",
    "prefgen doctor": "needs a real server: tests/vllm/test_doctor_vllm.py looks at one",
    "export VLLM_URL=http://localhost:8000/v1": "the server of the tests stands there",
}
TORCH = ("prefgen train", "prefgen eval tasks")
"""What needs torch: `make integration` has it."""
BASE = "Qwen/Qwen3-0.6B"
"""The base that pages name. A folder of that name stands in for it, with a model of a few thousand
parameters.
"""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}(?: [\w./-]+)?\n(.*?)^```",
        page.read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )


def write_files(page: Path, folder: Path) -> None:
    """The files that a page shows: blocks whose first line names one, such as ```yaml mine.yaml"""
    text = page.read_text(encoding="utf-8")
    for name, content in re.findall(r"^```\w+ ([\w./-]+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        (folder / name).write_text(content, encoding="utf-8")


def commands(page: Path) -> list[str]:
    return [
        line[2:].split("  #")[0].strip()
        for block in blocks(page, "console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


@pytest.fixture
def checkout(tmp_path):
    """A folder that looks like a checkout: runs/ and new files stay out of the real one."""
    for name in ("pipelines", "prompts", "constitutions"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": "none"}


@pytest.fixture
def hub(checkout):
    """What pages publish to: a local Hub, whose token may write."""
    with local_hub({}) as running:
        yield {
            "HF_ENDPOINT": running.url,
            "HF_TOKEN": WRITER,
            "HF_HOME": str(checkout / "hf"),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
        }


@pytest.mark.parametrize(
    "page",
    [page if page.name == "README.md" else pytest.param(page, marks=pytest.mark.pages) for page in PAGES],
    ids=lambda p: str(p.relative_to(ROOT)),
)
async def test_every_command_of_a_page_works_in_its_order(page, checkout, hub, server):
    told = commands(page)
    server.script = as_simulated
    write_files(page, checkout)
    with_torch = importlib.util.find_spec("torch") is not None
    if with_torch and any(BASE in command for command in told):
        from tests.support.tiny import tiny_model

        tiny_model(checkout / BASE)
    for command in told:
        if command.startswith(TORCH) and not with_torch:
            continue
        if command in ELSEWHERE or any(command.startswith(f"{known} ") for known in ELSEWHERE):
            continue
        words = shlex.split(command)
        assert words[0] == "prefgen", (
            f"{page.name}: {command!r} is neither prefgen's nor explained in ELSEWHERE"
        )
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", *words],
            cwd=checkout,
            env=environment() | hub | {"VLLM_URL": server.url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{page.name}: {command}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_python_block_of_a_page_works(page, checkout):
    for code in blocks(page, "python"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=checkout,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{page.name}:\n{code}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_recipe_of_a_page_is_valid(page, tmp_path, monkeypatch):
    from prefgen.recipe.build import build
    from prefgen.recipe.curators import load_curators
    from prefgen.recipe.load import load_recipe
    from prefgen.trainers.settings import read_train_settings

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLLM_URL", "http://localhost:8000/v1")
    for name in ("seeds.jsonl", "prompts.jsonl"):
        (tmp_path / name).write_text('{"prompt": "Name a bird."}\n')
    write_files(page, tmp_path)
    for i, text in enumerate(blocks(page, "yaml")):
        if "use: distilabel" in text and importlib.util.find_spec("distilabel") is None:
            pytest.skip("needs prefgen[distilabel]; `make integration` has it")
        (tmp_path / f"{i}.yaml").write_text(text)
        if "compute_environment:" in text:
            continue  # accelerate's: tests/integration trains by them
        if text.startswith("curate:"):
            assert load_curators(tmp_path / f"{i}.yaml")
            continue
        if "stages:" not in text:  # settings of a training
            assert read_train_settings(tmp_path / f"{i}.yaml", {}).use
            continue
        assert build(load_recipe(tmp_path / f"{i}.yaml")).segments


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_lines_of_a_page_wrap_at_the_end_of_a_sentence(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for before, after in itertools.pairwise(text.splitlines()):
        is_prose = all(
            line.strip() and not re.match(r"\s*([-*#|>]|\d+\. )", line) for line in (before, after)
        )
        follows_item = re.match(r"\s*([-*]|\d+\.) ", before) and re.match(r"\s+\w", after)
        if is_prose or follows_item:
            assert re.search(r"[.!?:][)\"*_`\]]*$", before), before[-80:]


def test_the_architecture_names_only_files_that_exist():
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`((?:prefgen|tests|prompts|pipelines|constitutions)/[\w./]+)`", text))

    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_quickstart_prints_what_the_readme_shows(checkout):
    done = subprocess.run(
        [sys.executable, "-m", "prefgen", "run", "pipelines/quickstart.yaml"],
        cwd=checkout,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    for line in (
        "12 prompts: 12 pair; 48 responses, 12 pairs",
        "The dataset is in runs/quickstart: pairs/ for training, records/ for everything, report.html to "
        "look at.",
    ):
        assert line in done.stderr
        assert line in (ROOT / "README.md").read_text()
