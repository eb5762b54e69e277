"""The items of a list beside a vote, each with what its value says: "- Title: missing", "Length: too long",
"| Tips | yes |", "3. Tone - met".
"""

import re
from dataclasses import dataclass

from prefgen.kit.met_clauses import says_met, value_holds
from prefgen.kit.reason_leanings import ILL, asks_for_fault, counts_all, is_count

_MARKED = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(?P<item>[^\n]*)$", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|(?P<item>[^\n]*)\|[ \t]*$(?!\n[ \t]*\|[ \t]*:?-)", re.MULTILINE)
"""A row of a table, but for its head."""
_BARE = re.compile(
    r"^[ \t]*(?P<item>[^\W\d_][^\n:.!?=→|]{0,40}(?<! )(?::|=)[ \t]*[\w/✓✔✅]+(?: \w+){0,2}[.!]*)[ \t]*$",
    re.MULTILINE,
)
"""An item without a bullet: a name and a value of a few words, and nothing else on the line."""
_PARTS = re.compile(
    r"[:=→|]|[ \t][-–—/](?=[ \t])|[ \t]\((?=[^()\n]{1,30}\))|(?<=[.!?])[ \t]+(?=\S+(?:[ \t]\S+){0,2}[ \t]*\Z)"
)
"""Before a value: also before one in brackets, and before a last sentence of at most three words."""
_TOPS = (
    re.compile(
        r"(?:#+ )?(?:\d{1,2}[.)]|(?:item|step|constraint|requirement) \d{1,2}[:.]?)[ \t]", re.IGNORECASE
    ),
    re.compile(r"(?:[-*•]|#+)[ \t]|\|"),
)
"""What opens an item: its number, or where none has one its mark."""
_HOLDS_FIRST = re.compile(
    r"[^\w\n]{0,6}(?:\d{1,2}[.)] )?(?:[✓✔✅☑]|[^()\n:]{1,80}\((?P<value>[^()\n]{1,30})\):)"
)
_TICKS = "✓✔✅☑√🟢👍💯🎉\ufe0f"
_LETTERS = {"y": True, "n": False}
_BOX = re.compile(r"\W{0,3}\[(?P<tick>[ xX✓✔])\](?=\W|\Z)")
_YES_OR_NO = re.compile(r"\W*(?:yes|no)\W*", re.IGNORECASE)
_OF_A_TEXT = re.compile(r"\W*(?:answer|response|reply|a)\W*", re.IGNORECASE)
"""What a text answers is no check of it."""
_SAME_CLAUSE = r"(?:(?!\b(?:and|but|while|whereas|though|although)\b)(?:[^.!?;:,\n–—-]|\b-\b))"
_EXCUSED = re.compile(
    rf"{_SAME_CLAUSE}{{0,60}}(?:,(?: \w+ly| just)?)?"
    r"\s*\b(?:as|like|which is (?:exactly )?what) (?:(?:it )?(?:was|were|is|has been) )?"
    r"(?:asked|requested|required|instructed|demanded|wanted|desired|it should)\b"
    rf"|{_SAME_CLAUSE}{{0,40}}[.,:→][ \t]*(?:(?:(?:so|and|thus|hence|therefore|which|it|this|that|is|the"
    r"|constraint|requirement|item)\b[ \t]+)*"
    r"(?:met|satisfied|fulfill?ed|respected|(?:meets|satisfies|fulfill?s|respects) (?:the|this) \w+)"
    r"(?=\W*\Z|[ \t]*[.,;!)\n])|[✓✔✅])",
    re.IGNORECASE,
)
"""Behind a lack: it was asked for, or what asks for it is met thereby."""


@dataclass(frozen=True)
class _Item:
    name: str
    value: str
    holds: bool | None
    """None where its value says neither."""

    @property
    def fails(self) -> bool:
        """Whether it says that something is not met, of a thing that is itself no fault: "Title: no"."""
        if self.is_unmet:
            return True
        is_fault = "?" in self.name or asks_for_fault(self.name) or ILL.search(self.name)
        return self.holds is False and not is_fault and not _EXCUSED.match(self.value)

    @property
    def is_unmet(self) -> bool:
        """Whether its value names a criterion's fate: "Errors: not met" says so of whatever is asked for."""
        return bool(self.name) and says_met(self.value.lstrip(" \t:=→|-–—(/")) == frozenset({False})


def is_excused(text: str, position: int) -> bool:
    """Whether what stands behind a lack says that it was asked for."""
    return _EXCUSED.match(text, position) is not None


def has_failed_item(text: str) -> bool:
    items = (_item(line.strip(" \t|-*•")) for line in text.splitlines())
    return any(item.fails for item in (*_marked_items(text), *_bare_items(text))) or any(
        item.is_unmet for item in items
    )


def all_items_hold(text: str) -> bool:
    """Whether a text is a list of nothing but items that are met."""
    lines = [line for line in text.splitlines() if line.strip() and not line.rstrip().endswith(":")]
    marked = _marked_items(text)
    if marked and all(item.holds for item in marked):
        return True
    groups = _groups(lines)
    if groups and all(_group_holds(group) for group in groups):
        return True
    if marked:
        return False
    held = sum(item.holds is True for item in _bare_items(text))
    counts = sum(is_count(line) and counts_all(line) is True for line in lines)
    return bool(lines) and held + counts == len(lines)


def _groups(lines: list[str]) -> list[list[str]]:
    """The lines of each item: those from one that opens an item to the next; each line where none does."""
    found = ([n for n, line in enumerate(lines) if top.match(line)] for top in _TOPS)
    starts = next((numbers for numbers in found if numbers), [])
    if not starts:
        return [[line] for line in lines] if len(lines) > 1 else []
    if any(not line.strip() for line in lines[: starts[0]]) or starts[0] > 1:
        return []
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def _group_holds(group: list[str]) -> bool:
    """Whether the last thing that is said of an item is that it is met."""
    if (first := _HOLDS_FIRST.match(group[0])) and (not first["value"] or _value_holds(first["value"])):
        return len(group) == 1
    last = group[-1].strip(" \t|-*•")
    holds = _item(last).holds
    return (_value_holds(last) if holds is None else holds) is True


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
    bare = value.strip(" \t.!|()")
    if bare.casefold() in _LETTERS:
        return _LETTERS[bare.casefold()]
    if bare and not re.search(r"[\w\"'`$\\]", bare) and any(ord(sign) > 0x2000 for sign in bare):
        return not bare.strip(_TICKS + " ")
    opening = value.lstrip()[:1]
    said = value_holds(value) if opening.isalnum() or opening in "✓✔✅" else frozenset[bool]()
    return next(iter(said)) if len(said) == 1 else None
