"""Pairs that somebody else made, curated and published. (prefgen/publish/mix_curate.py,
prefgen/recipe/curators.py)
"""

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from prefgen.dataset.mix_manifest import read_mix_manifest
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.read_run import read_dropped
from prefgen.errors import RecipeError
from prefgen.publish.mix import mix
from prefgen.publish.mix_draw import parse_part
from prefgen.recipe.curators import load_curators
from tests.support.cli import prefgen, prefgen_here
from tests.support.export import dataset
from tests.support.publishing import made

REFUSAL = "I cannot help with that."


def rows(count, refused=0):
    """Pairs of prompts that differ; the first `refused` have one chosen answer, later ones by more."""
    return [
        {
            "id": f"row-{i:03}",
            "prompt": f"{['rain', 'snow', 'hail', 'mist', 'fog'][i % 5]} {i} {i * 7} how does it come about?",
            "chosen": REFUSAL if i < refused else f"It is so for reason {i}.",
            "rejected": f"Nobody knows {i}.",
            "margin": 1.0 + i,
            "source": "forum" if i % 2 else "mail",
        }
        for i in range(count)
    ]


def curators(folder, *entries, **other) -> Path:
    path = folder / "curators.yaml"
    path.write_text(yaml.safe_dump({"curate": list(entries), **other}))
    return path


def curated(folder, file, *entries, test=0.2, **options):
    listed = load_curators(curators(folder, *entries))
    return mix([parse_part(file)], folder / "mine", test=test, seed=3, curators=listed, **options)


def ids(folder) -> list[str]:
    return sorted(row["id"] for _, row in open_pairs(str(folder)).rows)


def test_curators_of_pairs_work_on_pairs_that_are_there_already(tmp_path):
    file = dataset(tmp_path / "mine.jsonl", rows(60, refused=20))

    manifest = curated(tmp_path, file, {"use": "repeated_answers", "share": 0.1})

    # the greatest number of refusals that is at most a tenth of what is left, those furthest ahead
    stays = max(n for n in range(1, 21) if n <= 0.1 * (40 + n))
    went = [f"row-{i:03}" for i in range(20 - stays)]
    drops = list(read_dropped(tmp_path / "mine"))
    assert sorted(drop["id"] for drop in drops) == went
    assert {drop["neighbour"] for drop in drops} == {"row-019"}
    assert {(drop["curator"], drop["rows"]) for drop in drops} == {("repeated_answers", "pairs")}
    [part] = manifest.mixed_of
    assert (part.taken, part.curated) == (60, len(went))
    assert part.taken - part.curated == part.left + manifest.between_splits
    assert not {*ids(tmp_path / "mine")} & {*went}
    assert manifest.yields.dropped_by_curators == {
        "pairs: repeated_answers: chosen answer repeated": len(went)
    }
    assert read_mix_manifest(tmp_path / "mine") == manifest


def test_a_prompt_that_goes_takes_all_its_pairs_with_it(tmp_path):
    twice = [{**row, "id": row["id"] + "b", "rejected": "Who cares?"} for row in rows(10)]
    file = dataset(tmp_path / "mine.jsonl", [*rows(10), *twice])

    manifest = curated(tmp_path, file, {"use": "balance", "by": "source", "quotas": {"mail": 2}}, test=0)

    left = [row for _, row in open_pairs(str(tmp_path / "mine")).rows]
    assert Counter(row["source"] for row in left) == {"forum": 10, "mail": 4}
    assert manifest.mixed_of[0].curated == 6
    assert {drop["rows"] for drop in read_dropped(tmp_path / "mine")} == {"prompts"}


