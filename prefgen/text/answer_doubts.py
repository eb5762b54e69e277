"""What stands around an answer's box, or around what it states as the answer, and makes it none: a sentence
that denies it, supposes it or gives it to another voice, and what follows that turns against it.

Only the words that lead up to it count, in its own sentence: a solution may suppose and deny much on its way.
"""

import re

from prefgen.text.quantities import RETRACTS, is_equal, parse_quantity

_LONGEST_LEAD = 300
_AROUND = " \t\n$\\[(*_{\"“'‘"
"""What sets an answer apart from its sentence: mathematics, emphasis and quotes."""
_SENTENCE_END = re.compile(r"[.!?…][\"”')\]$]*\s|(?<=[^\s:,=])[ \t]*\n|\n[ \t]*\n(?=[^\n]*\Z)")
_CLAUSE_END = re.compile(
    r"[,;:][$)\]}\"”*]*(?:\s|\Z)|\b(?:so|thus|therefore|hence|then|giving|gives|leaving|which|because)\b",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"(?:(?<!\\)\b(?:not(?! only\b)|never|cannot|neither|nor|hardly|doubt\w*|used to)\b|n['’]t\b|≠|\\neq?\b"
    r"|(?:\b(?:is|are|was|be)|['’]s) (?:\w+ )?"
    r"(?:false|untrue|incorrect|wrong|impossible|mistaken|unlikely)\b)"
    r"(?:\W+(?!(?:is|are|was)\b)[a-z]+){0,3}\W*\Z"
    r"|\b(?:(?:might|may|could)(?: \w+)? be|maybe|perhaps|possibly|unsure|guess\w*|expect\w*)"
    r"(?:\W+[a-z]+)?\W*\Z"
    r"|(?:\b(?:not|never|cannot|refuse[sd]? to|decline[sd]? to)|n['’]t)(?: \w+ly)? "
    r"(?:think|believe|say|claim|agree|accept|conclude|suggest|write|call)\b(?:(?!\b(?:and|but)\b)[^\d\n])*\Z"
    r"|\b(?:differ(?:s|ed|ent)? from|(?:other|rather) than|instead of|unequal to)\W*\Z"
    r"|\b(?:(?:wrong|incorrect|false|mistaken|tempting|naive)"
    r" (?:one|answer|option|choice|result|value|solution|conclusion)"
    r"|(?:common|typical|frequent|usual|easy|classic) (?:mistake|error|misconception|trap|pitfall))"
    r"(?: (?:here|to make))? (?:is|was|would be|may be|might be)(?: to \w+)?\W*\Z",
    re.IGNORECASE,
)
"""Right before an answer: it is denied, or no more than possible."""
_STATES_IT = re.compile(
    r"(?:(?:\A|[ *_]+)that)?(?:\A|[ *_]+)(?:(?:the|my|our) )?(?:\w+ )?(?:answer|option|choice)"
    r"\W+(?:is)?\W*\Z",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(
    r"\W*(?:(?:but|and|now|so|well|then|only|even) )?(?:if|suppose|supposing|assume|assuming|imagine|unless"
    r"|whether|maybe|perhaps|had (?!to\b)\w+|were (?:it|the|she|he|they|this|there)\b"
    r"|let['’]?s? (?:us )?(?:check|see|verify|suppose|assume|say)|to (?:check|verify))\b",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(r"\b(?:so|thus|therefore|hence)\b", re.IGNORECASE)
_SAYS_THAT = re.compile(
    r"\b(?:that|th(?:in|ough)[kt]s?|believe[sd]?|concluded?s?|sa(?:ys?|id)|claim(?:s|ed)?)\W+"
    r"(?:(?:the|my|our) )?(?:\w+ ){0,2}(?:answer|option|choice)\b[^\n]*\Z",
    re.IGNORECASE,
)
_OWN_VOICE = re.compile(
    r"\b(?:i|we|us|me|means?|follows?|shows?|implies|imply|tells?|clear(?:ly)?|confirms?|find|see)\b",
    re.IGNORECASE,
)
_ANOTHER_VOICE = re.compile(
    r"\b(?:wrote|writes?|said|says?|claim(?:s|ed)?|answer(?:s|ed)|repl(?:y|ies|ied)|guess(?:es|ed)?)\W*\Z"
    r"|(?<!\blet)['’]s? (?:\w+ )?(?:answer|reply|guess|result)\W*\Z"
    r"|\b(?:examples?|instance|e\.g|format|template)\W*\Z",
    re.IGNORECASE,
)
"""Right before a tag: what somebody else wrote, or how an answer looks."""
_ASKS = re.compile(r"[\s$\\)\]}*_.\"”]{0,12}[?？]")
_TURNS = re.compile(
    r"(?:\A|[.!?\n]|\A[^\n.!?]{0,40},)[\s$\\)\]}*_.,;(-]{0,12}"
    r"(?:but|however|hmm+|yet|although|though|except|unless|oops|hold on|no[,.])(?!\w)"
    r"|\b(?:this|that|it|which) (?:contradicts\b|is (?:false|impossible|absurd|a contradiction)(?=[.!\n]|\Z)"
    r"|can(?:not|['’]t) be (?:right|correct|true|so)\b|isn['’]t (?:right|correct|true|so|possible|it)\b"
    r"|doesn['’]t (?:match|fit|hold|work)\b)",
    re.IGNORECASE,
)
_NEXT_SENTENCES = re.compile(r"(?:[^.!?\n]*(?:[.!?](?!\s)[^.!?\n]*)*[.!?\n]\s*){2}")
"""What may turn against an answer is said at once: further on a solution speaks of its steps."""
_CHECK = re.compile(
    r"[\s$\\)\]}*_.#-]*(?:(?:a |quick |double[- ]?|let(?:['’]s| me| us) |to |we )*(?:check|verif)\w*)\b",
    re.IGNORECASE,
)
_FAILS = re.compile(
    r"\b(?:but|however|should|not|off|mismatch\w*|differ\w*|instead|fails?|failed|wrong|incorrect|hmm+|wait)\b"
    r"|n['’]t\b|≠|!=|\\neq?\b|[✗✘❌]",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"(?<![\w.,])[-−]?\d[\d,]*(?:\.\d+)?")
_STATES_NUMBER = re.compile(
    r"(?:\b(?:is|are|was|becomes|makes|gives|comes to)|:)\s*[*$]{0,3}"
    r"(?P<number>[-−]?\d[\d,]*(?:\.\d+)?)(?:\s+[a-z]+)?[\s$*.!]*\Z",
    re.IGNORECASE,
)


def is_own_answer(lead: str, *, is_stated: bool) -> bool:
    """Whether the words that lead up to an answer leave it the answer of whoever writes. `is_stated` where
    they end on "the answer is".
    """
    before = lead[-_LONGEST_LEAD:].rstrip(_AROUND)
    sentence = _last_part(_SENTENCE_END, before)
    clause = _last_part(_CLAUSE_END, _STATES_IT.sub("", sentence) if is_stated else sentence)
    if _DENIES.search(clause) or _SUPPOSES.match(clause):
        return False
    says = _SAYS_THAT.search(sentence) if is_stated else None
    if says and not (_OWN_VOICE.search(sentence) or _CONCLUDES.search(sentence)):
        return False
    supposes_all = _SUPPOSES.match(sentence) and not _CONCLUDES.search(sentence)
    return not (supposes_all and (is_stated or sentence.endswith(":")))


def is_own_tag(before: str) -> bool:
    """Whether what stands before an answer between tags leaves it the answer of whoever writes: the words on
    its line, or those of a line that leads up to it with a colon.
    """
    lead = before.rstrip()
    if "\n" in before[len(lead) :] and not lead.endswith(":"):
        return True
    lead = lead.rstrip(f":{_AROUND}")
    sentence = _last_part(_SENTENCE_END, lead[-_LONGEST_LEAD:])
    is_anothers = _ANOTHER_VOICE.search(sentence) and not re.search(r"\b(?:I|we|We)\b", sentence)
    return not is_anothers and is_own_answer(lead, is_stated=False)


def is_turned_against(rest: str, answer: str, *, is_boxed: bool) -> bool:
    """Whether what stands behind an answer may take it back, or give another one: a question, a "but", a
    number that is not its own. A check that comes to the answer confirms it.
    """
    if _confirms(rest, answer):
        return False
    if _ASKS.match(rest) or _TURNS.search(_next_sentences(rest)) or RETRACTS.search(rest):
        return True
    return re.search(r"\d", rest) is not None if not is_boxed else _ends_on_another(rest, answer)


def _last_part(end: re.Pattern[str], text: str) -> str:
    starts = [match.end() for match in end.finditer(text)]
    return text[starts[-1] :] if starts else text


def _next_sentences(rest: str) -> str:
    match = _NEXT_SENTENCES.match(rest, 0, _LONGEST_LEAD)
    return match[0] if match else rest[:_LONGEST_LEAD]


def _confirms(rest: str, answer: str) -> bool:
    numbers = _NUMBERS.findall(rest)
    if not (numbers and _CHECK.match(rest)) or _FAILS.search(rest):
        return False
    found, last = parse_quantity(answer), parse_quantity(numbers[-1])
    return found is not None and last is not None and is_equal(found, last, 1e-6) is True


def _ends_on_another(rest: str, answer: str) -> bool:
    """Whether a box is a number and the last line behind it, below its own, states another one."""
    found, last_line = parse_quantity(answer), rest.rstrip().rpartition("\n")[2]
    stated = _STATES_NUMBER.search(last_line) if "\n" in rest.strip(" ") else None
    number = parse_quantity(stated["number"]) if stated else None
    return found is not None and number is not None and is_equal(found, number, 1e-6) is False
