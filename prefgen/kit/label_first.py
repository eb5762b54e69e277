"""Reasons that stand behind a label, or right before a bare one, and go on about the texts. They must speak
for that label certainly: what is praise and what is a fault are short lists of whole clauses, and a clause
that is neither says nothing certain.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from prefgen.kit.label_leanings import NOUN
from prefgen.kit.label_reasons import LIMITS, blames
from prefgen.text.reasoning import any_of

_CLAUSES = re.compile(
    r"(?<=[.!?;:])\s+|\n+|,? (?=(?:while|whereas|but|although|though)\b)|,? (?=and it\b)", re.IGNORECASE
)
_NAME_OF_REASONS = re.compile(
    r"(?:rationale|reason(?:s|ing)?|explanation|justification|comments?|feedback)? ?[:.]*", re.IGNORECASE
)
_DEGREE = r"(?:(?:also|both|much|far|very|clearly|slightly|significantly|more|the more) )*"
_GOOD = (
    r"(?:better|superior|stronger|correct|accurate|complete|clear|detailed|direct|concise|helpful|useful|relevant"
    r"|precise|right|thorough|comprehensive|specific|engaging|informative|to the point|honest"
    r"|safe|safer|clearer|harmless)"
)
_BAD = (
    r"(?:vague|verbose|incomplete|irrelevant|off topic|rambling|repetitive|generic|wrong|incorrect|inaccurate"
    r"|harmful|misleading|dangerous|offensive|unsafe|worse|weaker|inferior)"
)
_REQUEST = (
    r"(?:(?:the|both|all) (?:(?:user|given)(?:'s|’s)? )?(?:questions?|requests?|instructions?|prompt"
    r"|principle|task)|it)"
)
_PIECE = r"(?:answer|response|reply|explanation|summary|solution|account|text|one)"
_WELL = r"(?:directly|correctly|accurately|clearly|completely|fully|precisely|well)"
_MEETS = (
    rf"(?:{_WELL} )?(?:answers|follows|executes|addresses|fulfils|fulfills|meets) {_REQUEST}(?: {_WELL})?"
)


def praises(clause: str, label: str, labels: Sequence[str]) -> bool:
    """Whether a clause is certain praise of the text of `label`, which it names, calls "it" or leaves out."""
    return _forms(label, tuple(labels))[0].fullmatch(clause.strip()) is not None


def faults(clause: str, label: str, labels: Sequence[str]) -> bool:
    """Whether a clause certainly finds fault with the text of `label`."""
    return _forms(label, tuple(labels))[1].fullmatch(clause.strip()) is not None


def clauses_of(text: str, label: str, labels: Sequence[str]) -> list[tuple[str, str]]:
    """(the label that a clause is about, the clause), of a text that begins about `label`."""
    named = re.compile(rf"(?<!\w)(?:{any_of(labels)})(?!\w)")
    found: list[tuple[str, str]] = []
    for clause in _CLAUSES.split(text):
        about = named.search(clause)
        label = about[0] if about else label
        if not _NAME_OF_REASONS.fullmatch(clause.strip()):
            found.append((label, clause))
    return found


def are_reasons_for(label: str, reasons: str, labels: Sequence[str], *, must_name: bool = True) -> bool:
    """Whether every clause of some reasons praises the text of `label`, or finds fault with another. They
    must name a text where `must_name`.
    """
    if must_name and not re.search(rf"(?<!\w)(?:{any_of(labels)})(?!\w)", reasons):
        return False
    clauses = clauses_of(reasons, label, labels)
    return bool(clauses) and all(
        praises(clause, about, labels) if about == label else faults(clause, about, labels)
        for about, clause in clauses
    )


def speaks_for(label: str, said: str, labels: Sequence[str]) -> bool:
    """Whether the last clause of what is said praises the text of `label`, or finds fault with another, and
    none that is about `label` may limit it.
    """
    is_for = False
    for about, clause in clauses_of(said, "", labels):
        if about == label and (LIMITS.search(clause) or _DENIES.search(clause) or blames(clause)):
            return False
        praised = praises if about == label else faults
        is_for = about != "" and praised(clause, about, labels)
    return is_for


_DENIES = re.compile(r"n['’]t\b|\b(?:never|nothing|nobody|nowhere|cannot|hardly|barely)\b", re.IGNORECASE)


@lru_cache(maxsize=64)
def _forms(label: str, labels: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """(a clause of praise, a clause of fault)."""
    own = rf"(?:{NOUN} )?(?-i:{re.escape(label)})"
    others = any_of([other for other in labels if other != label])
    than = rf"(?: than (?:{NOUN} )?(?-i:{others}))?"
    link = r"(?:(?:while|whereas|but|although|though|and) )?"
    good = rf"{_DEGREE}{_GOOD}(?:(?:,|,? and) {_DEGREE}{_GOOD})*{than}"
    bad = rf"(?:less {_GOOD}|(?:too )?{_DEGREE}{_BAD})(?:(?:,|,? and|,? or) (?:too )?{_BAD})*{than}"
    gives = rf"(?:provides|gives|offers) an? {_DEGREE}{_GOOD}(?:(?:,|,? and) {_DEGREE}{_GOOD})* {_PIECE}"
    deed = rf"(?:{_MEETS}|{gives}|answers {_WELL})"
    well = rf"(?:(?:is {good}|{deed})(?:,? and (?:is {good}|{deed}))?)"
    praise = rf"{link}(?:(?:{own}|it) )?{well}(?:,? (?:because|as|since) (?:it )?{well})?"
    no = r"(?:does not|doesn't|doesn’t|fails to|did not)"
    deeds = (
        rf"(?:{_WELL} )?(?:answer|follow|execute|address|fulfil|fulfill|meet)(?: {_REQUEST})?(?: {_WELL})?"
    )
    fails = rf"(?:{no} {deeds}|ignores {_REQUEST})"
    errs = (
        r"(?:has|contains|makes) (?:an?|some|several|many|more) (?:factual |serious )?(?:errors?|mistakes?)"
    )
    ill = rf"(?:is {bad}|{fails}|{errs}|lacks details?|misses the point)"
    fault = (
        rf"{link}(?:{own}|it) {ill}(?:,? and {ill})?{than}"
        rf"|(?:while|whereas|but) {own} (?:does not|doesn't|doesn’t|is not|isn't|isn’t)"
    )
    return (
        re.compile(rf"(?:{praise})[.!;]*", re.IGNORECASE),
        re.compile(rf"(?:{fault})[.!;]*", re.IGNORECASE),
    )
