"""Clauses that say of a criterion whether it is met: "It is not met.", "Partly satisfied", "violates this".

One table for every reader: a verb that says that something is met or that it is not, before it at most a
subject, denials and adverbs, behind it at most what it is about. A clause of any other form says nothing.
"""

import re

SURELY = (
    r"(?:fully|completely|entirely|wholly|totally|perfectly|exactly|precisely|explicitly|expressly|clearly|plainly"
    r"|obviously|evidently|certainly|definitely|absolutely|surely|indeed|truly|really|correctly|properly"
    r"|duly|strictly|faithfully|consistently|successfully|well|easily|directly|also|therefore|thus|hence|still"
    r"|now|already|again|both|all|thereby|overall)"
)
"""Adverbs that limit nothing. An adverb that is none of these, and none that says how far, is a doubt."""
IN_PART = (
    r"(?:only|just|merely|part(?:ly|ially)|incompletely|imperfectly|insufficiently|half|almost|nearly"
    r"|mostly|largely|mainly|somewhat|roughly|loosely|arguably|technically|basically|essentially|generally"
    r"|inconsistently)"
)
HARDLY = r"(?:hardly|scarcely|never)"
_CRITERION = r"(?:criteri(?:on|a)|item|requirement|condition|constraint|instruction|rule|check|test)s?"
_OPENING = (
    r"\W*(?:(?:so|thus|therefore|hence|overall|and|as (?:a result|such)|consequently|in conclusion"
    r"|(?:which|this) means(?: that)?|which|(?:the |my )?verdict(?: is)?"
    r"|i (?:mark|count|consider) (?:it|this)(?: as)?)\b\W+)*+"
)
_QUOTED = r"(?:[\"“'‘(][^\"”'’()\n]{1,60}[\"”'’)])"
_IS = r"(?:is|was|are|were|has|have|had|been|being|be|does|do|did|remains)"
_OF_WHAT = (
    rf"(?:(?: \d+)?\b(?: {_QUOTED})?(?: (?:to|for|of|that|about|with|on|in|regarding|concerning)"
    rf" (?:[^\s.;:!?]+ ){{1,12}}?(?={_IS}(?:n['’]t)?\b))?)"
)
"""What a criterion asks for: "the requirement to include a title", "the condition (five tips)"."""
_WHICH = rf"(?:{_QUOTED} |(?:(?!(?:but|except|save|not|no|nor|of|which)\b)[\w'’-]+ ){{0,4}}?)"
_SUBJECT = (
    rf"(?P<subject>(?P<nothing>nothing|(?:no (?:\w+ )?|none of (?:the|these) ){_CRITERION}\b)"
    rf"|(?:(?:the|this|that|its|an?|one|some|both|(?:every|each|all)(?: of (?:the|these))?) {_WHICH})?"
    rf"{_CRITERION}{_OF_WHAT}"
    r"|(?:(?:the|this|that|its|every|each|all) )?(?:text|response|answer|reply)(?: \d+)?"
    r"|it|this|that|everything)\b ?"
)
_WORD_IN_DOUBT = r"|\w{2,20}ly|would|could|might"
_WORD = rf"(?:{_IS}(?:n['’]t)?|does|not|too|{SURELY}|{IN_PART}|{HARDLY}{_WORD_IN_DOUBT})\b,? ?"
_MEETS = (
    r"(?:me(?:ets?|t)|satisf(?:y|ies|ied)|fulfill?(?:s|ed)?|follow(?:s|ed)?(?! by\b)|pass(?:es|ed)?"
    r"|compl(?:y|ies|ied)|adhere[sd]?(?= to\b)|respect(?:s|ed)?|obey(?:s|ed)?|holds?|true)"
)
_FAILS_TO = (
    r"fail(?:s|ed)? to (?:meet|satisfy|fulfill?|follow|pass|comply|hold|respect|obey|adhere(?= to\b))"
    r"|falls? short of"
)
_FAILS = (
    rf"(?:{_FAILS_TO}|fail(?:s|ed)?(?! to\b)|violate[sd]?|broken|breached|ignored|unmet|unsatisfied"
    r"|unfulfilled|false)"
)
_STANDS = (
    r"(?:there|present|given|included|provided|covered|done|correct|right|complete|in place|fine|ok(?:ay)?"
    r"|good|perfect|yes|[✓✔✅])"
)
_LACKS = (
    r"(?:missing|absent|lacking|lacks|omitted|left out|skipped|ignored|forgotten|exceeded|wrong|incorrect"
    rf"|incomplete|inaccurate|insufficient|partial"
    rf"|{IN_PART}|not (?:quite|really|fully|entirely)|too (?:long|short|many|few|late|vague)|no|nope|[❌✗✘])"
)
_OBJECT = (
    r"(?: (?:(?:with|to) )?"
    rf"(?:(?:the|this|that|its|every|each|all|all the) {_WHICH}{_CRITERION}|it|this|that|all)\b)?"
)
_AFTER = rf"(?: (?:{SURELY}|{IN_PART}|at all|in full))*+"
_END = re.compile(
    r"\W*\Z|\s*[,;:!–—(]|\s+-|\s+(?:because|since|as|by|with|for|in|to|at|through\w*|due|but|if|when|where"
    r"|except|unless|from|on|here|and)\b",
    re.IGNORECASE,
)
_LIMITS = re.compile(
    rf"\b(?:{IN_PART}|in part|part|barely|in (?:some|one|two)|to (?:an?|some)|(?:one|two|three|four|five"
    r"|six|\d+) of|except\w*|excluding|save for|apart from|other than|until|at first|at times|sometimes)\b",
    re.IGNORECASE,
)
_MAY_LIMIT = re.compile(
    r"\b(?:unless|if|(?<!nothing )(?<!none )but(?! (?:also|still|rather)\b)"
    r"|(?<!though )not (?=in\b|for\b|at\b|by\b|the\b|all\b|every\b))"
    r"|,? (?:and |then )*(?:violated|ignored|false|unmet)\b",
    re.IGNORECASE,
)
"""Behind "met": then it may be so in part. "Met by not naming a price" limits nothing."""
_GOES_ON = re.compile(r" (?:is|are|was|were|has|have)(?:n['’]t)?\b", re.IGNORECASE)
"""Behind the verb: it was that of a clause within the subject ("the rule that all are met is violated")."""
_IS_NAME = re.compile(r" ?[:=] ?(?:(?P<yes>true|yes)|(?P<no>false|no)|null)\b(?! \w)", re.IGNORECASE)
"""Behind the verb: it is but the name of the value that follows ("met: false")."""
_OF_NONE = re.compile(r" (?:neither|none|nothing)\b", re.IGNORECASE)
_DONE = re.compile(r"\w+ed|met", re.IGNORECASE)
_BEFORE_REASON = re.compile(r"[^:;\"“(–—]*?(?=[:;\"“(–—]|\s-|,? (?:because|since|as)\b|\Z)")


