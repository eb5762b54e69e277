"""The items of a list beside a vote, each with what its value says: "- Title: missing", "Length: too long",
"| Tips | yes |", "3. Tone - met".
"""

import re
from dataclasses import dataclass

from prefgen.kit.met_clauses import value_holds
from prefgen.kit.reason_leanings import ILL, asks_for_fault, counts_all, is_count

_MARKED = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(?P<item>[^\n]*)$", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|(?P<item>[^\n]*)\|[ \t]*$(?!\n[ \t]*\|[ \t]*:?-)", re.MULTILINE)
"""A row of a table, but for its head."""
_BARE = re.compile(
    r"^[ \t]*(?P<item>[^\W\d_][^\n:.!?=→|]{0,40}(?<! )(?::|=)[ \t]*[\w/✓✔✅]+(?: \w+){0,2}[.!]*)[ \t]*$",
    re.MULTILINE,
)
"""An item without a bullet: a name and a value of a few words, and nothing else on the line."""
_PARTS = re.compile(r"[:=→|]|[ \t][-–—](?=[ \t])")
_BOX = re.compile(r"\W{0,3}\[(?P<tick>[ xX✓✔])\](?=\W|\Z)")
_YES_OR_NO = re.compile(r"\W*(?:yes|no)\W*", re.IGNORECASE)
_OF_A_TEXT = re.compile(r"\W*(?:answer|response|reply|a)\W*", re.IGNORECASE)
"""What a text answers is no check of it."""
_EXCUSED = re.compile(
    r"[^.!?;\n]{0,100}\b(?:as|like) (?:(?:it )?(?:was|were|is|has been) )?"
    r"(?:asked|requested|required|instructed|demanded|wanted|desired|it should)\b",
    re.IGNORECASE,
)
"""Behind a lack: it was asked for."""


@dataclass(frozen=True)
class _Item:
    name: str
    value: str
    holds: bool | None
    """None where its value says neither."""

    @property
    def fails(self) -> bool:
        """Whether it says that something is not met, of a thing that is itself no fault: "Title: no"."""
        is_fault = "?" in self.name or asks_for_fault(self.name) or ILL.search(self.name)
        return self.holds is False and not is_fault and not _EXCUSED.match(self.value)


def is_excused(text: str, position: int) -> bool:
    """Whether what stands behind a lack says that it was asked for."""
    return _EXCUSED.match(text, position) is not None


def has_failed_item(text: str) -> bool:
    return any(item.fails for item in (*_marked_items(text), *_bare_items(text)))


def all_items_hold(text: str) -> bool:
    """Whether a text is a list of nothing but items that are met."""
    lines = [line for line in text.splitlines() if line.strip() and not line.rstrip().endswith(":")]
    marked = _marked_items(text)
    if marked:
        return all(item.holds for item in marked)
    held = sum(item.holds is True for item in _bare_items(text))
    counts = sum(is_count(line) and counts_all(line) is True for line in lines)
    return bool(lines) and held + counts == len(lines)


def _marked_items(text: str) -> list[_Item]:
    found = [*_MARKED.finditer(text), *_ROW.finditer(text)]
    return [_item(match["item"]) for match in found if match["item"].strip(" |:-")]


def _bare_items(text: str) -> list[_Item]:
    """Those without a bullet. A single "Commas: no" may say that what is to be absent is; of a list of them
    each counts.
    """
    items = [_item(match["item"]) for match in _BARE.finditer(text)]
    items = [item for item in items if item.holds is not None and not _OF_A_TEXT.fullmatch(item.name)]
    return [item for item in items if len(items) > 1 or not _YES_OR_NO.fullmatch(item.value)]


def _item(item: str) -> _Item:
    """An item by the last of its values that says something; by a failed one where it has one."""
    if box := _BOX.match(item):
        return _Item("", item, box["tick"] != " ")
    start, found = 0, _Item("", item, None)
    for number, end in enumerate([*_PARTS.finditer(item), None]):
        value = item[start : end.start() if end else None]
        holds = _value_holds(value) if number else None
        if value.strip(" .!") and found.holds is not False:
            found = _Item(item[:start], item[start:], holds)
        start = end.end() if end else 0
    return found


def _value_holds(value: str) -> bool | None:
    if is_count(value):
        return counts_all(value)
    if box := _BOX.match(value):
        return box["tick"] != " "
    opening = value.lstrip()[:1]
    said = value_holds(value) if opening.isalnum() or opening in "✓✔✅" else frozenset[bool]()
    return next(iter(said)) if len(said) == 1 else None
