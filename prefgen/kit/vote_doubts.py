"""What a vote says beside its yes or no that makes it doubtful: something that is violated beside a yes, a
question that its yes or no may answer, or words behind it that do not go with it.
"""

import re

from prefgen.kit.final_words import is_farewell
from prefgen.kit.reason_leanings import (
    asks_for_fault,
    begins_surely,
    counts_criteria,
    heads_nothing,
    leanings_of,
)
from prefgen.kit.vote_items import all_items_hold, has_failed_item, is_excused

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
    rf"(?:{_NOT} (?:\w+ly )?(?:met|satisfied|fulfilled|followed|respected|obeyed"
    r"|adhered to|complied with)"
    r"|\b(?:un(?:met|satisfied|fulfilled)|non-?compliant)|\b(?:do|does|did)(?: not|n['’]t) (?:\w+ly )?"
    r"(?:meet|satisfy|fulfill?|follow|pass|comply|adhere|obey|respect))\b"
)
_CRITERION = r"(?:criteri(?:on|a)|requirement|condition|constraint|instruction|rule|item)s?"
_FAULT = re.compile(
    r"(?:\A\W*(?:\d{1,2}\W+)?|\b(?:is|are|was|were|been|seems|appears) (?:\w+ly |also |thus )?)violated?\b"
    r"|\b(?:it|this|text|response|answer|reply|which|sentence|word|line|title|so|thus) (?:\w+ly |also "
    r"|thus )?(?:violates|contravenes|(?:fails|lacks|misses|ignores|neglects|disregards|overlooks|forgets"
    r"|omits|skips|leaves out"
    r"|contradicts)"
    r"(?! to (?:break|violate|contradict|breach|miss|lack|err)\b)|exceeds(?! (?:\w+ )?expectations)"
    r"|breaks (?:\w+ ){0,3}(?:rule|constraint|instruction|requirement|limit)s?|deviates from|falls short)\b"
    r"|\b(?:is|are|was|were|been) (?:\w+ly |also |thus )?(?:missing|(?P<absent>absent)|exceeded|incomplete"
    r"|wrong|omitted|skipped|left out|lacking"
    r"|incorrect|too (?:long|short|many|few))\b"
    r"|\bonly (?:one|two|three|four|five|six|seven|eight|nine|ten|\d+) of (?:the )?(?:\w+|\d+)\b"
    r"|\b(?:is|are|was|were) (?:also |only )?(?:an?|one|two|three|\d+|some|several|clear|minor)(?: \w+)?"
    r" violations?\b"
    r"|\A\W*(?:\d{1,2}\W+)?violations?(?: (?:found|identified|detected))?:"
    rf"|{_CRITERION}(?: \d+)? (?:\w+ly |also |thus )?fails?"
    r"(?! to (?:break|violate|contradict|miss|lack|err)\b)"
    r"|\bthat(?:['’]s| is) an? (?:\w+ )?violation\b"
    r"|\A\W*(?:an? )?violation(?: (?:found|identified|detected))?\b"
    rf"|\bnot (?:all|every|each)\b(?: of)?(?: the| these)? {_CRITERION}"
    r"|\b(?:all|every(?:thing)?) (?:\w+ ){0,6}?"
    r"(?:except|excepting|but|save for|apart from|other than)\b(?! also\b)"
    r"|\b(?:part(?:ly|ially)|mostly|largely) (?:met|meets?|satisf|fulfil|compl[yi]|adhere|obey"
    r"|followed(?! by\b)|follow(?:s|ing)?"
    rf" (?:(?:the|this|these|its|all|every|what)|{_CRITERION})\b)"
    r"|\b(?:but|and|while|whereas) the (?:\w+(?:st|nd|rd|th)|last|latter|others?|rest)"
    r"(?: (?:one|item|part)s?)? (?:is|are|was|were|does|do|did|has|have)(?: not|n['’]t)\W*\Z"
    rf"|{_UNFULFILLED}",
    re.IGNORECASE,
)
_UNWANTED = re.compile(r"\b(?:forbidden|banned|prohibited|unwanted)\b", re.IGNORECASE)
"""What is well where it is absent. Where all is met behind it, that is anything."""
_CROSS = re.compile(
    r"[❌✗✘✖✕☒☓🚫⛔❎👎⚠🔴🟥🛑❗]|(?<![\w)])[ \t]?×(?![ \t]?[\w(])|(?m:^[ \t]*(?:[-*•] ?)?× )"
)
_COUNTS_FAILED = re.compile(
    r"^\W*(?:failed|violated|unmet)[^\n:]{0,20}: ?[1-9]", re.IGNORECASE | re.MULTILINE
)
_FOLLOWS_NOT = re.compile(
    r"\b(?:follow|me?et|satisf|fulfil|compl[yi]|adhere|obey)[^.!?\n]*[?？]\W{0,6}no\b(?=\W*\Z|\s*[.,;:!\n])",
    re.IGNORECASE,
)
_NONE_MET = re.compile(
    r"(?:\A|[.!?;:\n]\W*|\b(?:so|thus|therefore|hence),? )(?:none of (?:the|these)|no)"
    rf" (?:requested |required )?{_CRITERION} (?:is|are|was|were)"
    r" (?:met|satisfied|fulfill?ed|followed|respected|provided|given)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"(?:\A|(?<=[.!?\n]))[^.!?\n]*[?？]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
_ALL_IS_MET = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|overall|and)\b,? )?"
    rf"(?:(?:all|each|every|both)(?: of)?(?: the| these)?(?: \d+| two| three| four| five)?(?: {_CRITERION})?"
    r" (?:is|are|was|were) (?:\w+ly )?(?:met|satisfied|fulfill?ed|followed|respected)"
    r"|(?:the )?(?:text|response|answer|reply|it) (?:\w+ly )?(?:follows|meets|satisfies|fulfill?s|respects)"
    rf" (?:all|every|each)(?: of)?(?: the| these)? {_CRITERION}"
    r"|everything(?: that (?:is|was) asked(?: for)?)? is (?:met|done|satisfied|followed)"
    rf"|the (?:only|single|sole) {_CRITERION} (?:is|was) (?:\w+ly )?(?:met|satisfied|fulfill?ed|followed)"
    r"|the (?:text|response|answer|reply) does everything that (?:is|was) asked(?: for)?"
    rf"|(?:nothing|no {_CRITERION}|none of the {_CRITERION}) (?:is|are|was|were) violated"
    r"|(?:there (?:is|are|were) )?no violations?(?: (?:is|are|was|were))?(?: found)?)\W*",
    re.IGNORECASE,
)
"""A sentence by which nothing is lacking, of no part of the request and no others alone."""
_ASKS = re.compile(r"[?？]\W*\Z")
_ASKS_WHETHER_GOOD = re.compile(
    r"\b(?:follow|meet|met|satisf|pass|fulfil|compl|adhere|obey)\w*", re.IGNORECASE
)
_DENIAL_ALONE = re.compile(r"\W*(?:none|nothing|zero|0)\W*", re.IGNORECASE)
"""It does not say of what there is none."""
_TURNS = re.compile(
    r"\b(?:but|however|although|though|yet|except|unless|if|would|could|should|still|otherwise|nevertheless"
    r"|despite|i (?:was|am) (?:wrong|mistaken)|wait|actually|sorry|correction|hmm|unsure|cannot|perhaps"
    r"|i (?:guess|suppose)|not (?:sure|certain)"
    r"|maybe|judge?ments?|verdict)\b|[?？❌✗✅✓]",
    re.IGNORECASE,
)


