"""Reasons that stand behind a label, or right before a bare one, and go on about the texts. They must speak
for that label certainly: what is praise and what is a fault are short lists of whole clauses, and a clause
that is neither says nothing certain.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from prefgen.kit.label_leanings import ILL, NOUN
from prefgen.kit.label_reasons import blames, mentions, says_better, says_tie
from prefgen.kit.plain_words import plain
from prefgen.text.reasoning import any_of

_CLAUSES = re.compile(
    r"(?<=[.!?;:])\s+|\n+|,? (?=(?:while|whereas|but|although|though)\b)|, (?=(?:so|making|which makes)\b)"
    rf"|,? (?=and (?:it\b|(?:{NOUN} )?[\"'(\[]?(?-i:[A-Z0-9])(?!\w)))",
    re.IGNORECASE,
)
_NEXT_TEXT = re.compile(
    rf", (?=(?:{NOUN} )(?-i:[A-Z0-9])(?!\w)|(?-i:[A-Z0-9]) (?:is|was|does|did|has|fails|lacks|isn|doesn)\b)",
    re.IGNORECASE,
)
"""Behind a clause on a text: "Text A answers, B does not"."""
_NAME_OF_REASONS = re.compile(
    r"(?:rationale|reason(?:s|ing)?|explanation|justification|comments?|feedback)? ?[:.]*", re.IGNORECASE
)
_COMPARED_WITH = re.compile(
    rf"\bthan\b.*|\b(?:unlike|(?:compared|in contrast) (?:to|with)) (?:{NOUN} )?(?-i:[A-Z0-9])(?!\w)",
    re.IGNORECASE | re.DOTALL,
)
"""Behind it a text is what another one is compared with."""
_DEGREE = r"(?:(?:also|both|much|far|very|clearly|slightly|significantly|more|the more) )*"
_GOOD = (
    r"(?:better|superior|stronger|correct|accurate|complete|clear|detailed|direct|concise|helpful|useful|relevant"
    r"|precise|right|thorough|comprehensive|specific|engaging|informative|to the point|honest"
    r"|safe|safer|clearer|harmless|excellent|perfect|good|fine|great|strong|on point)"
)
_BAD = (
    rf"(?:{ILL}|vague|verbose|incomplete|irrelevant|off topic|rambling|repetitive|generic|worse|weaker"
    r"|inferior)"
)
_REQUEST = (
    r"(?:(?:the|both|all) (?:(?:user|given)(?:'s|’s)? )?(?:questions?|requests?|instructions?|prompt"
    r"|principle|task)|it)"
)
_LINK = r"(?:(?:while|whereas|but|although|though|and|so|however|only|still|then),? )*"
_CONCEDES = re.compile(r"\W*(?:while|although|though|even though)\b", re.IGNORECASE)
_GOES_ON = re.compile(r"\W*(?:but|however|yet|still|nevertheless)\b", re.IGNORECASE)
"""How what is conceded begins, and what counts behind it."""
_MAIN_CLAUSE = re.compile(r", (?=it\b)", re.IGNORECASE)
_IS_WHAT_COUNTS = re.compile(
    rf"\b(?:this|that|which) (?:\w+ly )?(?:helps|serves|matters|counts|is {_GOOD}"
    r"|is (?:\w+ly )?what (?:counts|matters|is needed|was asked|the user))\b",
    re.IGNORECASE,
)
"""What follows a description and makes praise of it."""
_MAY_LIMIT = re.compile(
    r"n['’]t\b|\b(?:not?|never|nothing|nobody|nowhere|cannot|hardly|barely|seldom|scarcely|but|however|though"
    r"|although|yet|could|should|would|might|claims?|neither(?! text)|nor|second|first|former|latter"
    r"|other(?! hand)|rival)\b",
    re.IGNORECASE,
)
_DECIDES = re.compile(
    r"\b(?:i|i['’]\w+|we|my|choice|pick|point|vote|edge|preferred|preference|verdict)\b", re.IGNORECASE
)
_PIECE = r"(?:answer|response|reply|explanation|summary|solution|account|text|one)"
_WELL = r"(?:better|directly|correctly|accurately|clearly|completely|fully|precisely|well)"
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
    parts = [
        part
        for clause in _CLAUSES.split(plain(text))
        for part in (_NEXT_TEXT.split(clause) if named.search(clause.partition(",")[0]) else (clause,))
    ]
    for clause in parts:
        about = named.search(_COMPARED_WITH.sub("", clause))
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


def speaks_for(label: str, said: str, labels: Sequence[str], *, about: str = "") -> bool:
    """Whether what is said certainly speaks for `label` alone: each clause that is about a text praises its
    text or finds fault with another. It begins about the text of `about`.
    """
    clauses = [(about, clause) for about, clause in clauses_of(said, about, labels) if about]
    return bool(clauses) and all(
        praises(clause, about, labels) if about == label else faults(clause, about, labels)
        for about, clause in clauses
    )


def names_texts(said: str, labels: Sequence[str]) -> bool:
    """Whether what is said ends on a sentence about one of the texts, and names them by nothing but their
    labels: a label within a sentence ("it picks B") may be what a text says.
    """
    label = any_of(labels)
    text = rf"\b(?:{_TEXT}) [\"'(\[]?(?-i:{label})(?!\w)"
    last = _SENTENCE_END.split(plain(said).strip())[-1]
    bare = re.sub(text, "", said, flags=re.IGNORECASE)
    is_object = re.search(rf"\w,? [\"'(\[]?(?:{label})(?!\w)", bare) is not None
    return re.search(text, last, re.IGNORECASE) is not None and not is_object


_TEXT = r"text|reply|response|assistant|model|output|candidate"
"""What a label is that stands before a text; "option B" may be one of the request."""
_SENTENCE_END = re.compile(r"(?<=[.!?。？！])\s+|\n+")


def turns_away(label: str, reasons: str, labels: Sequence[str]) -> bool:
    """Whether reasons behind a label may speak for another one, or against their own: that may be a turn. A
    "but" between a clause on another text and one on its own speaks for neither by itself.
    """
    clauses = _weighed(clauses_of(reasons, label, labels), labels)
    is_own = [about == label for about, _ in clauses]
    if "?" in reasons or not clauses or says_tie(reasons):
        return True
    for number, (about, clause) in enumerate(clauses):
        if about == label:
            if number and not is_own[number - 1]:
                clause = re.sub(rf"\A\W*{_LINK}", "", clause, flags=re.IGNORECASE)
            is_turn = faults(clause, about, labels) or _MAY_LIMIT.search(clause) or blames(clause)
        elif any(is_own):
            is_conceded = _CONCEDES.match(clause) or (
                is_own[number + 1 : number + 2] == [True] and _GOES_ON.match(clauses[number + 1][1])
            )
            is_turn = (praises(clause, about, labels) and not is_conceded) or not (
                _is_of(clause, about, labels) or faults(clause, about, labels)
            )
        else:
            is_turn = not faults(clause, about, labels)
        if is_turn:
            return True
    return False


def _weighed(clauses: list[tuple[str, str]], labels: Sequence[str]) -> list[tuple[str, str]]:
    """The clauses, with praise alone where a text is excused: "although it is vague, it is accurate"."""
    parts = [
        (about, part)
        for about, clause in clauses
        for part in (_MAIN_CLAUSE.split(clause, maxsplit=1) if _CONCEDES.match(clause) else (clause,))
    ]
    found: list[tuple[str, str]] = []
    for about, clause in parts:
        is_main = bool(found) and found[-1][0] == about and _turns_from(found[-1][1], clause)
        said = re.sub(rf"\A\W*{_LINK}", "", clause, flags=re.IGNORECASE)
        is_clear = not (_MAY_LIMIT.search(said) or blames(said) or faults(said, about, labels))
        is_excused = is_main and not mentions(said, labels) and faults(found[-1][1], about, labels)
        if is_clear and (is_excused or (is_main and praises(said, about, labels))):
            found[-1] = (about, "it is good")
        else:
            found.append((about, clause))
    return found


def _turns_from(conceded: str, clause: str) -> bool:
    return _CONCEDES.match(conceded) is not None or _GOES_ON.match(clause) is not None


def _is_of(clause: str, label: str, labels: Sequence[str]) -> bool:
    """Whether a clause is about the text of a label by its subject, or goes on about it without a label, and
    is no decision for it.
    """
    subject = rf"\W*{_LINK}(?:the )?(?:{_TEXT}) [\"'(\[]?(?-i:{re.escape(label)})[\"')\]]?(?!\w)"
    is_subject = re.match(subject, clause, re.IGNORECASE) is not None
    goes_on = not (mentions(clause, labels) or says_better(clause) or _IS_WHAT_COUNTS.search(clause))
    return (is_subject or goes_on) and not _DECIDES.search(clause)


@lru_cache(maxsize=64)
def _forms(label: str, labels: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """(a clause of praise, a clause of fault)."""
    own = rf"(?:{NOUN} )?(?-i:{re.escape(label)})"
    others = any_of([other for other in labels if other != label])
    than = rf"(?: than (?:{NOUN} )?(?-i:{others}))?"
    good = rf"{_DEGREE}{_GOOD}(?:(?:,|,? and) {_DEGREE}{_GOOD})*{than}"
    bad = rf"(?:less {_GOOD}|too \w+|(?:too )?{_DEGREE}{_BAD})(?:(?:,|,? and|,? or) (?:too )?{_BAD})*{than}"
    gives = rf"(?:provides|gives|offers) an? {_DEGREE}{_GOOD}(?:(?:,|,? and) {_DEGREE}{_GOOD})* {_PIECE}"
    deed = rf"(?:{_MEETS}|{gives}|answers(?: {_WELL})?)"
    well = rf"(?:(?:is {good}|{deed}|is not {_BAD})(?:,? and (?:is {good}|{deed}))?(?: too| as well| also)?)"
    praise = rf"{_LINK}(?:only )?(?:(?:{own}|it) )?{well}(?:,? (?:because|as|since) (?:it )?{well})?"
    no = r"(?:does not|doesn't|doesn’t|fails to|did not|never|cannot|can't|can’t)"
    deeds = (
        rf"(?:{_WELL} )?(?:answer|follow|execute|address|fulfil|fulfill|meet)(?: {_REQUEST})?(?: {_WELL})?"
    )
    isnt = r"(?:is (?:not|never|seldom|hardly|scarcely)|isn't|isn’t)"
    fails = rf"(?:{no} {deeds}|never {_MEETS}|ignores {_REQUEST}|{isnt} {_GOOD}|(?:is|does)(?: not|n['’]t))"
    errs = (
        r"(?:has|contains|makes) (?:an?|some|several|many|more) (?:factual |serious )?(?:errors?|mistakes?)"
    )
    amiss = (
        r"(?:rambles(?: on)?|hallucinates(?: [^.,;:]{1,60})?|is an? (?:\w+ )?(?:refusal|hallucination)"
        r"|refuses(?: to \w+)?|strays|goes off topic)"
    )
    ill = rf"(?:is {bad}|{fails}|{errs}|{amiss}|lacks details?|misses the point)"
    fault = rf"{_LINK}(?:{own}|it) {ill}(?:,? and {ill})?{than}"
    return (
        re.compile(rf"(?:{praise})[.!;]*", re.IGNORECASE),
        re.compile(rf"(?:{fault})[.!;]*", re.IGNORECASE),
    )
