"""Tables of the documentation, whose rows are run."""

import re

from tests.support.paths import ROOT

_CODE = re.compile(r"(?:^|, )`((?:[^`]|```)*?)`(?=, |$)")


def replies_of(page: str, first_line: str) -> list[tuple[str, str]]:
    """(reply, what it is read as) of each row of the table after the line that ends with `first_line`; \\n in
    a reply is a line break.
    """
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    table = text[text.index(first_line) :].split("\n|---|---|\n", 1)[1].split("\n\n", 1)[0]
    cases = []
    for row in table.splitlines():
        replies, meaning = (cell.strip() for cell in row.strip("|").rsplit("|", 1))
        found = _CODE.findall(replies)
        assert found, row
        cases += [(reply.replace("\\n", "\n"), meaning) for reply in found]
    return cases
