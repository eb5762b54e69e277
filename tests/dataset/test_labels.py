"""Reading labels from a file: scores and preferences by response id, as people or other programs gave them.
(prefgen/dataset/labels.py)
"""

import pytest

from prefgen.errors import RecipeError
from prefgen.judges.labels import Labels
from prefgen.testing import Scripted, a_record


@pytest.mark.parametrize(
    "row",
    [
        '{"response_id": "r0", "score": 2}',
        '{"response_id": "r0"}',
        '{"first_id": "a", "second_id": "b", "better": "left"}',
        '{"score": 1}',
    ],
)
def test_a_label_that_says_nothing_is_refused_with_its_place(tmp_path, row):
    (tmp_path / "l.jsonl").write_text(row)
    record = a_record("Q", "x")

    with pytest.raises(RecipeError, match=r"l\.jsonl:1"):
        Labels(path="l.jsonl").judge(record.prompt, record.responses, Scripted([""]))
