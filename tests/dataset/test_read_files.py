"""Reading the rows of JSONL, JSON, CSV, Parquet and text files, each with the words that say where it stands.
(prefgen/dataset/read_files.py)
"""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.sources.file import File


def texts(source, folder):
    return [r.prompt.text for r in source.read(folder)]


def test_every_kind_of_file_gives_the_same_prompts(tmp_path):
    rows = [{"prompt": "Größe?", "source": "a"}, {"prompt": "Two, with a comma\nand a line", "source": "b"}]
    (tmp_path / "p.jsonl").write_text(
        "\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8"
    )
    (tmp_path / "p.json").write_text(json.dumps(rows))
    (tmp_path / "p.csv").write_text(
        'prompt,source\nGröße?,a\n"Two, with a comma\nand a line",b\n', encoding="utf-8-sig"
    )
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    with gzip.open(tmp_path / "p.jsonl.gz", "wt") as file:
        file.write((tmp_path / "p.jsonl").read_text())

    for name in ("p.jsonl", "p.json", "p.csv", "p.parquet", "p.jsonl.gz"):
        assert texts(File(path=name), tmp_path) == ["Größe?", "Two, with a comma\nand a line"], name


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.ndjson").write_text('"second"\n')
    (tmp_path / "d" / "a.JSONL").write_text('"first"\n')

    assert texts(File(path="d"), tmp_path) == ["first", "second"]


ROW = {"prompt": "q", "chosen": "a", "rejected": "b"}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        *((f"a{suffix}", POINTER, "pointer of Git LFS") for suffix in (".txt", ".jsonl", ".csv", ".parquet")),
        ("a.json", json.dumps({"data": [ROW], "test": [ROW]}).encode(), "'data', 'test'"),
        ("a.json", json.dumps({"rows": [ROW]}).encode(), "'rows'"),
        ("a.json", json.dumps({"train": [ROW]}).encode(), "'train'"),
        ("a.json", b"{}", "none"),
        ("a.jsonl", json.dumps(ROW, indent=2).encode(), "over several lines"),
        ("a.jsonl", json.dumps(ROW).encode("utf-16-le"), "is UTF-16"),
        ("a.jsonl", b"\x1f\x8b\x08rest", "is gzip: let its name end in .gz"),
        ("a.csv", b"PK\x03\x04rest", "is a zip, or a workbook"),
        ("a.csv", "prompt\nGröße\n".encode("cp1252"), "a.csv:2: not valid UTF-8 .*save the file as UTF-8"),
        ("a.jsonl.zst", b"x", "unpack it"),
        ("a.jsonl", b'[{"prompt": "q"},\n3]\n', r"a.jsonl\[1\]: expected a JSON object a row"),
        ("a.jsonl", b'["a"]\n{"prompt": "q"}\n', "a.jsonl:1: expected a JSON object a row, found list"),
        ("a.csv", b"sep=;\nprompt;chosen\nq;a\n", "begins with 'sep=;'"),
        ("a.csv", b'prompt,chosen,rejected\nq, "x", "y"\n', "a.csv:2: chosen: a quote stands behind a blank"),
        ("a.csv", b'prompt,chosen\n"q\nr",a\n"q\nr",a,b\n', "a.csv:4: the row has another number"),
    ],
)
def test_a_file_that_is_something_else_says_what_it_is(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(RecipeError, match=words):
        list(read_rows(tmp_path / name, name))


def test_rows_under_data_are_read_beside_other_notes(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"version": 2, "authors": ["x"], "data": [ROW]}))

    assert list(read_rows(tmp_path / "a.json", "a.json")) == [("a.json[0]", ROW)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_one_list_under_the_name_of_lines_is_read(tmp_path, name, indent):
    text = json.dumps([ROW, {**ROW, "prompt": "r"}], indent=indent).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)

    assert [row["prompt"] for _, row in read_rows(tmp_path / name, name)] == ["q", "r"]


def test_notes_of_a_trainer_beside_the_rows_are_no_rows(tmp_path):
    (tmp_path / "train.jsonl").write_text(json.dumps(ROW))
    for name in ("all_results.json", "trainer_state.json", "croissant.json"):
        (tmp_path / name).write_text(json.dumps({"epoch": 1}))

    assert [row["prompt"] for _, row in read_rows(tmp_path, "d")] == ["q"]


def test_a_folder_of_packed_files_alone_says_so(tmp_path):
    (tmp_path / "train.jsonl.zst").write_bytes(b"x")

    with pytest.raises(RecipeError, match="d: the folder holds train.jsonl.zst, .*: unpack it"):
        list(read_rows(tmp_path, "d"))
