"""Verdicts from a file: people's labels, or another program's, come back in as a judge.
(prefgen/judges/labels.py)
"""

from prefgen.judges.labels import Labels
from prefgen.testing import Scripted, a_record
from tests.support.panel_judges import scores


def test_labels_are_joined_by_id(tmp_path):
    (tmp_path / "l.csv").write_text("response_id,score,rationale\nr1,0.5,fair\nelsewhere,1,\n")
    (tmp_path / "l.jsonl").write_text(
        '{"first_id": "r0", "second_id": "r1", "better": "second"}\n'
        '{"first_id": "r0", "second_id": "r9", "probability": 0.7}\n'
    )
    record = a_record("Q", "x", "y")

    rated = Labels(path="l.csv").judge(record.prompt, record.responses, Scripted([""]))
    compared = Labels(path="l.jsonl").judge(record.prompt, record.responses, Scripted([""]))

    assert scores(rated) == {"r1": 0.5, "r0": None}
    assert [(c.first_id, c.second_id, c.probability) for c in compared] == [("r0", "r1", 0.0)]
