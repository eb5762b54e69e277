"""Pictures of numbers as PNG, the same bytes for the same numbers; none where matplotlib is not installed.
(prefgen/report/plots.py)
"""

from prefgen.publish.pair_plots import draw_pairs
from prefgen.report.plots import Plot
from tests.support.pictures import PNG


def drawn(path):
    picture = Plot(2, 2)
    picture.histogram("one", "x", {"a": [1.0, 2.0, 2.0], "b": [3.0]})
    picture.lines("two", "x", {"a": [(0, 1.0), (1, 2.0)], "none": []})
    picture.bars("three", "x", {"a": 3.0})
    picture.save(path)
    return path.read_bytes()


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    one, other = drawn(tmp_path / "one.png"), drawn(tmp_path / "two.png")

    assert one.startswith(PNG)
    assert one == other


def test_pairs_without_scores_have_a_picture_of_their_lengths(tmp_path):
    turn = [{"role": "assistant", "content": "words"}]
    row = {"chosen": turn, "rejected": turn, "score_chosen": None, "score_rejected": None, "margin": None}

    [picture] = draw_pairs([row], tmp_path)

    assert picture["what"] == "Length of the answers"
    assert (tmp_path / picture["path"]).read_bytes().startswith(PNG)


def test_nothing_is_drawn_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setattr("prefgen.publish.pair_plots.can_draw", lambda: False)

    assert draw_pairs([], tmp_path) == []
