"""What the clauses of a reason say: well of something, well of all, or ill of something."""

import re

from prefgen.kit.met_clauses import SURELY

_NOTHING_FOLLOWS = re.compile(
    r"(?: ?\w+){0,3}[\s:=?|→-]+(?:none|nothing|no|n/a|not any|0)\b"
    r"(?: (?:found|identified|detected|seen|violated|constraints?|violations?|instructions?"
    r"|requirements?|items?|rules?|of|the|these|them|those|is|are|was|were"
    r"|in|request|prompt|text|response))*(?=[,.!;)\]|]|\s*[-–—(\n]|\s*\Z)",
    re.IGNORECASE,
)
"""Behind the word: it heads a list with nothing in it. "Item 2 is violated: no title." says why."""
_EXCEPTS = re.compile(
    r"\b(?:save|bar|apart|aside|except\w*|besides|other than|only|part(?:ly|ial\w*)?|half"
    r"|most(?:ly)?|almost|nearly|barely"
    r"|scarcely|hardly|largely|mainly|roughly|arguably|technically|somewhat|borderline|more or less"
    r"|(?:sort|kind) of(?=\W*\Z)|in (?:a|some) (?:way|sense)(?=\W*\Z)"
    r"|unclear|debatable|questionable"
    r"|to (?:a|an|some) (?:\w+ )?(?:degree|extent)|close enough)\b"
    r"|\b(?:follow|me?et|satisf|fulfil)\w* (?:\w+ of )?"
    r"(?:some|several|many|few|a (?:few|couple)|one|two|three|four|five|\d+)\b",
    re.IGNORECASE,
)
_CONTRARY = re.compile(
    r"\b(?:nowhere near|far from|the (?:opposite|reverse|contrary)|instead of)\b", re.IGNORECASE
)
_BREAKS_A_RULE = r"break\w* (?:\w+ ){0,2}(?:rule|constraint|instruction|requirement|limit)s?"
_LACKS = r"(?:fault|error|mistake|problem|issue|flaw)s?"
ILL = re.compile(
    r"\b(?:missing|miss(?:es|ed)|lack\w*|omit\w*|violat\w*|un(?:met|satisfied|fulfilled)|wrong"
    r"|incorrect\w*|false"
    r"|forbidden|ignor(?:es|ed)|neglect\w*|disregard\w*|incomplete|non-?compliant|absent|too (?:many|few"
    r"|long|short)"
    r"|exceed(?:s|ed|ing)?(?! (?:\w+ )?expectations)|fail(?:s|ed)?(?! to (?:break|violate|contradict"
    r"|breach|miss|lack|err))"
    r"|left out|skip(?:s|ped)|rambl\w+|stray(?:s|ed)|off[- ](?:topic|task)|badly|poorly|inadequate"
    r"|insufficient\w*|irrelevant|unrelated|inaccurate|untrue|(?:is|was) (?:bad|poor)"
    rf"|{_LACKS}|broken|{_BREAKS_A_RULE})\b(?!-free)",
    re.IGNORECASE,
)
_WELL = re.compile(
    r"\b(?:met|meets?|satisf(?:y|ies|ied)|fulfil\w*|follow(?:s|ed)?|compl(?:y|ies|ied)|adheres?|adhered"
    r"|obeys?|pass(?:es|ed)?"
    r"|correct|right|fine|good|perfect(?:ly)?|complete|present|included|yes|flawless(?:ly)?|spotless|impeccable"
    rf"|excellent|{_LACKS}-free)\b"
    r"|\b(?:all|every\w*|each|both)\b.{0,80}\b(?:there|given|listed|covered|provided|done|in place)\W*\Z",
    re.IGNORECASE,
)
_AS_ASKED = re.compile(
    r"\b(?:what|as) (?:(?:it )?(?:was|were|is|has been) )?(?:asked|requested|required|wanted)\b"
    r"|\bexceeds? (?:\w+ )?expectations\b",
    re.IGNORECASE,
)
_NOT_ASKED = re.compile(
    r"\b(?:is|are|was|were)(?: not|n['’]t) (?:asked|requested|required|wanted)\b"
    r"|\b(?:user|request|prompt|question|task|instruction)s? (?:do|does|did)(?: not|n['’]t)\b",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\b(?:no|none|nothing|neither|nor|not|never|without|cannot|zero|free (?:of|from))\b|n['’]t\b"
    r"|(?<![\w.,:/-])0(?![\w.,:/-]*\w)"
    r"|\bfail\w* to (?=(?:break|violate|contradict|breach|miss|lack|err)\b)",
    re.IGNORECASE,
)
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ALL = re.compile(
    r"\b(?:all|every\w*|each|both|fully)\b|\A\W*(?:so |thus |overall,? )?(?:it|the (?:text|response|reply"
    r"|answer))\b",
    re.IGNORECASE,
)
_NUMBER = rf"\d{{1,3}}|{'|'.join(_NUMBERS)}"
_SHARE = re.compile(
    rf"(?<![\w.,/-])({_NUMBER})(?:/| (?:out )?of (?:the )?)({_NUMBER})(?![\w/-]|[.,]\d)", re.IGNORECASE
)
"""How many of how many: "4 of 5", "5/5", "two of the three"."""
_SHARE_OF_CRITERIA = re.compile(
    rf"{_SHARE.pattern} (?:\w+ ){{0,2}}"
    r"(?:constraints|requirements|criteria|instructions|conditions|checks|(?:(?:is|are|were|was) )?"
    r"(?:met|satisfied|fulfill?ed|followed))\b",
    re.IGNORECASE,
)
_ASKS_FOR_FAULT = re.compile(r"\b(?:violat|fail|break|miss|wrong|error|problem|not|any)\w*", re.IGNORECASE)
_LONGEST_PHRASE = 4
_CLAUSE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|can|will|i|it|this|that|there|they|he|she|we|you)\b"
    r"|['’](?:s|re|ve)\b",
    re.IGNORECASE,
)
_NAMES = re.compile(
    rf"\A\W*(?:an?|the|its?|his|her|their|all|every|each|both)\b|[\"“]|\b(?:\d+|{'|'.join(_NUMBERS[1:])})\b",
    re.IGNORECASE,
)
_SURE = re.compile(
    rf"\A\W*(?:{SURELY}|of course|(?:no|without|beyond) (?:any |a )?doubt|as (?:\w+ )?"
    r"(?:asked|requested|required|expected|instructed|wanted)|in (?:full|all))\W*\Z",
    re.IGNORECASE,
)
_PART_END = re.compile(r"[.!?;:,()\n—–|→]+|\s[-=/]\s|\b(?:and|so|since|because|which|while)\b", re.IGNORECASE)


