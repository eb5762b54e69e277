"""One dataset of several: so much of each, prompts de-duplicated, a fresh split, sources and licenses carried
along. (prefgen/publish/mix.py)
"""

import pytest

from prefgen.cli.mix import command
from prefgen.dataset.open_pairs import open_pairs
from prefgen.errors import RecipeError
from prefgen.publish.mix import mix
from prefgen.publish.mix_draw import parse_part
from tests.support.cli import prefgen_here as prefgen
from tests.support.export import ROWS, dataset


def pairs(name, count, word):
    return [
        {
            "prompt": f"{word} {i} {word} {i * 7} how does it come about?",
            "chosen": f"{name} good {i}",
            "rejected": f"{name} bad {i}",
            "license": name,
        }
        for i in range(count)
    ]


def test_a_mix_takes_as_much_as_is_wanted_and_no_prompt_twice(tmp_path):
    one = dataset(tmp_path / "one.jsonl", pairs("A", 100, "rain"))
    two = dataset(tmp_path / "two.jsonl", [*pairs("B", 60, "snow"), *pairs("B", 40, "rain")])

    found = mix([parse_part(one), parse_part(f"{two}:80")], tmp_path / "out", test=0.2, seed=3)

    rows = [row for _, row in open_pairs(str(tmp_path / "out")).rows]
    prompts = [row["prompt"][0]["content"] for row in rows]
    assert len(prompts) == len(set(prompts)) == sum(found.counts.values())
    assert found.mixed_of[0].left == 100
    two_mixed = found.mixed_of[1]
    assert (two_mixed.wanted, two_mixed.elsewhere, two_mixed.taken) == (80, 40, 60)
    assert found.licenses == {"A": 100, "B": two_mixed.left}
    assert {row["split"] for row in rows} == {"train", "test"}
    assert prefgen("check", str(tmp_path / "out" / "data" / "preferences"), cwd=tmp_path).returncode == 0


def test_a_share_is_one_of_prompts_and_stays_when_others_are_added(tmp_path):
    for name, count in (("small", 50), ("large", 100)):
        (tmp_path / f"data-{name}").mkdir()
        part = dataset(tmp_path / f"data-{name}" / "a.jsonl", pairs("A", count, "rain"))
        mix([parse_part(f"{part}:0.5")], tmp_path / name, test=0, seed=0)

    few, many = (
        {row["prompt_id"] for _, row in open_pairs(str(tmp_path / name)).rows} for name in ("small", "large")
    )
    assert few < many
    assert 15 <= len(few) <= 35


def test_more_pairs_than_there_are_is_said(tmp_path):
    with pytest.raises(RecipeError, match="has 4 pairs, and 9 are wanted"):
        mix([parse_part(dataset(tmp_path / "a.jsonl", ROWS) + ":9")], tmp_path / "out", test=0, seed=0)


def test_parts_with_the_same_prompts_each_give_what_is_wanted_of_them(tmp_path):
    """`A:0.5 B:0.5` is about half of each, and 100 of B are 100 as long as they are not in the mix."""
    one, two = (dataset(tmp_path / f"{name}.jsonl", pairs(name, 200, "rain")) for name in "AB")

    halves = mix([parse_part(f"{one}:0.5"), parse_part(f"{two}:0.5")], tmp_path / "halves", test=0, seed=0)
    number = mix([parse_part(f"{one}:0.5"), parse_part(f"{two}:60")], tmp_path / "number", test=0, seed=0)

    assert all(80 <= part.left <= 120 for part in halves.mixed_of), halves.mixed_of
    assert halves.counts == {"train": sum(part.left for part in halves.mixed_of)}
    assert number.licenses == {"A": halves.mixed_of[0].left, "B": 60}


