"""Whether the reason of a check says another thing than the check: met, not met, or does not apply.

A check is read beside a reason that certainly or possibly says its opposite in no clause. Looked at are the
first and the last sentence and what concludes; the sentences between may speak of anything.
"""

import re
from bisect import bisect_right
from collections.abc import Callable

from prefgen.kit.met_clauses import HARDLY, IN_PART, SURELY, answers_met, says_met, value_alone
from prefgen.kit.reason_leanings import asks_for_fault, leanings_of
from prefgen.kit.vote_items import is_excused
from prefgen.kit.withdrawals import withdraws_rating

_OF_ITSELF = r"(?=\W*\Z|\s*[.,;:!\n(–—]|\s+(?:-|because|since|as|to|here)\b)"
_BLANKS = re.compile(r"[^\S\n]+")
_SENTENCE_END = re.compile(r"(?<=[.!;\n])\s+")
_WHOLE_SENTENCE_END = re.compile(r"(?<=[.!\n])\s+")
_ANSWERED = re.compile(
    r"(?:\A|(?<=[.!?\n]))(?P<asked>[^.!?？\n]*)[?？]\W{0,6}(?P<answer>yes|no)"
    r"(?=\W*\Z|\s*[.,;:!\n–—]|\s+-)",
    re.IGNORECASE,
)
_NOT_APPLICABLE = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|overall),? )?(?:(?:(?:the|this|that) )?"
    r"(?:criterion|item|requirement|condition|constraint|it|this|that)(?: \d+)? )?"
    rf"(?:not applicable|n/a|(?:does|is)(?: not|n['’]t) (?:apply|applicable))\b{_OF_ITSELF}",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"(?:, (?:and )?(?=which\b|this\b)|,? (?:and )?(?:is )?(?=(?:so|thus|therefore|hence)\b))",
    re.IGNORECASE,
)
_IS_CONCLUSION = re.compile(r"\W*(?:so|thus|therefore|hence)\b", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"\n]{1,400}\"|[“„][^”“\n]{1,400}[”“]|(?<!\w)['‘][^'’\n]{1,400}['’](?!\w)")
_DONE = r"(?:met|satisfied|fulfill?ed|followed|respected|obeyed|adhered to|complied with)(?! by\b)"
_DENIES_IT = re.compile(
    rf"(?:\bnot|n['’]t|\bnever|\bneither|\bnor) (?:(?!only\b|just\b|merely\b|but\b)\w+ )?{_DONE}\b|\bunmet\b"
    rf"|\bnot (?:all|every|each)\b[^.;:]{{0,80}}\b{_DONE}\b"
    r"|\b(?:all|every\w*) (?:\w+ )?(?:but|except)\b(?! (?:does|do|is|are|it)\b)"
    r"|(?P<turn>(?:[;,]|\bbut|\band|\bwhile|\bwhereas) (?:(?:the|its|an?) )?(?:[\w-]+ ){0,3}"
    r"(?:is|are|was|were|does|do|did|has|have)(?: not|n['’]t)\W*\Z"
    r"|\b(?:and|but) (?:it )?(?:fails|violates|breaks|misses|lacks)\b)"
    r"|\A\W*(?:only )?(?:half|part|most) of\b|\A\W*(?:almost|nearly|close|not quite)[,:.]"
    r"|\A\W*(?:nothing|no (?:evidence|quotes?|words?))\b(?: (?:in|of|from) the text)? (?:shows?|supports?)\b"
    r"|\A\W*no evidence\b|\bcannot be verified\b"
    r"|\bfailing (?:to (?:meet|satisfy|fulfill?|respect) )?(?:the|this)\b"
    r"|(?<!not )(?<!never )\bexceed\w* the (?:\w+ )?limit\b"
    r"|\b(?:it|this|text) does(?: not|n['’]t) do (?:so|this|that)\b|\b(?:lacks|is missing) (?!any\b)"
    r"|\A\W*(?:(?:however|but|yet|still),? )?(?!(?:nothing|none|no)\b)(?:[\w-]+ ){1,5}(?:is|are|was|were) "
    r"(?:missing|lacking|omitted|left out)\W*\Z",
    re.IGNORECASE,
)
"""Words within a sentence by which something is not met: "close, but not met", "the second is not."."""
_MEETING = r"(?:meeting|satisfying|fulfilling|respecting)"
_AFFIRMS_IT = re.compile(
    rf"\b(?:is|are|was|were|been|being) (?:{SURELY} )*{_DONE}\b"
    rf"|\b(?:meets|satisfies|fulfill?s|respects|(?:is|are) {_MEETING}|(?P<participle>{_MEETING}))"
    r" (?:the|this|all|every|each) (?:[\w-]+ ){0,3}"
    r"(?:criteri(?:on|a)|requirement|condition|constraint|instruction|rule|limit)s?\b",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(
    r"[,;:.()–—\n]|\b(?:and|but|so|thus|thereby|hence|therefore|which|because|since|as|while)\b",
    re.IGNORECASE,
)
_SURELY = re.compile(rf"\W*(?:{SURELY}\W+)*", re.IGNORECASE)
_DENIED_BEFORE = re.compile(
    r"\A\W*(?:no|none|nothing|neither|few|not (?:an?|one)|hardly any)\b"
    r"|(?:\b(?:not|never|without|neither|nor|instead of|rather than|far from"
    rf"|close to|short of|fail\w* (?:at|in)|barely|{HARDLY}|{IN_PART})|n['’]t)"
    rf"(?: (?:{SURELY}|{IN_PART}|quite|really))*\W*\Z",
    re.IGNORECASE,
)
"""Before what affirms, in its clause: "no tip", "not fully". Any other denial there leaves it open."""
_TURNS = re.compile(r"\b(?:but|however|yet|although|though(?! not\b)|while|whereas)\b|;", re.IGNORECASE)
_LACKS = re.compile(r"\b(?:no|not|missing|lack\w*|without|absent|fails?)\b|n['’]t\b", re.IGNORECASE)
_ONLY_THERE = re.compile(r"\bonly\W*\Z", re.IGNORECASE)
_BEHIND_BUT = re.compile(r"\bbut\b(?! (?:also|still)\b)([^.;,]*)", re.IGNORECASE)
_NOT_ONLY = re.compile(r"\bnot (?:only|just|merely)\b", re.IGNORECASE)
_SAID_OR_WANTED = re.compile(
    r"\b(?P<word>asks?|asked|requires?|required|says?|states?|demands?|claims?|wants?|whether|if|must|should"
    r"|would|could|to be)\b|[.;:,]",
    re.IGNORECASE,
)
"""Words by which something is asked for or said, and marks that end how far they reach."""
_OF_REQUEST = re.compile(
    r"\b(?:request|prompt|user|question|task|conversation|instruction|criterion|ask(?:s|ed)?|requested"
    r"|required|requires?|wanted|needed|appl(?:y|ies|icable)|relevant|irrelevant)\b",
    re.IGNORECASE,
)
_GIVES_NOTHING = re.compile(
    r"\b(?:no|not(?! to\b)|none|nothing|neither|never|nowhere|without|only|irrelevant|unless)\b|n['’]t\b",
    re.IGNORECASE,
)
_BLAMES_TEXT = re.compile(
    r"\b(?:missing|lack\w*|omit\w*|(?:violat|fail|ignor|disregard)\w*|wrong|incorrect"
    r"|(?:not|never|n['’]t) (?:\w+ )?(?:answered|addressed|acknowledged|completed|done))\b",
    re.IGNORECASE,
)
_CLAUSE_OF_ANOTHER = re.compile(
    r";|, ?+(?!(?:so|not?|this|it)\b)|\b(?=(?:but|because|since|as|while|whereas|although)\b)", re.IGNORECASE
)
_NOT_OF_TEXT = r"(?:(?!\b(?:text|response|reply|answer)\b)[^.]){1,80}"
_REQUEST = r"(?:the|this) (?:request|prompt|user|question|task|conversation)\b"
_OTHER_MATTER = re.compile(
    rf"the criterion (?:is about|concerns) {_NOT_OF_TEXT}(?:[,;]|\b(?:and|but|while|whereas)) {_REQUEST}"
    rf"{_NOT_OF_TEXT}\b(?:about|concerns) [^.]{{1,80}}\.?"
    rf"|{_REQUEST}{_NOT_OF_TEXT}\b(?:about|concerns) {_NOT_OF_TEXT}\bthe criterion (?:is about|concerns)"
    r" [^.]{1,80}\.?",
    re.IGNORECASE,
)
"""The criterion is about one thing, and the request about another."""
_OF_TEXT = re.compile(r"\W*(?:\w+ )?(?:the|this) (?:text|response|reply|answer)\b", re.IGNORECASE)


def denies(reason: str, is_met: bool | None) -> bool:
    """Whether a reason takes its check back, or says or may say another thing."""
    if withdraws_rating(reason):
        return True
    reason = _BLANKS.sub(" ", reason)
    sentences = [sentence for sentence in _SENTENCE_END.split(reason) if sentence.strip()] or [""]
    ends = sentences if len(sentences) < 3 else [sentences[0], sentences[-1]]
    clauses = [
        clause
        for number, sentence in enumerate(sentences)
        for clause in _CONCLUDES.split(sentence)
        if number in (0, len(sentences) - 1) or _IS_CONCLUSION.match(clause)
    ]
    if any(_NOT_APPLICABLE.match(clause) for clause in clauses):
        return is_met is not None
    said = value_alone(reason).union(*map(says_met, clauses))
    mentioned = _mentions(reason)
    if is_met is None:
        is_of_request = _OTHER_MATTER.fullmatch(reason.strip()) or all(map(_says_nothing_to_apply_to, ends))
        return bool(said | mentioned) or not is_of_request
    said = said.union(_answers_itself(reason), *map(answers_met, clauses))
    # what is not met in part is not met: "the first is met, the second is not" goes with false
    is_denied = False in mentioned if is_met else mentioned == frozenset({True}) and not said
    return is_denied or bool(said - {is_met})


def _answers_itself(reason: str) -> frozenset[bool]:
    """What a reason answers to the last question that it asks itself, unless it asks for a fault."""
    answers = list(_ANSWERED.finditer(reason))
    if not answers or asks_for_fault(answers[-1]["asked"]):
        return frozenset()
    return frozenset({answers[-1]["answer"].casefold() == "yes"})


def _mentions(reason: str) -> frozenset[bool]:
    """Which of met and not met stand somewhere in the first or last sentence of a reason, outside of quotes
    and of what is said to be asked for.
    """
    sentences = [part for part in _WHOLE_SENTENCE_END.split(_QUOTED.sub('""', reason)) if part.strip()]
    found: set[bool] = set()
    for sentence in {*sentences[:1], *sentences[-1:]}:
        is_reported = _reported_in(sentence)
        denials = [
            match
            for match in _DENIES_IT.finditer(sentence)
            if (match["turn"] or not is_reported(match)) and not is_excused(sentence, match.end())
        ]
        behind_but = () if _NOT_ONLY.search(sentence) else _BEHIND_BUT.findall(sentence)
        if denials or any("ill" in leanings_of(part) for part in behind_but):
            found.add(False)
        affirmed = _affirmed(sentence, is_reported)
        found |= affirmed
        if True in affirmed and (
            _ONLY_THERE.search(sentence)
            or (_TURNS.search(sentence) and _LACKS.search(_NOT_ONLY.sub("", sentence)))
        ):
            found.add(False)
    return frozenset(found)


def _affirmed(sentence: str, is_reported: Callable[[re.Match[str]], bool]) -> frozenset[bool]:
    """What "meets the criterion" says behind what stands before it in its clause; nothing where that is open.

    A participle ("thus meeting the criterion") says it only behind nothing at all.
    """
    found: set[bool] = set()
    start = 0
    for match in _AFFIRMS_IT.finditer(sentence):
        for end in _CLAUSE_START.finditer(sentence, start, match.start()):
            start = end.end()
        before = _NOT_ONLY.sub("", sentence[start : match.start()])
        start = match.end()
        if is_reported(match):
            continue
        if _DENIED_BEFORE.search(before):
            found.add(False)
        elif _SURELY.fullmatch(before) if match["participle"] else not _LACKS.search(before):
            found.add(True)
    return frozenset(found)


def _reported_in(sentence: str) -> Callable[[re.Match[str]], bool]:
    """Whether a match within the sentence stands behind words by which it is asked for or said."""
    ends, are_words = [0], [False]
    for match in _SAID_OR_WANTED.finditer(sentence):
        ends.append(match.end())
        are_words.append(match["word"] is not None)
    return lambda match: are_words[bisect_right(ends, match.start()) - 1]


def _says_nothing_to_apply_to(sentence: str) -> bool:
    """Whether a sentence says of the request that it gives a criterion nothing to apply to; or nothing."""
    if not sentence.strip():
        return True
    clauses = _CLAUSE_OF_ANOTHER.split(sentence)
    of_text = [clause for clause in clauses if _OF_TEXT.match(clause)]
    if _BLAMES_TEXT.search(sentence) or not all(map(_GIVES_NOTHING.search, of_text)):
        return False
    return any(
        _OF_REQUEST.search(clause) and _GIVES_NOTHING.search(clause)
        for clause in clauses
        if clause not in of_text
    )
