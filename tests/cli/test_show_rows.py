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


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"prompt": "Q", "chosen": "x"}, "expected chosen and rejected"),
        ({"prompt": "Q", "chosen": "x", "rejected": "y", "labels": 0}, "labels is int '0' beside chosen"),
        ({"prompt": [{"role": "nobody", "content": "Q"}], "chosen": "x", "rejected": "y"}, "unknown role"),
    ],
)
def test_a_row_that_is_no_pair_is_said_behind_those_that_are(bad, reason, tmp_path):
    good = [{"prompt": f"Q{i}", "chosen": "x", "rejected": "y"} for i in range(2)]
    rows = [good[0], bad, good[1], bad]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    shown = prefgen("show", "pairs", "mine.jsonl", cwd=tmp_path)

    assert [line for line in shown.stdout.splitlines() if "PROMPT" in line] == [
        "  PROMPT user: Q0", "  PROMPT user: Q1"
    ]  # fmt: skip
    assert "2 rows are no pairs: mine.jsonl:2: " in shown.stderr
    assert reason in shown.stderr
    assert shown.returncode == 2
    asked = prefgen("show", "pairs", "mine.jsonl", "--where", "prompt~Q1", cwd=tmp_path)
    assert asked.stdout.count("PROMPT") == 1
    assert asked.returncode == 2


def test_long_numbers_are_shown_as_short_as_people_read_them(tmp_path):
    row = {"prompt": "Why?", "chosen": "Since.", "rejected": "No.", "margin": 0.30000000000000004}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))

    shown = prefgen("show", "pairs", "a.jsonl", cwd=tmp_path).stdout

    assert "margin 0.3\n" in shown


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


def test_an_id_or_its_beginning_shows_the_pair_the_prompts_pairs_and_the_record(folder):
    row = pairs_of(folder)[2]

    by_pair, by_prompt = (
        json.loads(prefgen("show", "pairs", "run", beginning, "--json", cwd=folder).stdout)
        for beginning in (row["id"][:12], row["prompt_id"])
    )
    records = [
        json.loads(prefgen("show", "records", "run", beginning, "--json", cwd=folder).stdout)
        for beginning in (row["id"][:12], row["prompt_id"][:12])
    ]

    assert by_pair == by_prompt == row
    assert [record["prompt"]["id"] for record in records] == [row["prompt_id"]] * 2


NAMES = ("p1", "p1b\x1b", "q")


def test_the_beginning_of_several_ids_lists_them_and_that_of_none_is_one_line(tmp_path):
    rows = [
        {"id": name, "prompt": f"{name}?", "chosen": "a", "rejected": "b"} for name in ("p1", "p1b\x1b", "q")
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    several, none, exact, one = (
        prefgen("show", "pairs", "mine.jsonl", beginning, cwd=tmp_path)
        for beginning in ("p", "x", "p1", "p1b")
    )

    assert (several.returncode, several.stdout) == (2, "")
    assert several.stderr == "prefgen: 2 ids begin with 'p': p1, p1b�\n"
    assert (none.returncode, none.stderr) == (2, "prefgen: no id there begins with 'x'\n")
    assert "PROMPT user: p1?" in exact.stdout
    assert exact.stdout.count("PROMPT") == one.stdout.count("PROMPT") == 1
    assert "p1b" in one.stdout


def test_a_pair_without_an_id_is_found_by_the_place_that_is_shown(tmp_path):
    rows = [{"prompt": f"{n}?", "chosen": "a" * 2000, "rejected": "b"} for n in range(12)]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    shown = prefgen("show", "pairs", "mine.jsonl", "mine.jsonl:1", cwd=tmp_path).stdout

    assert shown.count("PROMPT") == 1
    assert "a" * 2000 in shown  # asked for by its id, it is shown whole


def fitting(folder, command, *conditions):
    words = [word for condition in conditions for word in ("--where", condition)]
    shown = prefgen("show", command, "run", *words, "--sample", "99", "--json", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    return {row["prompt"][0]["content"] if command == "pairs" else row["prompt"]["messages"][0]["content"]
            for row in rows}  # fmt: skip


@pytest.mark.parametrize("command", ["pairs", "records"])
def test_where_finds_text_whatever_its_case(folder, command):
    assert fitting(folder, command, "prompt~tIDE") == {PROMPTS[0]}
    assert fitting(folder, command, "prompt~the ", "prompt~'river'") == {PROMPTS[2]}
    assert len(fitting(folder, command, "margin>=3")) == len(PROMPTS)


async def test_where_knows_models_by_the_recipes_name_and_by_that_in_rows(tmp_path):
    recipe = a_recipe(prompts=[f"Number {n}?" for n in range(12)], n=1)
    recipe["models"]["writer"]["name"] = "w"
    recipe["models"]["small"] = {"use": "scripted", "name": "s-1", "rules": [{"when": "", "say": ["Short."]}]}
    recipe["stages"].insert(2, {"sample": {"use": "each", "model": "small", "n": 1}})
    await run(recipe, tmp_path / "run")
    pairs = pq.read_table(tmp_path / "run" / "pairs").to_pylist()

    for theirs, ours in (("w", "writer"), ("s-1", "small")):
        expected = {row["prompt"][0]["content"] for row in pairs if row["chosen_model"] == theirs}
        assert fitting(tmp_path, "pairs", f"chosen_model={ours}") == expected
        assert fitting(tmp_path, "pairs", f"chosen_model={theirs}") == expected
    assert {row["chosen_model"] for row in pairs} == {"w", "s-1"}
    assert len(fitting(tmp_path, "records", "model=small", "model=writer", "judge=quality")) == 12
    assert fitting(tmp_path, "records", "model!=small") == set()


@pytest.mark.parametrize("command", ["pairs", "records"])
def test_where_nothing_fits_a_line_says_so_and_a_field_that_is_not_there_is_an_error(folder, command):
    nothing = prefgen("show", command, "run", "--where", "margin>9", "--where", "prompt~tide", cwd=folder)
    mistyped = prefgen("show", command, "run", "--where", "margn>9", cwd=folder)
    unread = prefgen("show", command, "run", "--where", "margin", cwd=folder)

    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr == f"none of 5 {command} in run fits margin>9 and prompt~tide\n"
    assert mistyped.returncode == unread.returncode == 2
    assert mistyped.stderr.startswith("prefgen: --where: there is no field 'margn'; known: ")
    assert unread.stderr.startswith("prefgen: --where wants FIELD<VALUE")


def test_where_reads_a_text_of_digits_and_a_truth_as_such(tmp_path):
    rows = [
        {"prompt": "One?", "chosen": "a", "rejected": "b", "batch": "12", "kept": True},
        {"prompt": "Two?", "chosen": "a", "rejected": "b", "batch": 12},
        {"prompt": "Three?", "chosen": "a", "rejected": "b", "batch": 7, "kept": False},
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def found(condition):
        shown = prefgen("show", "pairs", "mine.jsonl", "--json", "--where", condition, cwd=tmp_path).stdout
        return [json.loads(line)["prompt"] for line in shown.splitlines()]

    assert found("batch=12") == ["One?", "Two?"]
    assert found("batch!=12") == ["Three?"]
    assert found("kept=true") == ["One?"]
