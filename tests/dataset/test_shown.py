"""What is shown beside a text, and marks that stand where it was. (prefgen/dataset/shown.py)"""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.pair import pair_messages
from prefgen.dataset.pair_formats import to_pair_row
from prefgen.errors import RecipeError
from prefgen.sources.file import File

ROW = {"prompt": "What colour?", "chosen": "Blue.", "rejected": "Red."}
PICTURE = {"bytes": b"\x89PNG", "path": None}
MARKED = [
    "<image>\nWhat colour?", "<image>What colour?", "<image> What colour?", "What colour?\n<image>",
    "Look:\n <image_1> <image_2> \nWhich?", "<image1>\nWhat colour?", "<video>\nWhat happens?",
    "What colour? <image>", "Which of these is blue?<image>\n", "Compare <image1> with <image_2>.",
    "<|image_pad|>What colour?", "<audio>Who speaks?", "  <image>", "<image><image>Which?",
]  # fmt: skip
UNMARKED = [
    "What closes <image>", "<image1>x</image1>", "Is <|im_end|> a mark?",
    "What is <image> for?", "<video> tags do not play, why?", "<video>\n<source src='x'>\n</video>\nMend it.",
    "<image>\n<url>x</url>\n</image>", "Is a < b, and <images> a word?", "<image-rendering>", "<svg>\n<img>",
]  # fmt: skip


@pytest.mark.parametrize("name", ["picture", "screenshot", "decoded_image", "jpg_0", "clip"])
@pytest.mark.parametrize(
    "value",
    [
        PICTURE,
        [None, PICTURE],
        {"bytes": b"x", "path": "x.JPG"},
        {"array": [0.1], "path": "x", "sampling_rate": 8000},
    ],
)
def test_what_is_shown_under_any_name_is_not_lost(name, value, tmp_path):
    pq.write_table(pa.Table.from_pylist([{**ROW, name: value}]), tmp_path / "d.parquet")
    for read in (
        lambda: list(open_pairs(str(tmp_path / "d.parquet")).rows),
        lambda: list(File(path="d.parquet").read(tmp_path)),
    ):
        with pytest.raises(RecipeError, match=f"{name} stands in a column of its own, and would be lost"):
            read()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"bytes": None, "path": None},
        {"path": "x"},
        {"bytes": 3},
        {"bytes": "JVBERi0x", "path": "x.pdf"},
        {"bytes": b"%PDF-1.7", "path": None},
        {"bytes": "print(1)", "path": "a/b.py"},
        {"array": [0.1, 0.2]},
    ],
)
def test_a_cell_that_shows_nothing_is_let_be(value):
    assert to_pair_row({**ROW, "picture": value}, {}, "row")["chosen"] == "Blue."


@pytest.mark.parametrize("text", MARKED)
def test_a_mark_where_something_was_shown_is_one_line(text, tmp_path):
    asked = [{"role": "user", "content": text}]
    sides = {side: [*asked, {"role": "assistant", "content": ROW[side]}] for side in ("chosen", "rejected")}
    parts = [{"role": "user", "content": [{"type": "text", "text": text}]}]
    for row in ({**ROW, "prompt": text}, {**ROW, "prompt": asked}, sides, {**ROW, "prompt": parts}):
        with pytest.raises(RecipeError, match="has '<.*>' where something is shown, and nothing is"):
            pair_messages(to_pair_row(row, {}, "row"), "row")
    (tmp_path / "d.jsonl").write_text(json.dumps({"prompt": text}))
    with pytest.raises(RecipeError, match="where something is shown"):
        list(File(path="d.jsonl").read(tmp_path))


@pytest.mark.parametrize("text", UNMARKED)
def test_a_text_about_such_tags_is_read(text):
    prompt, _, _ = pair_messages(to_pair_row({**ROW, "prompt": text}, {}, "row"), "row")

    assert prompt == [{"role": "user", "content": text}]


def test_a_mark_beside_what_is_shown_and_in_an_answer_is_read():
    image = {"type": "image_url", "image_url": {"url": "http://x/a.png"}}
    asked = [{"role": "user", "content": [{"type": "text", "text": "<image>\nWhat colour?"}, image]}]
    row = {"prompt": asked, "chosen": "<image>\nis a tag.", "rejected": "Red."}

    assert pair_messages(to_pair_row(row, {}, "row"), "row")[1][0]["content"] == "<image>\nis a tag."
