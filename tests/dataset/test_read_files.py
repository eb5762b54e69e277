"""Reading the rows of JSONL, JSON, CSV, Parquet and text files, each with the words that say where it stands.
(prefgen/dataset/read_files.py)
"""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq

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
