"""What `prefgen.` offers. (prefgen/__init__.py)"""

import subprocess
import sys

import pytest

import prefgen


def test_dir_gives_the_public_names_and_each_is_there():
    assert dir(prefgen) == sorted(prefgen.__all__)
    assert set(prefgen.__all__) - {"__version__", "publish"} == set(prefgen._HOME_OF)
    assert all(getattr(prefgen, name) is not None for name in dir(prefgen))


def test_dir_imports_nothing():
    code = "import sys, prefgen; before = set(sys.modules); dir(prefgen); print(set(sys.modules) - before)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "set()"


def test_publish_can_be_called_whatever_of_its_package_was_imported(tmp_path):
    import prefgen.publish.release

    with pytest.raises(prefgen.RecipeError, match="is no run: it holds no manifest.json"):
        prefgen.publish(tmp_path, dry_run=True)
    assert prefgen.publish.release.publish is not None
