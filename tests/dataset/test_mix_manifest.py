"""What a mix says of itself. (prefgen/dataset/mix_manifest.py)"""

import pytest

from prefgen.dataset.manifest import Manifest
from prefgen.dataset.mix_manifest import MixedPart, read_mix_manifest
from prefgen.dataset.open_pairs import open_pairs
from prefgen.errors import RecipeError
from prefgen.publish.mix import mix
from prefgen.publish.mix_draw import parse_part
from tests.support.export import ROWS, dataset


def test_a_mix_is_read_back_and_read_as_a_manifest(tmp_path):
    dataset(tmp_path / "a.jsonl", ROWS)
    made = mix([parse_part("a.jsonl:3")], tmp_path / "out", test=0, seed=0, allow=("leak",))

    assert read_mix_manifest(tmp_path / "out") == made
    assert made.allow == ("leak",) and made.yields.pairs == 3
    seen = open_pairs("out").manifest
    assert isinstance(seen, Manifest) and (seen.name, seen.row_digest) == ("out", made.row_digest)
    assert "served_by" not in made.as_json()  # what only a run has


def test_a_simulated_part_makes_a_simulated_mix(tmp_path):
    dataset(tmp_path / "a.jsonl", ROWS)
    mix([parse_part("a.jsonl")], tmp_path / "part", test=0, seed=0)
    path = tmp_path / "part" / "mix.json"
    path.write_text(path.read_text().replace('"simulated": false', '"simulated": true', 1))

    made = mix([parse_part("part")], tmp_path / "out", test=0, seed=0)

    assert made.simulated and made.mixed_of[0].simulated
    assert open_pairs("out").manifest.simulated


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"name": "x"}', "\udcff"])
def test_one_that_cannot_be_read_is_an_error(tmp_path, text):
    (tmp_path / "mix.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(RecipeError, match="mix the parts again"):
        read_mix_manifest(tmp_path)


def test_what_came_of_what_was_wanted_is_counted_alike():
    assert MixedPart(name="a", share=0.5, wanted=9, left=20, prompts_left=8).got == 8
    assert MixedPart(name="a", wanted=9, left=7, prompts_left=3).got == 7
