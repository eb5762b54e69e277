"""The wheel holds the texts, and an installed prefgen finds them without a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)], check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_text_that_the_checkout_has(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())

    for folder in ("prompts", "constitutions", "pipelines"):
        for path in (ROOT / folder).rglob("*.*"):
            assert f"prefgen/shipped/{path.relative_to(ROOT)}" in names


def test_an_installed_wheel_runs_without_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import prefgen, prefgen.templates as t; assert 'site' in prefgen.__file__; print(prefgen.run(t.shipped('pipelines') / 'quickstart.yaml').manifest['yield']['pairs'])"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""}, capture_output=True, text=True
    )

    assert done.stdout.strip() == "12", done.stderr


def test_help_is_quick_to_import_and_imports_nothing_heavy():
    code = (
        "import sys, prefgen.cli; print([m for m in ('torch', 'datasets', 'pyarrow', 'openai', 'pydantic', 'aiohttp') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
