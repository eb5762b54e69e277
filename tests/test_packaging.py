"""The wheel holds the texts, and an installed prefgen finds them without a checkout."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from tests.support.paths import ROOT
from tests.support.recipes import a_recipe


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_text_that_the_checkout_has(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())

    for folder in ("prompts", "constitutions", "pipelines"):
        for path in (ROOT / folder).rglob("*.*"):
            assert f"prefgen/shipped/{path.relative_to(ROOT)}" in names


def test_an_installed_wheel_runs_without_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import prefgen, prefgen.kit.templates as t; assert 'site' in prefgen.__file__; "
        "print(prefgen.run(t.shipped('pipelines') / 'quickstart.yaml').manifest['yield']['pairs'])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
    )

    assert done.stdout.strip() == "12", done.stderr


def test_help_is_quick_to_import_and_imports_nothing_heavy():
    code = (
        "import sys, prefgen.cli; print([m for m in ('torch', 'datasets', 'pyarrow', 'openai', 'pydantic', "
        "'aiohttp') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_wheel_holds_the_templates_of_the_package_itself(wheel):
    assert "prefgen/report/report.html.j2" in zipfile.ZipFile(wheel).namelist()


JUDGE = '''
"""Prefer short replies."""

from prefgen import Score, judge


@judge("acme_brevity")
def brevity(responses, *, words: int = 30):
    shares = {r.id: 1 / (1 + len(r.text.split()) / words) for r in responses}
    return [Score(response_id=i, aspect="brevity", value=v, scale=(0, 1)) for i, v in shares.items()]
'''
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-judges"
version = "1.2"

[project.entry-points."prefgen.judges"]
acme_brevity = "acme_judges:brevity"

[tool.hatch.build.targets.wheel]
only-include = ["acme_judges.py"]
"""


def test_a_package_that_is_built_and_installed_brings_its_judge(tmp_path):
    """Found by its entry point, named in `show`, used by a recipe, and its version is part of the run's
    code.
    """
    package, site = tmp_path / "package", tmp_path / "site"
    package.mkdir()
    (package / "acme_judges.py").write_text(JUDGE)
    (package / "pyproject.toml").write_text(PROJECT)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(site),
        str(package),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"short": {"use": "acme_brevity", "words": 5}}}
    recipe["stages"][3] = {"pair": {"use": "best_vs_worst", "score": "short"}}
    recipe["models"]["writer"]["rules"][1]["say"] = ["Short.", "A longer answer, in more words."]
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}

    def prefgen(*words):
        return subprocess.run(
            [sys.executable, "-m", "prefgen", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    shown, done = prefgen("show", "judge", "acme_brevity"), prefgen("run", "r.json", "--json")

    assert "Prefer short replies." in shown.stdout
    assert "words: int (default 30)" in shown.stdout
    assert done.returncode == 0, done.stderr
    assert "acme-judges 1.2" in json.loads(done.stdout)["code_version"]
