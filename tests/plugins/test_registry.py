"""Finding plug-ins. Nothing imports a plug-in by name: it is found by its file's name, on first use.
(prefgen/plugins/registry.py)
"""

import json
from pathlib import Path

import pytest

from prefgen.errors import RecipeError
from prefgen.plugins.registry import find, list_plugin_names
from tests.support.cli import prefgen
from tests.support.recipes import a_recipe


def test_an_unknown_name_points_to_the_nearest():
    with pytest.raises(RecipeError, match="'dedup'.*'dedupe'"):
        find("curator", "dedup", Path())


def test_an_installed_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    import importlib
    import sys

    site = tmp_path / "site"
    (site / "acme_judges-1.0.dist-info").mkdir(parents=True)
    (site / "acme_judges-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: acme-judges\nVersion: 1.0\n"
    )
    (site / "acme_judges-1.0.dist-info" / "entry_points.txt").write_text(
        "[prefgen.judges]\nacme = acme_judges:Acme\n"
    )
    (site / "acme_judges.py").write_text(
        "from prefgen import Plugin, judge\n\n@judge('acme')\nclass Acme(Plugin):\n    async def "
        "judge(self, prompt, responses, ask):\n        return []\n"
    )
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()

    assert "acme" in list_plugin_names("judge")
    assert find("judge", "acme", Path()).__module__ == "acme_judges"
    del sys.modules["acme_judges"]


def test_a_file_beside_the_recipe_may_import_its_neighbour(tmp_path):
    (tmp_path / "words.py").write_text("BEST = 5.0\n")
    (tmp_path / "mine.py").write_text(
        "from prefgen import Plugin, Score, judge\nfrom words import BEST\n\n@judge('mine')\nclass "
        "Mine(Plugin):\n"
        "    def judge(self, prompt, responses, ask):\n"
        "        return [Score(response_id=r.id, aspect='a', value=BEST - i, scale=(1, 5)) for i, r in "
        "enumerate(responses)]\n"
    )
    recipe = a_recipe()
    recipe["stages"][2] = {"judge": {"quality": {"use": "./mine.py:Mine"}}}
    (tmp_path / "r.json").write_text(json.dumps(recipe))

    result = prefgen("run", "r.json", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert "3 pair" in result.stderr
