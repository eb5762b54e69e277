"""What a check says without calling a row broken. (prefgen/dataset/row_notes.py)"""

import pytest

from prefgen.dataset.check import check_rows

RIVER = {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "The Alps.", "source": "s"}


def notes(*rows):
    report = check_rows((f"row {i}", row) for i, row in enumerate(rows, 1))
    assert not report.findings
    return [note for note in report.notes if note.startswith(("1 rows", "2 rows"))]


def test_ids_that_stand_twice_are_said():
    rows = [{**RIVER, "prompt": f"Name {i}.", "id": "x"} for i in range(3)]

    assert notes(*rows) == ["2 rows have the id of an earlier row, such as row 2 (id x)"]
    assert notes(*({**row, "id": value} for row, value in zip(rows, ["a", None, ""], strict=True))) == []


@pytest.mark.parametrize(("prompt", "count"), [("Name a river.", 1), ("Name it.", 0)])
def test_sides_that_repeat_the_prompt_are_said(prompt, count):
    repeated = {name: f"{prompt} {RIVER[name]}" for name in ("chosen", "rejected")}

    assert len(notes({**RIVER, "prompt": prompt, **repeated})) == count
    assert not notes({**RIVER, "chosen": f"{prompt} The Rhine."})
