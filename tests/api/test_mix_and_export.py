"""`prefgen.mix(...)` and `prefgen.export(...)`. (prefgen/api/mix.py, prefgen/api/export.py)"""

import json
from pathlib import Path

import pytest

import prefgen
from prefgen.errors import RecipeError
from tests.support.cli import prefgen_here
from tests.support.export import ROWS, dataset, lines
from tests.support.recipes import a_recipe


def pairs(name, count, word):
    return [
        {
            "q": f"{word} {i} {word} {i * 7} how does it come about?",
            "chosen": f"{name} good {word} {i}",
            "rejected": f"{name} bad {word} {i}",
        }
        for i in range(count)
    ]


@pytest.fixture
def parts(tmp_path):
    one = dataset(tmp_path / "one.jsonl", pairs("A", 40, "rain"))
    return one, dataset(tmp_path / "two.jsonl", [*pairs("B", 20, "snow"), *pairs("B", 5, "rain")])


def rows_in(folder):
    return sorted(json.dumps(row, default=str) for row in prefgen.pairs(folder))


def test_a_mix_is_that_of_the_command_line(parts, tmp_path):
    one, two = parts
    (tmp_path / "curate.yaml").write_text("curate: [{use: limit, count: 30}]\n")
    said = []

    mixed = prefgen.mix(
        [f"{one}:0.9", (two, 24)], out=tmp_path / "python", test=0.2, seed=3, license="MIT",
        curate=[{"use": "limit", "count": 30}], columns={"prompt": "q"}, say=said.append,
    )  # fmt: skip

    done = prefgen_here(
        "mix", f"{one}:0.9", f"{two}:24", "-o", "line", "--test", "0.2", "--seed", "3", "--license", "MIT",
        "--curate", "curate.yaml", "--columns", "prompt=q", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert said == done.stderr.splitlines() and "warning: two.jsonl gives " in said[-1]
    *content, verdict = done.stdout.splitlines()
    assert str(mixed).splitlines() == [verdict.replace("line: ", f"{tmp_path / 'python'}: "), *content]
    assert verdict.startswith("line: train ") and "30 pairs" not in verdict
    assert rows_in(tmp_path / "python") == rows_in(tmp_path / "line") and len(rows_in(mixed)) == 30
    by_line = json.loads((tmp_path / "line" / "mix.json").read_text())
    assert {**mixed.manifest.as_json(), "name": "line"} == by_line


def test_a_mix_takes_results_and_is_taken_as_one(parts, tmp_path):
    recipe = a_recipe(prompts=[f"Why is number {i} odd?" for i in range(8)])
    result = prefgen.run(recipe, out=tmp_path / "run:1", journal=tmp_path / "j.sqlite")

    mixed = prefgen.mix([result, (parts[1], 1.0)], out=tmp_path / "mix", columns={"prompt": "q"}, test=0)
    half = prefgen.mix([(result, 0.5)], out=tmp_path / "half", test=0)

    assert mixed.manifest.counts == {"train": 33}
    assert 0 < half.manifest.counts["train"] < 8
    assert prefgen.check(mixed).rows == 33
    one = prefgen.mix(parts[0], out=tmp_path / "one", columns={"prompt": "q"}, test=0)
    release = prefgen.publish(one, dry_run=True, say=lambda line: None)
    assert release.counts["preferences"] == {"train": 40}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"parts": [("one.jsonl", 0.0)]}, "a share lies above 0"),
        ({"parts": [("one.jsonl", 0)]}, "a number of pairs is at least 1"),
        ({"curate": []}, "curate: expected `curate:` with a list of curators"),
        ({"curate": [{"use": "limitt"}]}, "limitt"),
        ({"allow": ["leek"]}, "'leek' is none of truncated, leak, format"),
        ({"on_bad_rows": "skip"}, "'skip' is neither fail nor drop"),
        ({}, "--columns prompt="),
    ],
)
def test_what_is_wrong_with_a_mix_is_said_and_nothing_is_written(parts, tmp_path, options, error):
    with pytest.raises(prefgen.RecipeError, match=error):
        prefgen.mix(**{"parts": list(parts), "out": tmp_path / "mix", **options})
    assert not (tmp_path / "mix").exists()


