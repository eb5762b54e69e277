"""What a vote says beside its yes or no that makes it doubtful: something that is violated beside a yes, a
question that its yes or no may answer, or words behind it that do not go with it.
"""

import re

from prefgen.kit.final_words import is_farewell

_QUOTED = re.compile(r"\"(?=[^\"\n ]* )[^\"\n]*+\"|[“„](?=[^“”„\n ]* )[^“”„\n]*+[”“]")
_MARKUP = re.compile(r"[*_`]+")
_CLAUSE_END = re.compile(r"(?<=[.!?;:,\n|])\s*")
_NONE = r"(?:none|nothing|neither|not one|nowhere|no (?:\w+ ){0,2}\w+)\b"
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
_NOT = r"(?:\bnot|n['’]t)"
_UNFULFILLED = (
    rf"(?:{_NOT} (?:\w+ly )?(?:met|satisfied|fulfilled|followed)"
    r"|\b(?:un(?:met|satisfied|fulfilled)|non-?compliant)|\b(?:do|does|did)(?: not|n['’]t) (?:\w+ly )?"
    r"(?:meet|satisfy|fulfill?|follow|pass|comply|adhere|obey|respect))\b"
)
_FAULT = re.compile(
    r"(?:\A\W*(?:\d{1,2}\W+)?|\b(?:is|are|was|were|been|seems|appears) (?:\w+ly |also |thus )?)violated?\b"
    r"|\b(?:it|this|text|response|answer|reply|which|sentence|word|line|title|so|thus) (?:\w+ly |also "
    r"|thus )?(?:violates|contravenes|(?:fails|lacks|misses|ignores|neglects|disregards|overlooks|forgets"
    r"|contradicts)"
    r"(?! to (?:break|violate|contradict|breach|miss|lack|err)\b)|exceeds(?! (?:\w+ )?expectations)"
    r"|breaks (?:\w+ ){0,3}(?:rule|constraint|instruction|requirement|limit)s?|deviates from|falls short)\b"
    r"|\b(?:is|are|was|were|been) (?:\w+ly |also |thus )?(?:missing|absent|exceeded|incomplete|wrong"
    r"|incorrect|too (?:long|short|many|few))\b"
    r"|\bonly (?:one|two|three|four|five|six|seven|eight|nine|ten|\d+) of (?:the )?(?:\w+|\d+)\b"
    r"|\b(?:is|are|was|were) (?:also |only )?(?:an?|one|two|three|\d+|some|several|clear|minor)(?: \w+)?"
    r" violations?\b"
    r"|\A\W*(?:\d{1,2}\W+)?violations?(?: (?:found|identified|detected))?:"
    rf"|{_UNFULFILLED}",
    re.IGNORECASE,
)
_MARKED_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(?P<item>[^\n]*)$", re.MULTILINE)
_ITEM_FAILS = re.compile(
    r"(?P<name>[^\n]*?)(?::|=|→|[ \t][-–—])[ \t]*(?:no|fail(?:s|ed)?|false"
    r"|missing|absent|violated|un(?:met|satisfied)"
    r"|not (?:met|satisfied|followed|there|given|present))(?=[.,;!]|[ \t]*\Z|[ \t]+[-–—(])",
    re.IGNORECASE,
)
_BARE_ITEM = re.compile(
    r"^[ \t]*(?P<item>[^\W\d_][^\n:.!?=→|]{0,40}(?<! )(?::|=)[ \t]*\w+(?: \w+){0,2}[.!]*)[ \t]*$",
    re.MULTILINE,
)
"""An item without a bullet: a name and a value of a few words, and nothing else on the line."""
_ITEM_HOLDS = re.compile(
    r"[^\n]*(?::|=|→|[ \t][-–—])[ \t]*(?:(?:is )?(?:met|satisfied|fulfilled|followed)|yes|ok|pass(?:es"
    r"|ed)?|[✓✔✅])[\s.!✓✔✅]*",
    re.IGNORECASE,
)
"""How an item of a list ends that is not met, and one that is."""
_CROSS = re.compile(r"[❌✗✘]")
_EXCUSED = re.compile(
    r"[^.!?;\n]{0,100}\b(?:as|like) (?:(?:it )?(?:was|were|is|has been) )?"
    r"(?:asked|requested|required|instructed|demanded|wanted|desired|it should)\b",
    re.IGNORECASE,
)
"""Behind a lack: it was asked for."""
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
    r"|despite|i (?:was|am) (?:wrong|mistaken)|wait|actually|sorry|correction|hmm|unsure|cannot|perhaps"
    r"|i (?:guess|suppose)|not (?:sure|certain)"
    r"|maybe|judge?ments?|verdict)\b|[?？❌✗✅✓]",
    re.IGNORECASE,
)
_EXCEPTS = re.compile(
    r"\b(?:save|bar|apart|aside|except\w*|besides|other than|only|part(?:ly|ial\w*)?|half"
    r"|most(?:ly)?|almost|nearly|barely"
    r"|scarcely|hardly|largely|mainly|roughly|arguably|technically|somewhat|borderline|more or less"
    r"|(?:sort|kind) of(?=\W*\Z)|in (?:a|some) (?:way|sense)(?=\W*\Z)"
    r"|unclear|debatable|questionable"
    r"|to (?:a|an|some) (?:\w+ )?(?:degree|extent)|close enough|nowhere near|far from"
    r"|the opposite|instead of)\b"
    r"|\b(?:follow|me?et|satisf|fulfil)\w* (?:\w+ of )?"
    r"(?:some|several|many|few|a (?:few|couple)|one|two|three|four|five|\d+)\b",
    re.IGNORECASE,
)
_BREAKS_A_RULE = r"break\w* (?:\w+ ){0,2}(?:rule|constraint|instruction|requirement|limit)s?"
_LACKS = r"(?:fault|error|mistake|problem|issue|flaw)s?"
_ILL = re.compile(
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
    r"|\b(?:all|every\w*|each|both)\b.{0,80}\b(?:there|given|listed|covered|provided|in place)\W*\Z",
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
_DENIAL_ALONE = re.compile(r"\W*(?:none|nothing|zero|0)\W*", re.IGNORECASE)
"""It does not say of what there is none."""
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ALL = re.compile(
    r"\b(?:all|every\w*|each|both|fully)\b|\A\W*(?:so |thus |overall,? )?(?:it|the (?:text|response|reply"
    r"|answer))\b",
    re.IGNORECASE,
)
_SHARE = re.compile(
    rf"(?<![\w.,/-])(?P<part>\d{{1,3}}|{'|'.join(_NUMBERS)})"
    rf"(?:/| (?:out )?of (?:the )?)(?P<whole>\d{{1,3}}|{'|'.join(_NUMBERS)})(?![\w/-]|[.,]\d)",
    re.IGNORECASE,
)
"""How many of how many: "4 of 5", "5/5", "two of the three"."""
_PART_END = re.compile(r"[.!?;:,()\n—–]+|\s-\s|\b(?:and|so|since|because|which|while)\b", re.IGNORECASE)


def names_fault(text: str) -> bool:
    """Whether a text says that something is violated, lacking or not met: "Item 2 is not met.", "2. Title: ✗"
    and not "No constraint is violated.", "Violations: none" or what it quotes.
    """
    bare = _MARKUP.sub("", _QUOTED.sub('""', text))
    items = [*_MARKED_ITEM.finditer(bare), *_BARE_ITEM.finditer(bare)]
    if _CROSS.search(bare) or any(_is_failed(item["item"]) for item in items):
        return True
    start = 0
    for end in [*(match.start() for match in _CLAUSE_END.finditer(bare)), len(bare)]:
        clause = bare[start:end]
        denied_from = 0
        for fault in _FAULT.finditer(clause):
            if _NOTHING_FOLLOWS.match(bare, start + fault.end()) or _EXCUSED.match(bare, start + fault.end()):
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


def _is_failed(item: str) -> bool:
    """Whether an item of a list ends on "no", of something that is not itself a fault: "Title: no"."""
    failed = _ITEM_FAILS.match(item)
    return failed is not None and not (
        "?" in failed["name"]
        or _ASKS_FOR_FAULT.search(failed["name"])
        or _ILL.search(failed["name"])
        or _EXCUSED.match(item, failed.end())
    )


def says_all_is_well(text: str) -> bool:
    """Whether a text says of all that it is followed, or that nothing is violated, and names nothing that is
    lacking: "All constraints are met.", "Violations: none". The mirror of `names_fault`.
    """
    bare = _MARKUP.sub("", _QUOTED.sub('""', text))
    leanings = _leanings(bare)
    if "ill" in leanings or names_fault(text):
        return False
    lines = [line for line in bare.splitlines() if line.strip() and not line.rstrip().endswith(":")]
    items = [match["item"] for match in _MARKED_ITEM.finditer(bare)] or lines
    asks_for_fault = any(_ASKS_FOR_FAULT.search(line) for line in re.findall(r"[^.!?\n]*[?？]", bare))
    return "all well" in leanings or asks_for_fault or bool(items and all(map(_ITEM_HOLDS.fullmatch, items)))


def _leanings(text: str) -> set[str]:
    """What the clauses of a text say: "well" of something, "all well", or "ill" of something."""
    found: set[str] = set()
    heading, start = "", 0
    for end in [*_PART_END.finditer(text), None]:
        part = text[start : end.start() if end else len(text)]
        start = end.end() if end else len(text)
        if not part.strip():
            continue
        is_answered = not heading.endswith("?") or _YES_OR_NO.match(part)
        clause, heading = f"{heading} {part}" if is_answered else part, ""
        ill, denial, share = _ILL.search(clause), _DENIES.search(clause), _has_all_of(clause)
        if ill and not denial and end and end[0][0] in ":?\n(" and _VALUE_NEXT.fullmatch(part):
            heading = part + end[0][0]  # "Violations:" of "Violations: none"
        elif ill and denial and (denial.start() < ill.start() or _NOTHING_FOLLOWS.match(clause, ill.end())):
            found |= {"well", "all well"}
        elif _NOT_ASKED.search(clause):
            found.add("well")
        elif ill or denial:
            found.add("ill")
        elif _AS_ASKED.search(clause):
            found.add("well")
        elif share is not None:
            found.add("well" if share else "ill")
        elif _EXCEPTS.search(clause):
            found.add("ill")
        elif _WELL.search(clause):
            found |= {"well", "all well"} if _ALL.search(clause) else {"well"}
    return found | {"ill"} if heading and not heading.endswith("?") else found


def _has_all_of(clause: str) -> bool | None:
    """Whether a clause counts as many as there are: "5 of 5", and not "4 of 5"; None without such a count."""
    share = _SHARE.search(clause)
    if share is None:
        return None
    words = share.group("part", "whole")
    part, whole = (int(word) if word.isdigit() else _NUMBERS.index(word.casefold()) for word in words)
    return part == whole if part <= whole else None


_YES_OR_NO = re.compile(r"\W*(?:yes|no|none|nothing)\b", re.IGNORECASE)
_VALUE_NEXT = re.compile(
    r"\W*(?:\w+ ){0,4}(?:violat(?:ed|ions?)|errors?|faults?|issues?|problems?)(?: \w+){0,2}\W*", re.IGNORECASE
)


def asks_otherwise(text: str) -> bool:
    """Whether a text ends with a question to which yes is not the good answer, or may not be."""
    if _ASKS.search(text) is None:
        return False
    return not _ASKS_WHETHER_GOOD.search(text) or _ASKS_FOR_FAULT.search(text) is not None


def without_farewell(remark: str) -> str:
    """What stands behind a vote without rules and the words by which a reply ends."""
    lines = remark.splitlines()
    while lines and (not lines[-1].strip(" *_=-") or is_farewell(lines[-1].strip(" *_"))):
        lines.pop()
    return "\n".join(lines).strip(" ,;:-–—(*_\n")


def asks_for_fault(question: str) -> bool:
    """Whether a question asks for what is violated, wrong or lacking, so that no is its good answer."""
    return _ASKS_FOR_FAULT.search(question) is not None


def is_reason_for(remark: str, *, is_yes: bool) -> bool:
    """Whether what stands behind a vote goes with it: nothing that is lacking or left out behind a yes,
    nothing that is followed behind a no, and no turn.
    """
    if _DENIAL_ALONE.fullmatch(remark):
        return False
    return not _TURNS.search(remark) and ("ill" if is_yes else "well") not in _leanings(remark)