def names_fault(text: str) -> bool:
    """Whether a text says that something is violated, lacking or not met: "Item 2 is not met.", "2. Title: ✗"
    and not "No constraint is violated.", "Violations: none" or what it quotes.
    """
    bare = _MARKUP.sub("", _QUOTED.sub('""', text))
    forms = (_CROSS, _COUNTS_FAILED, _FOLLOWS_NOT, _NONE_MET)
    if any(form.search(bare) for form in forms) or has_failed_item(bare):
        return True
    is_all_met = _ends_on_all_met(bare)
    start = 0
    for end in [*(match.start() for match in _CLAUSE_END.finditer(bare)), len(bare)]:
        clause = bare[start:end]
        if counts_criteria(clause) is False:
            return True
        denied_from = 0
        for fault in _FAULT.finditer(clause):
            end_of_fault = start + fault.end()
            is_wanted = fault["absent"] and (is_all_met or _UNWANTED.search(clause))
            if is_wanted or heads_nothing(bare, end_of_fault) or is_excused(bare, end_of_fault):
                continue
            denial = _DENIED.match(clause, denied_from, fault.end())
            denied_from = denial.end() if denial else denied_from
            if (
                not denied_from
                or _OTHER_SUBJECT.search(clause, denied_from, fault.start())
                or _EXCEPTION.match(bare, end_of_fault)
            ):
                return True
            denied_from = fault.end()
        start = end
    return False


def says_all_is_well(text: str) -> bool:
    """Whether a text says of all that it is followed, or that nothing is violated, and names nothing that is
    lacking: "All constraints are met.", "Violations: none". The mirror of `names_fault`.
    """
    bare = _MARKUP.sub("", _QUOTED.sub('""', text))
    if names_fault(text):
        return False
    if all_items_hold(bare):
        return True
    leanings = leanings_of(bare)
    if "ill" in leanings:  # what "no comma is used" says of its constraint, the last sentence tells
        return _ends_on_all_met(bare)
    asks = any(asks_for_fault(match[0]) for match in _QUESTION.finditer(bare))
    return "all well" in leanings or asks


def _ends_on_all_met(text: str) -> bool:
    return _ALL_IS_MET.fullmatch(_SENTENCE_END.split(text.strip())[-1]) is not None


def asks_otherwise(text: str) -> bool:
    """Whether a text ends with a question to which yes is not the good answer, or may not be."""
    if _ASKS.search(text) is None:
        return False
    return not _ASKS_WHETHER_GOOD.search(text) or asks_for_fault(text)


def without_farewell(remark: str) -> str:
    """What stands behind a vote without rules and the words by which a reply ends."""
    lines = remark.splitlines()
    while lines and (not lines[-1].strip(" *_=-") or is_farewell(lines[-1].strip(" *_"))):
        lines.pop()
    return "\n".join(lines).strip(" ,;:-–—(*_\n")


def is_reason_for(remark: str, *, is_yes: bool) -> bool:
    """Whether what stands behind a vote goes with it: nothing that is lacking or left out behind a yes,
    nothing that is followed behind a no, and no turn. A few words that are no clause ("basically", "in
    spirit") may limit it, unless they are known not to.
    """
    if _DENIAL_ALONE.fullmatch(remark) or _TURNS.search(remark):
        return False
    said = leanings_of(remark)
    return ("ill" if is_yes else "well") not in said and (not remark.strip() or begins_surely(remark))