@pytest.mark.parametrize(("form", "end"), [("trl", "jsonl"), ("kto", "jsonl"), ("axolotl", "parquet")])
def test_an_export_is_that_of_the_command_line(tmp_path, form, end):
    dataset(tmp_path / "mine.jsonl", [*ROWS, {**ROWS[0], "chosen": ROWS[0]["rejected"]}])
    said = []

    written = prefgen.export(
        tmp_path / "mine.jsonl", to=form, out=tmp_path / f"p.{end}", on_bad_rows="drop", say=said.append
    )

    words = ("export", tmp_path / "mine.jsonl", "--to", form, "-o", tmp_path / f"l.{end}")
    done = prefgen_here(*words, "--on-bad-rows", "drop", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"p.{end}").read_bytes() == (tmp_path / f"l.{end}").read_bytes()
    assert [line.replace(f"p.{end}", f"l.{end}") for line in said] == done.stderr.splitlines()
    assert f"{written}\n".replace(f"p.{end}", f"l.{end}") == done.stdout
    assert written.bad_rows == 1 and "1 row was left out" in said[-1]
    as_json = json.loads(prefgen_here(*words, "--on-bad-rows", "drop", "--json", cwd=tmp_path).stdout)
    assert {**written.as_json(), "path": as_json["path"]} == as_json


def test_an_export_takes_names_of_columns_and_says_what_is_wrong(parts, tmp_path):
    written = prefgen.export(parts[0], to="trl", out=tmp_path / "o.jsonl", columns={"prompt": "q"})

    assert len(lines(tmp_path / "o.jsonl")) == written.rows == 40
    with pytest.raises(prefgen.RecipeError, match="there is no form 'trll'"):
        prefgen.export(parts[0], to="trll", out=tmp_path / "n.jsonl", columns={"prompt": "q"})
    with pytest.raises(prefgen.RecipeError, match="no row is of rule 'best'"):
        prefgen.export(parts[0], to="trl", out=tmp_path / "n.jsonl", columns={"prompt": "q"}, rule="best")
    assert not (tmp_path / "n.jsonl").exists()


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A run of simulated models in `run`, its release, and a mix of which it is a part."""
    folder = tmp_path_factory.mktemp("simulated")
    recipe = a_recipe(prompts=[f"Why is number {i} odd?" for i in range(6)])
    recipe["models"]["writer"] = {"use": "simulated", "temperature": 1.0}
    run = prefgen.run(recipe, out=folder / "run", journal=folder / "j.sqlite")
    prefgen.publish(run, dry_run=True, say=lambda line: None)
    other = dataset(folder / "other.jsonl", ROWS)
    prefgen.mix([run, other], out=folder / "mix", test=0, say=lambda line: None)
    return folder


@pytest.mark.parametrize("form", ["trl", "kto", "openrlhf"])
@pytest.mark.parametrize("what", ["run", "run/release", "mix"])
def test_an_export_says_that_its_pairs_are_simulated(simulated, tmp_path, what, form):
    said = []

    written = prefgen.export(simulated / what, to=form, out=tmp_path / "p.jsonl", say=said.append)

    warning = (
        f"warning: the rows are SIMULATED, for trying out only, and {form} has no column that says so: "
        "whoever gets the file must be told"
    )
    assert written.simulated and said.count(warning) == 1
    words = ("export", simulated / what, "--to", form, "-o", "q.jsonl")
    assert warning in prefgen_here(*words, cwd=tmp_path).stderr.splitlines()
    assert json.loads(prefgen_here(*words, "--json", cwd=tmp_path).stdout)["simulated"] is True


def test_an_export_of_what_is_not_simulated_says_nothing_of_it(simulated, tmp_path):
    said = []

    written = prefgen.export(simulated / "other.jsonl", to="trl", out=tmp_path / "p.jsonl", say=said.append)

    assert (written.simulated, written.as_json()["simulated"], said) == (False, False, [])


def test_an_export_replaces_an_export_and_nothing_else(tmp_path):
    source = dataset(tmp_path / "own.jsonl", ROWS)
    out = tmp_path / "out.jsonl"
    prefgen.export(source, to="trl", out=out)
    first = out.read_bytes()
    prefgen.export(source, to="kto", out=out)
    prefgen.export(source, to="trl", out=out)
    kept = {}
    for name, text in (
        ("prompts.jsonl", '{"prompt": "Why?", "topic": "rain"}\n'),
        ("notes.jsonl", "important\n"),
        ("pairs.jsonl", '{"prompt": "Why?", "chosen": "So.", "rejected": "No.", "topic": "rain"}\n'),
        ("table.csv", "a,b\n1,2\n"),
    ):
        kept[tmp_path / name] = text
        (tmp_path / name).write_text(text)
        with pytest.raises(RecipeError, match=f"{name} is there already, and (holds no rows|no export)"):
            prefgen.export(source, to="trl", out=tmp_path / name)
    before = Path(source).read_bytes()
    for what in (source, tmp_path):
        with pytest.raises(RecipeError, match="own.jsonl is a part of what is to be exported"):
            prefgen.export(what, to="trl", out=source)

    assert out.read_bytes() == first and Path(source).read_bytes() == before
    assert {path: path.read_text() for path in kept} == kept