def test_curators_follow_each_other_and_are_those_of_the_whole_mix(tmp_path):
    one = dataset(tmp_path / "one.jsonl", rows(10))
    other = [
        {**row, "id": f"x{i}", "prompt": f"Tell me of thing {i} and {i * i}"}
        for i, row in enumerate(rows(10))
    ]
    two = dataset(tmp_path / "two.jsonl", other)
    listed = load_curators(curators(tmp_path, {"use": "limit", "count": 12}, {"use": "limit", "count": 11}))

    manifest = mix([parse_part(one), parse_part(two)], tmp_path / "mine", test=0, seed=0, curators=listed)

    assert [(part.curated, part.left) for part in manifest.mixed_of] == [(0, 10), (9, 1)]
    assert manifest.yields.dropped_by_curators == {
        "prompts: limit: over the limit of 11": 1,
        "prompts: limit: over the limit of 12": 8,
    }


CODE = """
from dataclasses import replace
import prefgen, pyarrow as pa

@prefgen.curator("sure")
class Sure(prefgen.Plugin):
    operates_on = "pairs"
    def curate(self, rows):
        column = pa.array([0.9] * rows.rows.num_rows, pa.float64())
        place = rows.rows.schema.get_field_index("chosen_probability")
        return replace(rows, rows=rows.rows.set_column(place, "chosen_probability", column))

@prefgen.curator("louder")
class Louder(prefgen.Plugin):
    def rewrite(self, prompt):
        return prefgen.Prompt.of(prompt.text.upper())
    def curate(self, rows):
        return rows

@prefgen.curator("asking")
class Asking(prefgen.Plugin):
    model: str
    def curate(self, rows):
        return rows
"""


def test_a_curator_may_set_a_probability(tmp_path):
    (tmp_path / "own.py").write_text(CODE)
    file = dataset(tmp_path / "mine.jsonl", rows(5))

    curated(tmp_path, file, {"use": "./own.py:Sure"}, test=0)

    assert {row["chosen_probability"] for _, row in open_pairs(str(tmp_path / "mine")).rows} == {0.9}
    assert list(read_dropped(tmp_path / "mine")) == []


@pytest.mark.parametrize(
    ("entries", "other", "says"),
    [
        ([{"use": "limit", "cuont": 1}], {}, r"yaml:\d+:\d+: unknown key 'cuont'. Did you mean 'count'"),
        (
            [{"use": "limt", "count": 1}],
            {},
            r"yaml:\d+:\d+: there is no curator 'limt'. Did you mean 'limit'",
        ),
        ([{"use": "limit", "count": 1}], {"stages": []}, r"yaml:\d+:1: unknown key 'stages'"),
        ([], {}, "expected `curate:` with a list of curators"),
        (
            [{"use": "./own.py:Asking", "model": "m"}],
            {},
            r"yaml:\d+:\d+: 'asking' asks a model, and here nobody",
        ),
        ([{"use": "rated", "model": "m", "least": 3}], {}, "'rated' asks a model"),
        ([{"use": "./own.py:Louder"}], {}, "Louder rewrites prompts"),
        (
            [{"use": "./own.py:Sure"}, {"use": "limit", "count": 0}],
            {},
            r"count: .* greater than or equal to 1",
        ),
    ],
)
def test_what_a_mix_cannot_curate_with_is_one_line(tmp_path, entries, other, says):
    (tmp_path / "own.py").write_text(CODE)
    file = dataset(tmp_path / "mine.jsonl", rows(5))

    def curate():
        listed = load_curators(curators(tmp_path, *entries, **other))
        mix([parse_part(file)], tmp_path / "mine", test=0, seed=0, curators=listed)

    with pytest.raises(RecipeError, match=says):
        curate()

    assert not (tmp_path / "mine").exists()


def test_code_is_refused_where_it_is_not_wanted(tmp_path):
    (tmp_path / "own.py").write_text(CODE)
    dataset(tmp_path / "mine.jsonl", rows(5))
    curators(tmp_path, {"use": "./own.py:Sure"})

    done = prefgen(
        "mix", "mine.jsonl", "-o", "mine", "--curate", "curators.yaml", "--no-plugins", cwd=tmp_path
    )

    assert done.returncode == 2 and "--no-plugins reads none" in done.stderr