def _clause(meets: str, fails: str) -> re.Pattern[str]:
    return re.compile(
        rf"{_OPENING}(?:{_SUBJECT})?(?P<before>(?:(?>{_WORD}))*)"
        rf"(?:(?P<meets>{meets})|(?P<fails>{fails}))(?!\w){_OBJECT}(?P<after>{_AFTER})",
        re.IGNORECASE,
    )


_OF_CRITERION = _clause(_MEETS, _FAILS)
_OF_ITEM = _clause(rf"(?:{_MEETS}|{_STANDS})", rf"(?:{_FAILS}|{_LACKS})")
_NEGATES = re.compile(rf"\bnot\b|n['’]t\b|\b{HARDLY}\b", re.IGNORECASE)
_IN_PART_WORD = re.compile(rf"\b{IN_PART}\b", re.IGNORECASE)
_KNOWN = re.compile(_WORD.replace(_WORD_IN_DOUBT, ""), re.IGNORECASE)
_IS_SO = re.compile(r"\b(?:is|was|are|were|been)(?:n['’]t)?\b", re.IGNORECASE)
_NOT_ONLY = re.compile(r"\bnot (?:only|just|merely)\b", re.IGNORECASE)
_ANSWERS = re.compile(
    rf"{_OPENING}(?:(?:it|this|that) is )?(?:met ?[:=] ?)?(?:(?P<yes>yes|true)|no|nope|false)"
    r"(?=\W*\Z|\s*[.,;:!\n–—]|\s+-|\s+(?:because|since)\b)"
    rf"|{_OPENING}(?:it|this) (?P<does>does|is|has|did)(?P<not> not|n['’]t)?(?=\W*\Z|[.;:!\n])"
    r"|\W*(?:there (?:is|are) )?(?P<none>no violations?)"
    r"(?: of (?:this|the|that) \w+)?(?: (?:is|are|was|were) \w+)?\W*\Z",
    re.IGNORECASE,
)
"""An answer that is a clause of its own: "No." is one, and "No errors were found." is none."""


