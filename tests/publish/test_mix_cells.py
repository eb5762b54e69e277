"""What a mix makes of the cells and ids of people's rows. (prefgen/publish/mix.py)"""

import json

import pytest

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.open_pairs import open_pairs
from prefgen.publish.mix import mix
from prefgen.publish.mix_draw import parse_part
from tests.support.cli import prefgen_here as prefgen
from tests.support.export import dataset

NAN = float("nan")
RIVER = {"prompt": "Name a river.", "chosen": "The Rhine.", "rejected": "The Alps."}
LONG = "Explain to a new gardener why tomatoes split after rain, what helps against it, and what not to do"


def mixed(tmp_path, *parts, **options) -> list[dict]:
    names = [dataset(tmp_path / f"{i}.jsonl", rows) for i, rows in enumerate(parts)]
    mix([parse_part(name) for name in names], tmp_path / "out", **{"test": 0, "seed": 1, **options})
    return [dict(row) for _, row in open_pairs(str(tmp_path / "out")).rows]


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        ("source", 5, "5"),
        ("category", 3, "3"),
        ("category", NAN, None),
        ("language", NAN, None),
        ("chosen_model", 1, "1"),
        ("rule", NAN, None),
        ("principle_id", 7, "7"),
        ("chosen_finish", 3, "3"),
        ("reasoning", True, "True"),
        ("tie", 1, True),
        ("tie", "false", False),
        ("round", "2", 2),
        ("aspects", {"chosen": {}}, '{"chosen": {}}'),
    ],
)
def test_a_cell_is_read_as_its_column_holds_it(tmp_path, column, value, kept):
    rows = [{**RIVER, column: value}, {**RIVER, "prompt": "Name a lake."}]

    assert (
        next(row[column] for row in mixed(tmp_path, rows) if row["prompt"][0]["content"] == "Name a river.")
        == kept
    )


def test_a_whole_number_beyond_64_bits_is_a_number(tmp_path):
    [row] = mixed(tmp_path, [{**RIVER, "score_chosen": 2**70, "score_rejected": 1}])

    assert row["score_chosen"] == float(2**70)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("category", ["a"]),
        ("rule", ["a"]),
        ("judge", ["a"]),
        ("round", "x"),
        ("round", 1.5),
        ("tie", "yes"),
        ("tie", [1]),
    ],
)
def test_a_cell_that_its_column_cannot_hold_is_a_bad_row(tmp_path, column, value):
    rows = [{**RIVER, column: value}, {**RIVER, "prompt": "Name a lake."}]
    bad_rows = BadRows("drop")

    assert len(mixed(tmp_path, rows, bad_rows=bad_rows)) == 1
    assert column in bad_rows.rows[0].reason
    done = prefgen("mix", "0.jsonl", "-o", "other", cwd=tmp_path)
    assert done.returncode == 2 and "0.jsonl:1" in done.stderr and "Traceback" not in done.stderr


def test_a_pair_stands_once_in_normal_form(tmp_path):
    rows = [RIVER, {**RIVER, "chosen": "the rhine. "}, {**RIVER, "prompt": "name a river. "}]

    assert len(mixed(tmp_path, rows)) == 1


def test_a_prompt_id_stands_for_one_prompt(tmp_path):
    near = [{**RIVER, "prompt": LONG, "prompt_id": "1"}, {**RIVER, "prompt": LONG + " now", "prompt_id": "2"}]
    others = [
        {**RIVER, "prompt": f"Name {word}.", "prompt_id": "2"} for word in ("a lake", "a hill", "a sea")
    ]

    rows = mixed(tmp_path, near, others, test=0.5)

    texts = {(row["prompt_id"], row["prompt"][0]["content"]) for row in rows}
    assert len(texts) == len({prompt_id for prompt_id, _ in texts})
    assert prefgen("check", "out", cwd=tmp_path).returncode == 0


def test_nan_is_no_id(tmp_path):
    rows = mixed(tmp_path, [{**RIVER, "prompt": f"Name {i}.", "prompt_id": NAN, "id": NAN} for i in range(3)])

    assert len({row["prompt_id"] for row in rows}) == len({row["id"] for row in rows}) == 3
    assert "nan" not in json.dumps(rows)


def test_a_system_turn_for_all_makes_no_prompts_alike(tmp_path):
    def asked(text, system="You are a careful assistant who answers in one sentence. " * 8):
        return [{"role": "system", "content": system}, {"role": "user", "content": text}]

    sides = {name: [{"role": "assistant", "content": name}] for name in ("chosen", "rejected")}
    first, second = (
        [{"prompt": asked(f"{word} {i} {i * 7}?"), **sides} for i in range(20)]
        for word in ("Rain", "Snow in")
    )
    others = [
        {"prompt": asked(f"Why is it {i} degrees?", f"System {j}"), **sides} for i in range(9) for j in (1, 2)
    ]

    rows = mixed(tmp_path, first, [*second, *others], test=0.5)

    assert len(rows) == 58
    assert prefgen("check", "out", "--max-repeated-chosen", "1", cwd=tmp_path).returncode == 0
