"""report.html: what a run made and lost, what it cost, and some of its pairs, in one file that needs nothing
else. (prefgen/report/html.py)
"""

import subprocess
import sys
from html.parser import HTMLParser

import yaml

from prefgen.publish.release import publish
from prefgen.publish.settings import PublishSettings
from prefgen.report.html import BARS, histogram, write_report
from tests.support.recipes import a_recipe, run


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }}"


async def test_the_page_shows_the_run_and_runs_nothing_that_a_model_wrote(tmp_path):
    recipe = a_recipe(prompts=[f"Is {HOSTILE} number {i} safe?" for i in range(30)])
    recipe["models"]["writer"]["rules"][1]["say"] = [f"{HOSTILE} answer {i}" for i in range(40)]
    await run(recipe, tmp_path / "out")

    page = Page(write_report(tmp_path / "out").read_text())

    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "form", "a"}
    assert not [
        attrs
        for _, attrs in page.tags
        if any(name.startswith("on") or "//" in (value or "") for name, value in attrs.items())
    ]
    assert HOSTILE in page.text
    assert len([tag for tag, _ in page.tags if tag == "details"]) == 12
    assert "30prompts" in page.text.replace("\n", "")
    assert "wording of quality has not been measured" in page.text


async def test_a_run_without_pairs_has_a_page_too(tmp_path):
    recipe = a_recipe()
    recipe["stages"] = recipe["stages"][:2]
    await run(recipe, tmp_path / "out")

    page = Page(write_report(tmp_path / "out").read_text())

    assert "kept" in page.text
    assert "Some pairs" not in page.text


def test_every_value_is_in_one_bar():
    assert sum(bar.count for bar in histogram([0.0, 0.1, 0.5, 1.0, 1.0])) == 5
    assert len(histogram([0.0, 1.0])) == BARS
    assert [bar.count for bar in histogram([2.0, 2.0])] == [2]
    assert histogram([]) == []


async def test_who_wrote_is_shown_where_pairs_have_no_margin(tmp_path):
    recipe = a_recipe()
    recipe["models"]["other"] = {**recipe["models"]["writer"], "name": "other"}
    recipe["stages"] = [
        recipe["stages"][0],
        {"sample": {"use": "each", "model": ["writer", "other"], "n": 1}},
        {"pair": {"use": "fixed", "chosen": {"model": ["writer"]}, "rejected": {"model": "other"}}},
    ]
    outcome = await run(recipe, tmp_path / "out")

    assert outcome.manifest.yields.pairs == 3
    assert "Who wrote" in Page(write_report(tmp_path / "out").read_text()).text


def test_a_run_and_its_report_do_not_import_pandas(tmp_path):
    """That takes more than a tenth of a second at the end of every run."""
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(a_recipe(name="small")))
    code = (
        "import sys; from prefgen.cli import main; sys.argv = ['prefgen', 'run', 'recipe.yaml', '-q', '-y']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'pyarrow' in sys.modules and 'pandas' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "small" / "report.html").is_file()


async def test_both_orders_are_a_matrix_on_the_page_and_in_the_card(tmp_path):
    """A judge that always says A: whatever is shown first wins."""
    recipe = a_recipe(prompts=[f"Which river is number {i}?" for i in range(12)])
    recipe["models"]["grader"]["rules"] = [{"when": "", "say": "A"}]
    recipe["stages"][2:] = [
        {"judge": {"better": {"use": "pairwise", "model": "grader", "read": "votes", "votes": 1}}},
        {"pair": {"use": "best_vs_worst", "ties": "keep"}},
    ]

    outcome = await run(recipe, tmp_path / "out")
    settings = PublishSettings(repo="acme/rivers", test=0.2)
    release = publish(tmp_path / "out", settings, dry_run=True, say=lambda line: None)

    effect = outcome.manifest.order_effects["better"]
    assert (effect.pairs, effect.flipped) == (12, 12.0)
    assert effect.winners == (0, 0, 12, 0, 0, 0, 0, 0, 0)
    text = " ".join(Page(write_report(tmp_path / "out").read_text()).text.split())
    assert "Both orders: better" in text
    assert "it prefers the first place: 12 times an answer did better by being first, 0 times by" in text
    card = (release.folder / "README.md").read_text()
    assert "it prefers the first place" in card
    assert (
        "| | B first: A wins | tie | B wins |\n|---|---:|---:|---:|\n| A first: A wins | 0 | 0 | 12 |" in card
    )
