"""Pictures of the pairs that are published. (prefgen/publish/pair_plots.py)"""

import pytest

from prefgen.publish.pair_plots import draw_pairs


def rows(count, scored):
    return [
        {
            "chosen": [{"role": "assistant", "content": "x" * (10 + i)}],
            "rejected": [{"role": "assistant", "content": "y" * 8}],
            "score_chosen": 4.0 if scored else None,
            "score_rejected": 2.0 if scored else None,
            "margin": 2.0 if scored else None,
        }
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("scored", "what"), [(True, "Length, score and margin"), (False, "Length of the answers")]
)
def test_a_picture_says_what_it_shows(tmp_path, scored, what):
    pytest.importorskip("matplotlib")

    [picture] = draw_pairs(rows(40, scored), tmp_path)

    assert picture["what"].startswith(what)
    assert (tmp_path / picture["path"]).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
