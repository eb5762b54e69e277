"""prefgen show records, prefgen show pairs (prefgen/cli/show_rows.py)"""

import asyncio
import json

import pyarrow.parquet as pq
import pytest

from tests.support.cli import prefgen as prefgen_process
from tests.support.cli import prefgen_here as prefgen
from tests.support.hub_rows import hub, on  # noqa: F401 - `hub` is a fixture
from tests.support.recipes import a_recipe, run

PROMPTS = tuple(f"How does the {thing} move?" for thing in ("Tide", "moon", "river", "wind", "glacier"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of five pairs."""
    folder = tmp_path_factory.mktemp("rows")
    asyncio.run(run(a_recipe(prompts=PROMPTS), folder / "run"))
    return folder


def pairs_of(folder):
    return pq.read_table(folder / "run" / "pairs").to_pylist()


def test_pairs_of_a_run_are_those_that_it_wrote(folder):
    shown = prefgen("show", "pairs", "run", "--json", cwd=folder).stdout

    assert [json.loads(line) for line in shown.splitlines()] == pairs_of(folder)


def test_pairs_of_a_file_in_any_form_are_shown_without_moving_the_cursor(tmp_path):
    rows = [
        {"instruction": "Hello\x1b[2J?", "winner": "Hi\x9b1;1H", "loser": "No"},
        {
            "instruction": "Bye?",
            "winner": "Bye",
            "loser": "-",
            "chosen_model": "a\x1b]0;b",
            "rejected_model": "c",
        },
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    columns = ("--columns", "chosen=winner", "--columns", "rejected=loser")
    shown = prefgen("show", "pairs", "mine.jsonl", *columns, cwd=tmp_path)

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == (
        "\nmine.jsonl:1\n  PROMPT user: Hello�[2J?\n  CHOSEN assistant: Hi�1;1H\n  REJECTED assistant: No\n"
        "\nmine.jsonl:2  a�]0;b over c\n  PROMPT user: Bye?\n  CHOSEN assistant: Bye\n"
        "  REJECTED assistant: -\n"
    )


@pytest.mark.parametrize("kind", ["mix", "release"])
def test_pairs_of_a_mix_and_of_a_releases_folder_are_shown_with_their_split(folder, tmp_path, kind):
    if kind == "mix":
        done = prefgen("mix", folder / "run", "--out", "made", cwd=tmp_path)
        made = tmp_path / "made"
    else:
        done = prefgen("publish", folder / "run", "--dry-run", "--repo", "acme/moves", cwd=tmp_path)
        [made] = {path.parents[2] for path in folder.glob("**/data/preferences/*.parquet")}
    assert done.returncode == 0, done.stderr

    shown = prefgen("show", "pairs", made, "--sample", "9", cwd=tmp_path).stdout
    train = prefgen("show", "pairs", made, "--split", "train", "--sample", "9", "--json", cwd=tmp_path).stdout

    ids = {row["id"][:12] for row in pairs_of(folder)}
    headings = [line for line in shown.splitlines() if line.strip() and not line.startswith(" ")]
    assert {line.split()[0] for line in headings} == ids
    assert len(train.splitlines()) == sum(line.endswith("split train") for line in headings)


def test_pairs_of_a_dataset_on_the_hub_are_shown(hub, tmp_path):
    shown = prefgen_process(
        "show", "pairs", "acme/pairs", "--split", "train", cwd=tmp_path, **on(hub, tmp_path)
    )

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("CHOSEN assistant: Good") == 4


def test_what_is_no_dataset_is_one_line(tmp_path):
    shown = prefgen("show", "pairs", "nowhere.jsonl", cwd=tmp_path)

    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith("prefgen: 'nowhere.jsonl' is no file")
    assert shown.stderr.count("\n") == 1
