"""What a vote says beside its yes or no that makes it doubtful: something that is violated beside a yes, a
question that its yes or no may answer, or words behind it that do not go with it.
"""

import re

_QUOTED = re.compile(r"\"[^\"\n]* [^\"\n]*\"|“[^”\n]* [^”\n]*”")
_MARKUP = re.compile(r"[*_`]+")
_CLAUSE_END = re.compile(r"(?<=[.!?;:,\n|])\s*")
_NONE = (
    r"(?:none|nothing|neither|not one|nowhere|no (?:one|(?:\w+ ){0,2}(?:constraint|instruction|requirement"
    r"|rule|item|criteri(?:on|a)|condition|request|part|point|step|word)s?))\b"
)
_DENIED = re.compile(
    rf"\W*(?:\d{{1,2}}\W+)?(?:(?:so|thus|therefore|hence|and|overall|since|as|because|i find|i see) )*{_NONE}"
    r"|.*\b(?:if|unless|whether) \w+",
    re.IGNORECASE,
)
"""A clause that says of nothing that it is violated, or says it of no case at hand."""
_UNFULFILLED = r"(?:not (?:\w+ly )?(?:met|satisfied|fulfilled|followed)|unmet)\b"
_FAULT = re.compile(
    r"(?:\A\W*(?:\d{1,2}\W+)?|\b(?:is|are|was|were|been|seems|appears) (?:\w+ly |also |thus )?)violated?\b"
    r"|\b(?:it|this|text|response|answer|reply|which|sentence|word|line|title) (?:\w+ly |also |thus )?"
    r"violates\b"
    r"|\b(?:is|are|was|were) (?:also |only )?(?:an?|one|two|three|\d+|some|several|clear|minor)(?: \w+)?"
    r" violations?\b"
    r"|\A\W*(?:\d{1,2}\W+)?violations?(?: (?:found|identified|detected))?:"
    rf"|\b{_UNFULFILLED}",
    re.IGNORECASE,
)
_NOTHING_FOLLOWS = re.compile(r"(?: ?\w+){0,3}[\s:=?|-]+(?:none|nothing|no|n/a|not any|0)\b", re.IGNORECASE)
_ASKS = re.compile(r"[?？]\W*\Z")
_ASKS_WHETHER_GOOD = re.compile(
    r"\b(?:follow|meet|met|satisf|pass|fulfil|compl|adhere|obey)\w*", re.IGNORECASE
)
_ASKS_FOR_FAULT = re.compile(r"\b(?:violat|fail|break|miss|wrong|error|problem|not|any)\w*", re.IGNORECASE)
_TURNS = re.compile(
    r"\b(?:but|however|although|though|yet|except|unless|if|would|could|should|still|otherwise|nevertheless"
    r"|despite|wait|actually|sorry|correction|hmm|unsure|cannot|perhaps|maybe|judge?ments?|verdict)\b"
    r"|[?？❌✗✅✓]",
    re.IGNORECASE,
)
_ALL_FOLLOWED = re.compile(
    r"\W*(?:since |as |because )?(?:it|the (?:text|response|reply)|(?:all|every|each|both)\b[\w ]{0,40}?)"
    r" ?\b(?:are|is|was|were|has been|have been)? ?(?:all )?"
    r"(?:met|satisfied|fulfilled|followed|follows|meets|satisfies|fulfils|fulfills)\b[^.!\n]{0,80}[.!)]*\W*",
    re.IGNORECASE,
)
_LIMITS = re.compile(
    r"\b(?:no|none|nothing|neither|nor|not|only|part\w*|half|most|almost|nearly|violat\w*)\b", re.IGNORECASE
)
_LACKS = re.compile(
    r"\b(?:missing|lacks?|exceeds?|fails?|violat(?:es|ed)|wrong|incorrect|only|too (?:many|few|long|short)"
    r"|(?:is|are|was|were|does|do|did|has|have) not|(?:is|are|was|were|does|do|did)n['’]t)\b",
    re.IGNORECASE,
)
_NO_FAULT = re.compile(
    r"\b(?:no|none|nothing|neither|nor|not (?:violat|miss|lack|fail|wrong|incorrect|exceed)\w*|yes|all"
    r"|every\w*|each|(?:not|n['’]t) (?:violate|lack|miss|exceed|fail|break))\b",
    re.IGNORECASE,
)


def names_fault(text: str) -> bool:
    """Whether a text says that something is violated, or not met: "Item 2 is not met.", and not "No
    constraint is violated.", "Violations: none" or what it quotes.
    """
    bare = _MARKUP.sub("", _QUOTED.sub('""', text))
    start = 0
    for end in [*(match.start() for match in _CLAUSE_END.finditer(bare)), len(bare)]:
        clause = bare[start:end]
        fault = _FAULT.search(clause)
        if fault and not _DENIED.match(clause) and not _NOTHING_FOLLOWS.match(bare, start + fault.end()):
            return True
        start = end
    return False


def asks_otherwise(text: str) -> bool:
    """Whether a text ends with a question to which yes is not the good answer, or may not be."""
    if _ASKS.search(text) is None:
        return False
    return not _ASKS_WHETHER_GOOD.search(text) or _ASKS_FOR_FAULT.search(text) is not None


def is_reason_for(remark: str, *, is_yes: bool) -> bool:
    """Whether what stands behind a vote certainly speaks for it: that all is followed for a yes, and for a no
    what is lacking.
    """
    if _TURNS.search(remark):
        return False
    if is_yes:
        return _ALL_FOLLOWED.fullmatch(remark) is not None and not _LIMITS.search(remark)
    return _LACKS.search(remark) is not None and not _NO_FAULT.search(remark)
