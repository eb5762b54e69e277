"""How mathematics is written, before an algebra system reads it: what it would misread is put otherwise, or
said to be unreadable.
"""

import re

_PI = re.compile(r"(?<![A-Za-z\\])pi(?![A-Za-z])")
_MIXED = re.compile(r"(?P<whole>\d+)\s+(?P<part>\d+\s*/\s*\d+)")
_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3})+(?![\d ])")
_MISREAD = re.compile(
    r"\.\.\.|…|\\[lcd]?dots\w*"  # what goes on
    r"|\d:\d\d(?!\d)"  # a time
    r"|['′″]|\\prime"  # feet, minutes of arc, derivatives
    r"|[≈≃≅]|\\(?:approx|simeq?|cong|equiv|pmod|bmod|mod)\b"  # what is no equality
    r"|\\(?:overline|bar|dot|overset)\b"  # periods of decimals
    r"|\d\s+\d"  # numbers side by side
)
"""What math-verify reads as something else."""
_RELATION = re.compile(r"[<>≤≥≠=]|\\(?:l|g|n)(?:e|eq|t)\b|\\(?:neq|in|leqslant|geqslant)\b")
_NAME = r"(?:[A-Za-z]|\\[A-Za-z]+)(?:_\{?\w{1,4}\}?)?(?:\([A-Za-z](?:,\s?[A-Za-z])*\))?"
_SOLVED = re.compile(rf"(?P<name>{_NAME})\s*(?:=|\\in\b)\s*(?P<value>.+)", re.DOTALL)
_SOLVED_BEHIND = re.compile(rf"(?P<value>.+?)\s*=\s*(?P<name>{_NAME})", re.DOTALL)
_PARTS = re.compile(r",\s*|;\s*|\s*(?:\\text\{\s*)?\b(?:or|and)\b(?:\s*\})?\s*")


def readable_form(text: str) -> str | None:
    """A text as an algebra system reads it; None for one that it would misread."""
    plain = _GROUPS.sub(lambda match: match[0].replace(" ", ""), _PI.sub(r"\\pi ", text.strip()))
    plain = plain.strip("$").strip()
    mixed = _MIXED.fullmatch(plain)
    if mixed:
        return f"({mixed['whole']} + {mixed['part']})"
    return None if _MISREAD.search(plain) else plain


def is_relation(text: str) -> bool:
    """Whether it says of something that it is equal to, or larger than, something else."""
    return _RELATION.search(text) is not None


def solved_for(text: str) -> tuple[str, str] | None:
    """(name, its value) where a text gives the values of one name alone, and with it nothing else."""
    match = _SOLVED.fullmatch(text) or _SOLVED_BEHIND.fullmatch(text)
    if match is None:
        return None
    name, value = match["name"], match["value"]
    if is_relation(value):
        values = [_SOLVED.fullmatch(part) for part in _PARTS.split(text)]
        known = [found for found in values if found and found["name"] == name]
        if len(known) != len(values):
            return None
        value = ", ".join(found["value"] for found in known)
    return None if is_relation(value) or has_name(value, name) else (name, value)


def has_name(text: str, name: str) -> bool:
    """Whether a text speaks of that name."""
    return re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])", text) is not None


def kind_of(text: str) -> str:
    """What brackets a text stands in: a set is no interval, and neither is a point."""
    if text.startswith("\\{"):
        return "set"
    return "interval" if text[:1] in "([" and text[-1:] in ")]" and "," in text else ""


def letters_of(text: str) -> str:
    """The letters that a text is made of, where it is nothing else; an algebra system takes no notice of
    their order and case.
    """
    return text if re.fullmatch("[A-Za-z]{1,8}", text) else ""
