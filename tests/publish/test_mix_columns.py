"""Columns of one's own that a mix carries along, and that are found in it. (prefgen/dataset/provenance.py,
prefgen/publish/mix.py, prefgen/api/choose_rows.py)
"""

import json
import shlex

import pytest

import prefgen
from prefgen.dataset.mix_manifest import read_mix_manifest
from prefgen.publish.mix_release import mix_values
from tests.support.cli import prefgen_here
from tests.support.export import dataset, lines
from tests.support.recipes import a_recipe


def rows(word, count, **own):
    return [
        {
            "prompt": f"{word} {i} {i * 7} how does it come about?",
            "chosen": f"good {i}",
            "rejected": f"bad {i}",
            **{name: value(i) for name, value in own.items()},
        }
        for i in range(count)
    ]


@pytest.fixture
def parts(tmp_path):
    law = rows("rain", 12, topic=lambda i: "law" if i % 3 else "", **{"how sure": lambda i: i / 10})
    return dataset(tmp_path / "one.jsonl", law), dataset(tmp_path / "two.jsonl", rows("snow", 8))


def mixed(parts, out, **options):
    return prefgen.mix(parts, out=out, say=lambda said: None, **{"test": 0.2, "seed": 3, **options})


def chosen_in(pairs):
    return [row["chosen"][0]["content"] for row in pairs]


def columns_by_prompt(folder):
    lineages = {row["prompt"][0]["content"]: row["lineage"] for row in prefgen.pairs(folder)}
    return {prompt: json.loads(lineage)["columns"] for prompt, lineage in lineages.items() if lineage}


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_columns_are_carried_into_the_lineage_of_the_pairs_that_have_them(parts, tmp_path):
    mix = mixed(parts, tmp_path / "mix", keep_columns=["topic", "how sure"])

    given = {row["prompt"]: row for row in lines(tmp_path / "one.jsonl")}
    expected = {
        prompt: {name: row[name] for name in ("topic", "how sure") if row[name] != ""}
        for prompt, row in given.items()
    }
    kept = columns_by_prompt(mix)
    assert kept == {prompt: columns for prompt, columns in expected.items() if prompt in kept}
    assert len(kept) == mix.manifest.mixed_of[0].left > 6
    assert prefgen.check(mix, max_repeated_chosen=1).passed
    assert read_mix_manifest(tmp_path / "mix").keep_columns == ("topic", "how sure")


def test_without_the_option_nothing_is_carried_and_with_it_the_same_pairs_are_drawn(parts, tmp_path):
    plain, kept = (
        mixed([f"{parts[0]}:0.5", parts[1]], tmp_path / name / "mix", keep_columns=names)
        for name, names in (("plain", ()), ("kept", "topic"))
    )

    assert "keep_columns" not in json.loads((tmp_path / "plain" / "mix" / "mix.json").read_text())
    assert columns_by_prompt(plain) == {} and columns_by_prompt(kept)
    drawn = [[{**row, "lineage": None} for row in prefgen.pairs(mix)] for mix in (plain, kept)]
    assert drawn[0] == drawn[1]


def test_the_command_does_the_same_and_the_card_says_it(parts, tmp_path):
    mixed(parts, tmp_path / "python", keep_columns=["topic", "how sure"])

    words = ("--keep-columns", "topic", "--keep-columns", "how sure", "--test", "0.2", "--seed", "3")
    done = prefgen_here("mix", "one.jsonl", "two.jsonl", "-o", "line", *words, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    by_command = files_of(tmp_path / "line" / "data")
    assert by_command and by_command == files_of(tmp_path / "python" / "data")
    again = shlex.split(mix_values(read_mix_manifest(tmp_path / "line"))["command"])
    done = prefgen_here(*again[1:-1], "again", cwd=tmp_path)
    assert files_of(tmp_path / "again" / "data") == by_command, done.stderr


def test_a_mix_of_a_mix_and_of_a_run_keeps_what_these_carry(parts, tmp_path):
    inner = mixed(parts[0], tmp_path / "inner", keep_columns="topic", test=0)
    recipe = a_recipe()
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "Why?", "id": "q1", "level": 4}\n')
    path = str(tmp_path / "prompts.jsonl")
    recipe["stages"][0] = {"prompts": {"use": "file", "path": path, "keep_columns": ["level"]}}
    run = prefgen.run(recipe, out=tmp_path / "run", journal=tmp_path / "j.sqlite")

    outer = mixed([inner, run], tmp_path / "outer", keep_columns=["topic", "level", "rule"], test=0)

    kept = columns_by_prompt(outer)
    assert kept["Why?"] == {"level": 4, "rule": "best_vs_worst"}
    of_inner = columns_by_prompt(inner)
    assert len(of_inner) == 8
    assert of_inner == {prompt: {"topic": kept[prompt]["topic"]} for prompt in of_inner}
    [lineage] = [row["lineage"] for row in prefgen.pairs(outer, where="level=4")]
    assert json.loads(lineage)["id"] == "q1"