def says_met(clause: str) -> frozenset[bool]:
    """What a clause says of its criterion: {True} that it is met, {False} that it is not or in part alone,
    both where that is in doubt, nothing where it speaks of something else.
    """
    return _said(_OF_CRITERION, clause)


def answers_met(clause: str) -> frozenset[bool]:
    """The same of a clause that answers and names no criterion: "No.", "so true", "No violation."."""
    answer = _ANSWERS.match(clause)
    if answer is None:
        return frozenset()
    return frozenset({bool(answer["yes"] or answer["none"] or (answer["does"] and not answer["not"]))})


def value_alone(reason: str) -> frozenset[bool]:
    """The same of a reason that is a value, with or without why: "Missing.", "Present: line 2"."""
    match = _OF_ITEM.match(reason)
    rest = reason[match.end() :].strip(" \t\n.!") if match else ""
    is_alone = match is not None and (not rest or rest.startswith(":"))
    return _said(_OF_ITEM, reason) if is_alone else frozenset()


def value_holds(value: str) -> frozenset[bool]:
    """The same of what stands behind the name of an item: "met", "too long", "not given", "mostly there"."""
    return _said(_OF_ITEM, value)


def _said(form: re.Pattern[str], clause: str) -> frozenset[bool]:
    match = form.match(clause)
    if match is None:
        return frozenset()
    before, rest = match["before"], clause[match.end() :]
    if value := _IS_NAME.match(rest):
        is_good_name = (match["meets"] is not None) != (_NEGATES.search(before) is not None)
        return frozenset({(value["yes"] is not None) == is_good_name} if value["yes"] or value["no"] else ())
    of_criterion = match["subject"] is not None and _IS_SO.search(before) is not None
    if _NOT_ONLY.search(before):
        return frozenset()
    if match["meets"] and _OF_NONE.match(rest):
        return frozenset({False})
    if match["subject"] and _GOES_ON.match(rest):
        return frozenset({True, False})
    if not (of_criterion or _END.match(rest)):
        is_in_part = _DONE.fullmatch(match["meets"] or "") and _IN_PART_WORD.search(match["after"])
        return frozenset({False} if is_in_part else ())
    negations = len(_NEGATES.findall(before)) + (match["nothing"] is not None)
    before_reason = _BEFORE_REASON.match(rest)
    how = before_reason[0] if before_reason else ""
    words = f"{before} {match['after']}"
    limited = _IN_PART_WORD.search(words) is not None or _LIMITS.search(how) is not None
    if _KNOWN.sub("", before).strip():
        return frozenset({True, False})
    is_met = (match["meets"] is not None) == (negations % 2 == 0)
    if is_met and not limited and _MAY_LIMIT.search(how):
        return frozenset({False})  # what is met in part is not met
    return frozenset({is_met and not limited})
