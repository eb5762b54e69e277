"""A table of commas, semicolons or tabs, row by row. (prefgen/dataset/parse_table.py)"""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.parse_table import parse_table
from prefgen.dataset.read_files import read_rows
from prefgen.errors import RecipeError
from prefgen.publish.export_files import write_csv


def read(text: str, bad_rows: BadRows | None = None) -> list[list[str]]:
    return [list(row.values()) for _, row in parse_table(text, "t", bad_rows or BadRows())]


TABS = "prompt\tchosen\trejected\n"
COMMAS = "prompt,chosen,rejected\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f'{TABS}q1\t"Hi there\tno\nq2\tyes"\tbad\nq3\tx\ty\n', 2, "joins 2 lines"),
        (f'{TABS}a\tb\tc\nq1\t"Hi\tno\nx\ty\tz\nq2\tyes"\tbad\n', 3, "joins 3 lines"),
        (f'{TABS}a\t"b\n2"\tc\nq1\t"Hi there\tno\nq2\tyes"\tbad\n', 4, "joins 2 lines"),
        (f'{COMMAS}q1,"Hi there,no\nq2,yes",bad\nq3,x,y\n', 2, "joins 2 lines"),
        ('a;b;c\n1;"2;3\n4;5";6\n', 2, "joins 2 lines"),
        (f'{TABS}q1\t"To be or not to be"\tno\n', 2, "needs its quotes"),
        (f'{TABS}a\tb\tc\r\n"So it goes"\tx\ty\r\n', 3, "needs its quotes"),
    ],
)  # fmt: skip
def test_quotes_that_may_be_text_are_one_line(text, line, words):
    with pytest.raises(RecipeError, match=f"t:{line}: .*{words}"):
        read(text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (f'{TABS}q\t"a\nb"\tno\nr\t"quoted"\tx\n', [["q", "a\nb", "no"], ["r", "quoted", "x"]]),
        (f'{TABS}q1\t"a ""b"""\tno\nq2\t"c"\tx\n', [["q1", 'a "b"', "no"], ["q2", "c", "x"]]),
        ('"prompt"\t"chosen"\n"q"\t"a"\n', [["q", "a"]]),
        (f'{TABS}q\t""\tno\n', [["q", "", "no"]]),
        (f'{COMMAS}q,"x",y\n', [["q", "x", "y"]]),
        (f'{COMMAS}q,"Hi, you\nyes, no",bad\n', [["q", "Hi, you\nyes, no", "bad"]]),
        (f'{COMMAS}p,"a,b",y\nq,"Hi,you\nyes,no",bad\n', [["p", "a,b", "y"], ["q", "Hi,you\nyes,no", "bad"]]),
        (f'{COMMAS}q,"one\ntwo",y\n', [["q", "one\ntwo", "y"]]),
        (f'{COMMAS}q," ""quoted""",y\n', [["q", ' "quoted"', "y"]]),
        (f'{COMMAS}" ""a"" b ""c""",x,y\n', [[' "a" b "c"', "x", "y"]]),
        ("prompt,chosen,rejected,,\nq,a,b,,\nr,c,d, ,\n", [["q", "a", "b"], ["r", "c", "d"]]),
        (",prompt,chosen\n0,q,a\n", [["0", "q", "a"]]),
        ('prompt;chosen;"score, mean"\nq;a;1\n', [["q", "a", "1"]]),
        ("prompt\nq|r\n", [["q|r"]]),
    ],
)  # fmt: skip
def test_what_is_certain_is_read(text, rows):
    assert read(text) == rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prompt,chosen,,\nq,a,,x\n", "t:2: a cell stands under no name"),
        ("prompt,chosen,prompt\nq,a,b\n", "t:1: two columns have one name"),
        ("a|b|c\n1|2|3\n", "'a.b.c' holds no comma, semicolon or tab"),
        (f'{COMMAS}q, "x",y\n', "t:2: chosen: a quote stands behind a blank"),
    ],
)
def test_what_is_no_table_is_one_line(text, words):
    with pytest.raises(RecipeError, match=words):
        read(text)


def test_a_row_in_doubt_takes_no_other_with_it():
    bad_rows = BadRows("drop")

    assert read(f'{TABS}q1\t"Hi\tno\nq2\tyes"\tbad\nq3\tx\ty\n', bad_rows) == [["q3", "x", "y"]]
    assert [row.where for row in bad_rows.rows] == ["t:2"]


@given(
    st.lists(st.lists(st.text('a ",\t\n;', max_size=6), min_size=2, max_size=2), max_size=4),
    st.sampled_from(",;\t"),
)
def test_a_table_whose_header_is_quoted_is_read_as_it_was_written(rows, delimiter):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["x", "y"], *rows])
    filled = [row for row in rows if any(cell.strip() for cell in row)]

    bad_rows = BadRows("drop")
    found = read(file.getvalue(), bad_rows)

    assert len(found) + len(bad_rows.rows) == len(filled)
    assert all(row in filled for row in found)
    assert delimiter == "\t" or not bad_rows.rows


def test_a_table_that_export_wrote_is_read_whole(tmp_path):
    rows = [{"input": "q", "chosen": "Hi,you\nyes,no", "rejected": ' "n"'}]
    write_csv(iter(rows), tmp_path / "x.csv")

    assert [row for _, row in read_rows(tmp_path / "x.csv", "x.csv")] == rows