def leanings_of(text: str) -> set[str]:
    """What the clauses of a text say: "well" of something, "all well", or "ill" of something."""
    found: set[str] = set()
    heading, start = "", 0
    for end in [*_PART_END.finditer(text), None]:
        part = text[start : end.start() if end else len(text)]
        start = end.end() if end else len(text)
        if not part.strip() or _SURE.match(part):
            continue
        is_answered = not heading.endswith("?") or _YES_OR_NO.match(part)
        clause, heading = f"{heading} {part}" if is_answered else part, ""
        ill, denial, share = ILL.search(clause), _DENIES.search(clause), counts_all(clause)
        if (
            ill
            and not denial
            and end
            and end[0].strip(" ")[:1] in (*":?\n(|=→",)
            and _VALUE_NEXT.fullmatch(part)
        ):
            heading = part + end[0][0]  # "Violations:" of "Violations: none"
        elif ill and denial and (denial.start() < ill.start() or _NOTHING_FOLLOWS.match(clause, ill.end())):
            found |= {"well", "all well"}
        elif _NOT_ASKED.search(clause):
            found.add("well")
        elif ill or denial or _CONTRARY.search(clause):
            found.add("ill")
        elif _AS_ASKED.search(clause):
            found.add("well")
        elif share is False:
            found.add("ill")
        elif share and (counts_criteria(clause) or _WELL.search(clause)):
            found |= {"well"} if is_count(clause) else {"well", "all well"}
        elif _EXCEPTS.search(clause):
            found.add("ill")
        elif _WELL.search(clause):
            found |= {"well", "all well"} if _ALL.search(clause) else {"well"}
    return found | {"ill"} if heading and not heading.endswith("?") else found


def counts_all(clause: str) -> bool | None:
    """Whether a clause counts as many as there are: "5 of 5", and not "4 of 5"; None without such a count."""
    share = _SHARE.search(clause)
    if share is None:
        return None
    part, whole = (
        int(word) if word.isdigit() else _NUMBERS.index(word.casefold()) for word in share.groups()
    )
    return part == whole if part <= whole else None


def is_count(clause: str) -> bool:
    """Whether a clause is such a count and nothing else, and no number of an item ("1/5: ...")."""
    bare = clause.strip(" \t|.!;,()[]")
    return _SHARE.fullmatch(bare) is not None and counts_all(bare) is not None


def counts_criteria(clause: str) -> bool | None:
    """Whether a clause counts all criteria as met, where it is about these or a count alone; else None."""
    return counts_all(clause) if is_count(clause) or _SHARE_OF_CRITERIA.search(clause) else None


def heads_nothing(text: str, position: int) -> bool:
    """Whether what stands behind a fault says that there is none: "Violations: none"."""
    return _NOTHING_FOLLOWS.match(text, position) is not None


def asks_for_fault(question: str) -> bool:
    """Whether a question asks for what is violated, wrong or lacking, so that no is its good answer."""
    return _ASKS_FOR_FAULT.search(question) is not None


def begins_surely(remark: str) -> bool:
    """Whether the first words behind a vote are a clause, name something, lean to a side, or are known to
    limit nothing.
    """
    first = next((part for part in _PART_END.split(remark) if part.strip()), "")
    return (
        len(first.split()) > _LONGEST_PHRASE
        or any(form.search(first) for form in (_CLAUSE, _NAMES, _SURE))
        or bool(leanings_of(first))
    )


_YES_OR_NO = re.compile(r"\W*(?:yes|no|none|nothing)\b", re.IGNORECASE)
_VALUE_NEXT = re.compile(
    r"\W*(?:\w+ ){0,4}(?:violat(?:ed|ions?)|errors?|faults?|issues?|problems?)(?: \w+){0,2}\W*", re.IGNORECASE
)
