"""What is exported is read back as what it was, in every form and every kind of file.
(prefgen/publish/export_files.py, prefgen/dataset/open_pairs.py)
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefgen.dataset.cells import decoded
from prefgen.dataset.check import check_rows
from prefgen.dataset.open_pairs import open_pairs
from prefgen.dataset.pair import validated_pair
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.publish.diff import compare_sides, read_side
from prefgen.publish.export import EXPORT_FORMS, NOT_AS_CSV, UNPAIRED_FORMS, export
from prefgen.trainers.pairs import read_training_pairs
from tests.support.export import said

SUFFIXES = (".jsonl", ".csv", ".parquet")
LOOKS_LIKE_DATA = (
    '[{"role": "user", "content": "x"}]', "[1, 2]", '{"a": 1}', '"quoted"', "a, b; c\td", 'He said "yes".',
    "'", "=1+1", "1", "0.5", "-3e5", "True", "None.", "two\nlines", "two\r\nlines", "a\rb", "  spaces  ",
    "\t", ",", "\ufeffbom", "é ü 漢字 🙂", "\\n", '\\"', '""', 'ends with a quote"', "```\ncode\n```",
    "|a|b|", "sep=;",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(LOOKS_LIKE_DATA),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=30),
)


@st.composite
def rows(draw):
    """A row of pairs: the prompt of one turn or several, answers of one turn."""
    turns = [said("user", draw(TEXTS))]
    for _ in range(draw(st.integers(0, 2))):
        turns += [said("assistant", draw(TEXTS)), said("user", draw(TEXTS))]
    if draw(st.booleans()):
        turns.insert(0, said("system", draw(TEXTS)))
    numbers = st.one_of(st.floats(-1e6, 1e6), st.integers(-5, 5))
    of_both = draw(st.one_of(st.just((None, None)), st.tuples(numbers, numbers)))  # one alone says nothing
    return {
        "prompt": turns,
        "chosen": [said("assistant", draw(TEXTS))],
        "rejected": [said("assistant", draw(TEXTS))],
        "score_chosen": of_both[0],
        "score_rejected": of_both[1],
        "margin": draw(st.one_of(st.none(), numbers)),
        "prompt_id": draw(st.one_of(st.none(), TEXTS)),
        "category": draw(st.one_of(st.none(), TEXTS)),
    }


def is_pair(row, form) -> bool:
    """Whether a form takes the row at all: what it refuses is tested elsewhere."""
    try:
        validated_pair(row, "row")
        [*EXPORT_FORMS[form]([("row", row)])]
    except RecipeError:
        return False
    return True


def answers_stripped(turns):
    return [{**turn, "content": turn["content"].strip()} for turn in turns]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("form", sorted(set(EXPORT_FORMS) - set(UNPAIRED_FORMS)))
@given(st.lists(rows(), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_pairs_are_read_back_as_they_were(form, suffix, drawn):
    pairs = [row for row in drawn if is_pair(row, form)]
    if not pairs or (suffix == ".csv" and form in NOT_AS_CSV):
        return
    with tempfile.TemporaryDirectory() as folder:
        first, again = (Path(folder) / f"{name}{suffix}" for name in ("first", "again"))
        export(((f"row {i}", row) for i, row in enumerate(pairs)), form, first)

        read = [(where, row) for where, row in open_pairs(str(first)).rows]
        found = [validated_pair(row, where) for where, row in read]

        wanted = [validated_pair(row, "row") for row in pairs]
        if form == "axolotl":  # its reader wants answers without blanks around them
            wanted = [(prompt, *map(answers_stripped, sides)) for prompt, *sides in wanted]
        assert found == wanted
        if form == "ultrafeedback-binarized":
            scores = ("score_chosen", "score_rejected")
            assert [[row.get(name) for name in scores] for _, row in read] == [
                [row[name] for name in scores] for row in pairs
            ]
        if form == "rewardbench":  # `subset` is a category, a source, or neither
            return
        export(iter(read), form, again)
        assert sorted(read_rows(again, "again")) == sorted(
            (where.replace("first", "again"), row) for where, row in read_rows(first, "again")
        )


@pytest.mark.parametrize("form", UNPAIRED_FORMS)
@given(st.lists(rows(), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_rows_of_one_answer_say_the_same_in_every_kind_of_file(form, drawn):
    pairs = [row for row in drawn if is_pair(row, form)]
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for suffix in SUFFIXES if pairs else ():
            path = Path(folder) / f"out{suffix}"
            try:
                export(((f"row {i}", row) for i, row in enumerate(pairs)), form, path)
            except RecipeError as error:
                found.append(str(error))
                continue
            found.append(
                [
                    {name: decoded(cell) if name != "label" else str(cell) for name, cell in row.items()}
                    for _, row in read_rows(path, "out")
                ]
            )
        assert all(rows == found[0] for rows in found)


@pytest.mark.parametrize("form", sorted(set(EXPORT_FORMS) - set(UNPAIRED_FORMS) - set(NOT_AS_CSV)))
def test_a_table_is_for_every_reader_the_dataset_that_it_was_made_of(tmp_path, form):
    texts = [text for text in LOOKS_LIKE_DATA if not text.isspace()]
    pairs = [
        {
            "prompt": [said("user", f"{text} {i}?")],
            "chosen": [said("assistant", f"{text} yes {i}")],
            "rejected": [said("assistant", f"{text} no {i}")],
            "score_chosen": 0.9573,
            "score_rejected": -1,
        }
        for i, text in enumerate(texts)
    ]
    names = [str(tmp_path / f"out{suffix}") for suffix in SUFFIXES]
    for name in names:
        export(((f"row {i}", row) for i, row in enumerate(pairs)), form, Path(name))

    sides = [read_side(open_pairs(name)) for name in names]
    trained_on = [read_training_pairs([name], max_repeated_chosen=1.0, seed=0).digest for name in names]
    reports = [check_rows(open_pairs(name).rows) for name in names]

    assert [compare_sides(sides[0], side).pairs["kept"] for side in sides] == [len(pairs)] * 3
    assert len({*trained_on}) == 1
    assert [(report.findings, report.rows) for report in reports] == [({}, len(pairs))] * 3
