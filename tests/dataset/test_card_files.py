"""Which files of a cloned repository hold rows, and of which split. (prefgen/dataset/card_files.py)"""

import json

import pytest

from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.sources.file import File
from prefgen.sources.records import Records


def repository(folder, configs: str, *files: str):
    for name in files:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"prompt": name, "chosen": "a", "rejected": "b"}) + "\n")
    (folder / "README.md").write_text(f"---\nlicense: mit\n{configs}---\n# A card\n\nconfigs: none\n")
    return folder


TWO = """configs:
- config_name: default
  data_files:
  - split: train
    path: a.jsonl
  - split: test
    path: [b.jsonl]
"""
BY_DEFAULT = """configs:
- config_name: edits
  data_files: edits.jsonl
- config_name: pairs
  default: true
  data_files: [{split: train, path: pairs/*.jsonl}]
"""


@pytest.mark.parametrize(
    ("configs", "files", "found"),
    [
        (TWO, ("a.jsonl", "b.jsonl", "raw.jsonl"), {"a.jsonl": "train", "b.jsonl": "test"}),
        (TWO, ("a.jsonl",), {"a.jsonl": "train"}),
        (
            "configs: [{config_name: x, data_files: [{split: train, path: 'data/test_v2_*.jsonl'}]}]\n",
            ("data/test_v2_a.jsonl", "data/other.jsonl"),
            {"data/test_v2_a.jsonl": "train"},
        ),
        ("configs: [{data_files: '**/*.jsonl'}]\n", ("a.jsonl",), {"a.jsonl": "train"}),
        ("configs: [{data_files: 'data/**'}]\n", ("a.jsonl", "data/x/b.jsonl"), {"data/x/b.jsonl": "train"}),
        ("configs: [{data_files: './*'}]\n", ("a.jsonl", "stats.json"), {"a.jsonl": "train"}),
        (
            "configs: [{data_dir: data, data_files: [{split: dev, path: x.jsonl}]}]\n",
            ("x.jsonl", "data/x.jsonl"),
            {"data/x.jsonl": "dev"},
        ),
        (
            "configs: [{config_name: v2, data_dir: v2}]\n",
            ("v1/train.jsonl", "v2/train.jsonl", "v2/test.jsonl"),
            {"v2/train.jsonl": "train", "v2/test.jsonl": "test"},
        ),
        (BY_DEFAULT, ("edits.jsonl", "pairs/a.jsonl"), {"pairs/a.jsonl": "train"}),
        ("configs: []\n", ("train.jsonl", "test.jsonl"), {"train.jsonl": "train", "test.jsonl": "test"}),
        ("task_categories: [x]\n", ("a.jsonl",), {"a.jsonl": None}),
    ],
)  # fmt: skip
def test_the_files_and_splits_are_those_that_the_card_names(tmp_path, configs, files, found):
    repository(tmp_path, configs, *files)

    assert {row["prompt"]: row.get("split") for _, row in read_rows(tmp_path, "d")} == found


def test_a_split_of_the_card_is_a_split_for_every_reader(tmp_path):
    repository(tmp_path, TWO, "a.jsonl", "b.jsonl")

    assert [row["prompt"] for _, row in open_pairs(str(tmp_path), split="test").rows] == ["b.jsonl"]
    for reader in (File, Records):
        assert [r.prompt.text for r in reader(path=".").read(tmp_path)] == ["a.jsonl"]


def test_a_configuration_that_is_named_is_the_one_that_is_read(tmp_path):
    repository(tmp_path, BY_DEFAULT, "edits.jsonl", "pairs/a.jsonl")

    assert [r.prompt.text for r in Records(path=".", config="edits").read(tmp_path)] == ["edits.jsonl"]
    with pytest.raises(RecipeError, match="README.md: has no config 'x'; it has edits, pairs"):
        list(Records(path=".", config="x").read(tmp_path))


@pytest.mark.parametrize(
    ("configs", "words"),
    [
        ("configs: [{config_name: a}, {config_name: b, data_files: b.jsonl}]\n", "none is the default"),
        ("configs: [{data_files: gone/*.jsonl}]\n", "not here .gone/.*: are they downloaded"),
        ("configs: [{data_files: ../*.jsonl}]\n", "no path within the folder"),
        ("configs: [{data_files: 'hf://datasets/x/y.jsonl'}]\n", "no path within the folder"),
        ("configs: [{data_files: {split: train}}]\n", "data_files must be paths"),
        ("configs: [a]\n", "configs must be a list of mappings"),
        ("configs: [\n", "its header is no YAML"),
    ],
)  # fmt: skip
def test_a_card_that_is_in_doubt_is_one_line(tmp_path, configs, words):
    repository(tmp_path, configs, "a.jsonl", "b.jsonl")

    with pytest.raises(RecipeError, match=f"d/README.md: .*{words}"):
        list(read_rows(tmp_path, "d"))


GOOD_IS_0 = """---
dataset_info:
  features:
  - name: prompt
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': good
          '1': bad
---
"""


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_number_that_the_card_names_is_read_by_its_name(ending, tmp_path):
    (tmp_path / "README.md").write_text(GOOD_IS_0)
    rows = [{"prompt": "Q?", "completion": text, "label": label} for text, label in (("A.", 0), ("B.", 1))]
    as_json = "".join(json.dumps(row) + "\n" for row in rows)
    as_csv = "prompt,completion,label\n" + "".join(",".join(map(str, row.values())) + "\n" for row in rows)
    (tmp_path / f"train.{ending}").write_text(as_csv if ending == "csv" else as_json)

    found = [(row["completion"], row["label"]) for _, row in read_rows(tmp_path, "x")]

    assert found == [("A.", "good"), ("B.", "bad")]


@pytest.mark.parametrize("names", ["{'0': good, '2': bad}", "{'0': good, '1': no}", "[1, 2]", "good"])
def test_names_that_are_in_doubt_are_one_line(names, tmp_path):
    start, _, _ = GOOD_IS_0.partition("names:")
    (tmp_path / "README.md").write_text(f"{start}names: {names}\n---\n")
    (tmp_path / "train.jsonl").write_text('{"prompt": "Q?", "completion": "A.", "label": 0}\n')

    with pytest.raises(RecipeError, match="README.md.*class_label of label"):
        list(read_rows(tmp_path, "x"))


def test_names_of_another_configuration_are_not_taken(tmp_path):
    (tmp_path / "README.md").write_text(
        "---\ndataset_info:\n- config_name: other\n  features:\n  - name: label\n"
        "    dtype: {class_label: {names: {'0': good, '1': bad}}}\n- config_name: more\n---\n"
    )
    (tmp_path / "train.jsonl").write_text('{"prompt": "Q?", "completion": "A.", "label": 0}\n')

    assert [row["label"] for _, row in read_rows(tmp_path, "x")] == [0]
