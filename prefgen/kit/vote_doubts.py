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
    r"(?:.*\b(?:and|so|since|as|because) )?\W*(?:\d{1,2}\W+)?"
    rf"(?:(?:so|thus|therefore|hence|and|overall|since|as|because|i find|i see) )*(?:that )?{_NONE}"
    r"|.*\b(?:if|unless|whether)\b",
    re.IGNORECASE,
)
"""What opens a clause that says of nothing that it is violated, or says it of no case at hand."""
_OTHER_SUBJECT = re.compile(
    r"\b(?:so|but|except|excepting|apart|save|bar|besides|other|then|thus|hence|therefore|is|are|was|were|has"
    r"|have|had|and (?:so|thus|then|the|this|it|item|constraint|rule|requirement|instruction|point|\d))\b",
    re.IGNORECASE,
)
"""Between such an opening and what is violated: then that is not what the opening denies."""
_EXCEPTION = re.compile(
    r"[^.!?\n]{0,200}\b(?:except|excepting|exceptions?|save|bar|besides|(?:apart|aside) from|other than"
    r"|but (?:for|one|item|not)|only (?:item|the \w+(?:st|nd|rd|th)|\d))\b",
    re.IGNORECASE,
)
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
_NOTHING_FOLLOWS = re.compile(
    r"(?: ?\w+){0,3}[\s:=?|-]+(?:none|nothing|no|n/a|not any|0)\b"
    r"(?: (?:found|identified|detected|seen|violated|constraints?|violations?|instructions?"
    r"|requirements?|items?|rules?|of|the|these|them|those|is|are|was|were"
    r"|in|request|prompt|text|response))*(?=[,.!;)\]|]|\s*[-–—(\n]|\s*\Z)",
    re.IGNORECASE,
)
"""Behind the word: it heads a list with nothing in it. "Item 2 is violated: no title." says why."""
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
    r"\b(?:no|none|nothing|neither|nor|not|only|part\w*|half|most|almost|nearly|violat\w*|save|bar|apart|aside"
    r"|except\w*|besides|other than)\b"
    r"|\b(?:follow|me?et|satisf|fulfil)\w* (?:\w+ of )?"
    r"(?:some|several|many|few|a (?:few|couple)|one|two|three|four|five|\d+)\b",
    re.IGNORECASE,
)
_LACKS = re.compile(
    r"\b(?:missing|lacks?|violat(?:es|ed)|wrong|incorrect|too (?:many|few|long|short)"
    r"|exceeds? (?:the )?(?:[\w-]+ ){0,3}(?:limit|maximum|length|count|number|words|sentences|lines|\d+)"
    r"|fails?(?! to (?:break|violate|contradict|breach|miss|lack|err))"
    r"|only (?:[a-z]+ )?(?:one|two|three|four|five|six|seven|eight|nine|ten|some|part|half|\d+)"
    r"|(?:is|are|was|were|does|do|did|has|have) not|(?:is|are|was|were|does|do|did)n['’]t)\b",
    re.IGNORECASE,
)
_NO_FAULT = re.compile(
    r"\b(?:no|none|nothing|neither|nor|yes|all|every\w*|each|i)\b"
    r"|(?:\bnot|n['’]t) (?:\w+ ){0,2}(?:violat|lack|miss|exceed|fail|wrong|incorrect|fault|error|mistake"
    r"|problem|issue|flaw|break\w* (?:\w+ ){0,2}(?:rule|constraint|instruction|requirement|limit))\w*"
    r"|\b(?:is|are|was|were)(?: not|n['’]t) (?:asked|requested|required|wanted)\b"
    r"|\b(?:user|request|prompt|question|task|instruction)s? (?:do|does|did)(?: not|n['’]t)\b",
    re.IGNORECASE,
)
"""A denied fault, or what was not asked for."""


def names_fault(text: str) -> bool:
    """Whether a text says that something is violated, or not met: "Item 2 is not met.", and not "No
    constraint is violated.", "Violations: none" or what it quotes.
    """
    bare = _MARKUP.sub("", _QUOTED.sub('""', text))
    start = 0
    for end in [*(match.start() for match in _CLAUSE_END.finditer(bare)), len(bare)]:
        clause = bare[start:end]
        denied_from = 0
        for fault in _FAULT.finditer(clause):
            if _NOTHING_FOLLOWS.match(bare, start + fault.end()):
                continue
            denial = _DENIED.match(clause, denied_from, fault.end())
            denied_from = denial.end() if denial else denied_from
            if (
                not denied_from
                or _OTHER_SUBJECT.search(clause, denied_from, fault.start())
                or _EXCEPTION.match(bare, start + fault.end())
            ):
                return True
            denied_from = fault.end()
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