def test_a_column_that_a_form_uses_up_is_carried(tmp_path):
    row = {"prompt": "Why?", "response_0": "good", "response_1": "bad", "better_response_id": 0}
    file = dataset(tmp_path / "pku.jsonl", [row])

    mix = mixed(file, tmp_path / "mix", keep_columns="better_response_id", test=0)

    assert columns_by_prompt(mix) == {"Why?": {"better_response_id": 0}}


def test_a_name_that_no_part_has_is_one_line_and_nothing_is_written(parts, tmp_path):
    done = prefgen_here(
        "mix", "one.jsonl", "two.jsonl", "-o", "mix", "--keep-columns", "topic", "--keep-columns", "topik",
        cwd=tmp_path,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "prefgen: one.jsonl and two.jsonl: keep_columns: no row has a column 'topik' (there are prompt, "
        "chosen, rejected, topic, how sure). Did you mean 'topic'?\n"
    )
    assert not (tmp_path / "mix").exists()


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"lineage": "by hand"}, "lineage is no object that columns can be put into"),
        ({"lineage": {"columns": {"topic": "tax"}}}, "topic is .*law.*, and .*tax.* in the lineage"),
    ],
)
def test_a_lineage_that_would_be_lost_makes_its_row_bad(tmp_path, own, reason):
    first, second = rows("rain", 2, topic=lambda i: "law")
    file = dataset(tmp_path / "mine.jsonl", [first, {**second, **own}])

    with pytest.raises(prefgen.RecipeError, match=f"mine.jsonl:2: keep_columns: {reason}"):
        mixed(file, tmp_path / "mix", keep_columns="topic", test=0)

    mix = mixed(file, tmp_path / "mix", keep_columns="topic", test=0, on_bad_rows="drop")
    assert columns_by_prompt(mix) == {first["prompt"]: {"topic": "law"}}
    plain = mixed(file, tmp_path / "plain", test=0)
    assert plain.manifest.counts == {"train": 2}


def test_where_finds_what_is_carried_in_pairs_and_records(parts, tmp_path):
    mix = mixed(parts, tmp_path / "mix", keep_columns=["topic", "how sure"], test=0)

    of_law = prefgen.pairs(mix, where="topic=law")
    assert set(chosen_in(of_law)) == {f"good {i}" for i in range(12) if i % 3}
    both = prefgen.pairs(mix, where=["topic~LAW", "how sure>=1"])
    assert chosen_in(both) == ["good 10", "good 11"]
    shown = prefgen_here(
        "show", "pairs", "mix", "--where", "how sure<0.2", "--where", "prompt~rain", "--json", cwd=tmp_path
    )
    assert chosen_in(map(json.loads, shown.stdout.splitlines())) == ["good 0", "good 1"]
    with pytest.raises(prefgen.RecipeError, match="there is no field 'topik'; known: .*topic"):
        prefgen.pairs(mix, where="topik=law")


def test_where_finds_them_in_a_run_and_a_rows_own_field_goes_first(tmp_path):
    prompts = [{"prompt": f"Why {i}?", "level": i, "margin": "none", "kind": "odd"} for i in range(4)]
    path = dataset(tmp_path / "prompts.jsonl", prompts)
    recipe = a_recipe()
    names = ["level", "margin", "kind"]
    recipe["stages"][0] = {"prompts": {"use": "file", "path": path, "keep_columns": names}}
    run = prefgen.run(recipe, out=tmp_path / "run", journal=tmp_path / "j.sqlite")

    [pair] = prefgen.pairs(run, where=["level=3", "kind=odd"])
    assert pair["prompt"][0]["content"] == "Why 3?"
    assert len(prefgen.pairs(run, where="margin>0")) == 4
    shown = prefgen_here("show", "records", "run", "--where", "level=3", "--json", cwd=tmp_path)
    [record] = map(json.loads, shown.stdout.splitlines())
    assert record["prompt"]["messages"][0]["content"] == "Why 3?"