def test_the_same_seed_gives_the_same_bytes_and_another_other_pairs(tmp_path):
    one, two = (dataset(tmp_path / f"{name}.jsonl", pairs(name, 60, "rain")) for name in "AB")

    def files(name, seed):
        mix([parse_part(f"{one}:0.5"), parse_part(f"{two}:10")], tmp_path / name / "m", test=0.2, seed=seed)
        folder = tmp_path / name / "m"
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    assert files("a", 1) == files("b", 1)
    assert (
        files("c", 2)["data/preferences/train-00000-of-00001.parquet"]
        != (files("a", 1)["data/preferences/train-00000-of-00001.parquet"])
    )


def test_less_than_is_wanted_of_a_part_is_a_warning_that_says_why(tmp_path, capsys):
    dataset(tmp_path / "one.jsonl", pairs("A", 20, "rain"))
    dataset(tmp_path / "two.jsonl", pairs("B", 20, "rain"))

    command(["one.jsonl:15", "two.jsonl:9"], tmp_path / "out", test=0)

    said = capsys.readouterr()
    assert (
        "warning: two.jsonl gives 5 of the 9 pairs that are wanted of it: 15 of its 20 pairs are of prompts "
        "that parts before it gave" in said.err
    )
    assert "one.jsonl: 15 of its 20 pairs wanted; 15 pairs of 15 prompts are in it" in said.out
    assert "warning: one.jsonl" not in said.err


def test_a_mix_does_not_say_where_its_parts_stood(tmp_path):
    (tmp_path / "secret-place").mkdir()
    one = dataset(tmp_path / "secret-place" / "one.jsonl", pairs("A", 10, "rain"))

    found = mix([parse_part(one)], tmp_path / "out", test=0, seed=0)

    assert found.mixed_of[0].name == "one.jsonl"
    assert all(
        b"secret-place" not in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )


def test_one_source_twice_gives_each_pair_once(tmp_path):
    one = dataset(tmp_path / "one.jsonl", [*pairs("A", 10, "rain"), *pairs("A", 4, "rain")])

    found = mix([parse_part(one), parse_part(one)], tmp_path / "out", test=0, seed=0)

    assert found.counts == {"train": 10}
    assert [part.left for part in found.mixed_of] == [10, 0]


def test_a_mix_is_written_anew_and_nothing_else_is(tmp_path):
    one = dataset(tmp_path / "one.jsonl", pairs("A", 40, "rain"))
    mix([parse_part(one)], tmp_path / "out", test=0.5, seed=0)
    mix([parse_part(one)], tmp_path / "out", test=0, seed=0)

    assert {row["split"] for _, row in open_pairs(str(tmp_path / "out")).rows} == {"train"}
    assert prefgen("check", "out", cwd=tmp_path).returncode == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(RecipeError, match="is there already, and is no mix"):
        mix([parse_part(one)], tmp_path / "mine", test=0, seed=0)
    with pytest.raises(RecipeError, match="expected a dataset, found ''"):
        parse_part("")


def test_a_mix_that_fails_leaves_the_earlier_one(tmp_path):
    one = dataset(tmp_path / "one.jsonl", pairs("A", 10, "rain"))
    mix([parse_part(one)], tmp_path / "out", test=0, seed=0)

    with pytest.raises(RecipeError, match="11 are wanted"):
        mix([parse_part(f"{one}:11")], tmp_path / "out", test=0, seed=0)
    # a part may be what is written anew
    again = mix([parse_part(str(tmp_path / "out"))], tmp_path / "out", test=0, seed=0)

    assert again.counts == {"train": 10}
    assert len(list(open_pairs(str(tmp_path / "out")).rows)) == 10


def test_columns_of_other_names_are_mixed(tmp_path):
    rows = [
        {"prompt": row["prompt"], "winner_text": row["chosen"], "loser_text": row["rejected"]}
        for row in pairs("A", 20, "rain")
    ]
    path = dataset(tmp_path / "one.jsonl", rows)
    options = ("--columns", "chosen=winner_text", "--columns", "rejected=loser_text")

    done = prefgen("mix", path, "-o", "out", *options, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    mixed = [row["chosen"][0]["content"] for _, row in open_pairs(str(tmp_path / "out")).rows]
    assert set(mixed) <= {row["winner_text"] for row in rows} and len(mixed) > 10