def test_a_file_is_curated_shown_and_published_and_the_card_says_what_is_known(tmp_path):
    dataset(tmp_path / "mine.jsonl", rows(60, refused=10))
    curators(tmp_path, {"use": "repeated_answers", "share": 0.03})
    words = ("mix", "mine.jsonl", "-o", "mine", "--curate", "curators.yaml", "--license", "MIT")

    mixed = prefgen(*words, cwd=tmp_path)
    shown = prefgen("show", "dropped", "mine", "--json", cwd=tmp_path)
    first = prefgen("publish", "mine", "--dry-run", "--json", cwd=tmp_path)

    assert mixed.returncode == shown.returncode == first.returncode == 0, mixed.stderr + first.stderr
    assert "9 pairs went: repeated_answers: chosen answer repeated" in mixed.stdout
    assert "warning" not in mixed.stderr
    assert sorted(json.loads(line)["id"] for line in shown.stdout.splitlines()) == [
        f"row-{i:03}" for i in range(9)
    ]
    card = (tmp_path / "mine" / "release" / "README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    assert header["license"] == "mit" and not {"synthetic", "rlaif"} & {*header["tags"]}
    assert "| mine.jsonl | digest " in card
    assert "No run of prefgen is known to have made the pairs of mine.jsonl" in card
    assert "a part that says none, it was said when they were mixed: MIT" in card
    assert "chosen answer repeated | 9 |" in card
    # what the card holds makes the same again
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "mine.jsonl").write_bytes((tmp_path / "mine.jsonl").read_bytes())
    (tmp_path / "again" / "curators.yaml").write_text(card.split("```yaml\n")[1].split("```")[0])
    command = card.split("```console\n")[1].split("\n")[0].split()
    assert prefgen(*command[1:], cwd=tmp_path / "again").returncode == 0
    again = prefgen("publish", "mine", "--dry-run", "--json", cwd=tmp_path / "again")
    assert json.loads(again.stdout)["content_hash"] == json.loads(first.stdout)["content_hash"]


def test_what_a_run_made_is_told_apart(tmp_path):
    made(tmp_path, "run")
    dataset(tmp_path / "mine.jsonl", rows(20))
    parts = [parse_part(str(tmp_path / name)) for name in ("run", "mine.jsonl")]

    manifest = mix(parts, tmp_path / "m", test=0, seed=0)

    assert [part.of_run for part in manifest.mixed_of] == [True, False]


def test_a_license_that_rows_or_parts_say_stays(tmp_path):
    file = dataset(
        tmp_path / "mine.jsonl",
        [{**row, **({"license": "CC0"} if i else {})} for i, row in enumerate(rows(4))],
    )

    manifest = mix([parse_part(file)], tmp_path / "m", test=0, seed=0, license="MIT")

    assert manifest.licenses == {"CC0": 3, "MIT": 1}


def test_curators_of_an_earlier_mix_leave_nothing_behind(tmp_path):
    file = dataset(tmp_path / "mine.jsonl", rows(6))
    curated(tmp_path, file, {"use": "limit", "count": 4}, test=0)
    assert len(list(read_dropped(tmp_path / "mine"))) == 2

    mix([parse_part(file)], tmp_path / "mine", test=0, seed=0)

    assert list(read_dropped(tmp_path / "mine")) == []
    assert len(ids(tmp_path / "mine")) == 6


@pytest.mark.parametrize("what", ["mine.jsonl", "folder", "you/data"])
def test_publishing_bare_pairs_says_how(tmp_path, what):
    dataset(tmp_path / "mine.jsonl", rows(3))
    (tmp_path / "folder").mkdir()
    dataset(tmp_path / "folder" / "train.jsonl", rows(3))

    done = prefgen_here("publish", what, "--dry-run", cwd=tmp_path)

    assert done.returncode == 2
    assert f"`prefgen mix {what} -o FOLDER`" in done.stderr
