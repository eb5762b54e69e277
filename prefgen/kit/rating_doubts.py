"""What a reply says beside its rating that makes the rating doubtful: it takes it back, gives another one, or
speaks of another scale.
"""

import re
from collections.abc import Sequence

from prefgen.kit.plain_words import plain
from prefgen.kit.withdrawals import withdraws_rating

Scale = tuple[float, float]
"""The lowest and the highest rating."""
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORD = "|".join(NUMBER_WORDS)
_AT_ONCE = rf"(?P<number>\d{{1,2}}(?:\.\d+)?|{_WORD})(?![\w%])"
_NO_NOUN = (
    r"(?:for|because|due|since|as|in|on|at|is|was|to|and|or|but|with|from|would|could|should|might|may|will"
    r"|reflects?|fits?|applies|apply|seems?|feels?|points?|stars?|marks?|possible|overall|really|range|rating|rather|here|given|by|if|when|than)"
)
_NOT_COUNTED = rf"(?! (?!{_NO_NOUN}\b)[a-z])"
"""No noun stands behind: "1 of 3" may be a rating, and "1 of 3 tips" is a count."""
_NUMBERED = (
    "step", "item", "part", "line", "section", "question", "text", "texts", "steps", "items", "parts",
    "lines", "paragraph", "sentence", "example", "claim", "page", "chapter", "figure", "constraint",
    "criterion", "rule", "response", "answer", "output",
)  # fmt: skip
"""What has a number of its own: "worse than Text 1." gives no rating."""
_OTHER_NUMBER = re.compile(
    rf"(?<![\w.,#-]){''.join(f'(?<!{word} )' for word in _NUMBERED)}(?<!of the )(?<!out of )(?<!answer is )"
    r"(?<!answer as )(?!1 points?\))"
    r"(?P<number>\d{1,2}(?:\.\d+)?)(?![\w%])"
    rf"(?= ?/ ?\d| (?:out )?of (?:\d+(?!\d)|{_WORD})\b{_NOT_COUNTED}|-ish|-\d"
    rf"|\W*(?:\n|\Z)| ?[.,;!](?:\s|\Z)| [-–—(]| {_NO_NOUN}\b)",
    re.IGNORECASE,
)
"""A number that may be another rating, and no count of something, which would stand behind it."""
_CLAUSE_END = re.compile(r"[.!?;:\n]")
_WORDS = re.compile(r"[^\W\d]+")
_WORDS_THAT_OPEN = 4
"""At most so many words stand before what opens a clause: "In fact a 2 would be fairer."."""
_GIVEN_NUMBER = re.compile(
    r"\b(?:(?:i|i'd|would|should) (?:\w+ )?(?:give|gave|assign|rate|score)(?: this text)?"
    r"|(?:it|this|text) (?:scores|gets|receives)|deserves?|merits?|warrants?|earns?"
    r"|(?:give|get|deserve|score|merit|earn|receive)s? (?:it )?(?:more|higher) than"
    r"|settle on|should be|rated?(?: (?:it|this))?(?: at)?|cap of|minus|deduct\w*"
    r"|(?:a|the) (?:rating|score) of|(?:for|giving|making) a total of"
    r"|(?:\A|\n|[.:] )a total of(?= \w+(?: (?:points?|marks?))?\W*(?:\n|\Z))"
    r"|(?<!\w )(?:(?:final|my|the|overall|true|total) )*"
    r"(?:rating|score|grade|overall|total(?: (?:points|score|marks))?)"
    r"(?: is| of)?(?: ?[:=])?)"
    rf" (?:(?:it|this|that|the text|them|only|a|an|at most) ){{0,3}}{_AT_ONCE}"
    r"(?! ?(?:more|point|full|whole)\b)",
    re.IGNORECASE,
)
"""A number of which somebody says that it is the rating."""
_CONCLUDED_NUMBER = re.compile(
    r"\b(?:(?:(?:final|my|right|overall|fair|proper) )+(?:rating|score|grade)"
    r"(?: (?:for|of) (?:this|the) (?:text|response|reply|answer))? (?:is|would be)"
    r"|i(?: would|'d)(?: rather)? (?:say|go with|settle for)|(?:it|this|text) should (?:only )?get|it is an?)"
    rf" (?:an? )?{_AT_ONCE}(?=\W*(?:\n|\Z)|[.;!](?:\s|\Z))",
    re.IGNORECASE,
)
"""The same at the end of a sentence, by words that elsewhere may count something."""
_SUM_AT_END = re.compile(
    r"(?:\A|(?<=[.!?\n]))\s?(?:(?:so|thus|therefore|hence|overall|in total),? )?"
    r"(?P<sum>(?:[01] ?\+ ?){2,}[01] ?= ?|(?:the )?(?:sum|points)(?: of the points| awarded)?(?: is|:| =) ?"
    rf"|(?:this|it|that) adds up to )?(?:i award )?{_AT_ONCE}"
    rf"(?(sum)(?: points?)?|(?: (?:out )?of (?:\d|{_WORD}))? points?(?: (?:are|is) (?:awarded|given))?)\W*\Z",
    re.IGNORECASE,
)
"""A last sentence that is nothing but a sum of points."""
_RATINGS = (_GIVEN_NUMBER, _CONCLUDED_NUMBER, _SUM_AT_END)
_ANOTHER = re.compile(
    r"[★☆]|(?:\A|[\s:=])\d{1,3} ?%\W*(?:\n|\Z)"
    rf"|(?<!\w)(?:{_WORD}) (?:out of (?:\d|{_WORD})\b{_NOT_COUNTED}|stars?\b)"
    r"|(?:应该|应当|其实|给)[^。\n]{0,8}\d ?分|\b(?:what|as) the text (?:asks|says|wants|demands)\b"
    r"|\b(?:dock|deduct|subtract)\w* (?:\w+ )?points?\b",
    re.IGNORECASE,
)
_END_WORD = re.compile(
    r"\b(?:(?P<low>lowest|bottom|worst)|highest|top|best|full) (?:possible )?(?:rating|score|grade|marks?)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\b(?:not|never|cannot)|n['’]t|\b(?:could|might) have(?: been)?)\b(?: \w+){0,4} ?\Z",
    re.IGNORECASE,
)
"""Before a higher number: "It does not deserve a 5." speaks for a 4."""
_COUNTED = re.compile(
    r" ?(?:for [\w ]{1,40}, (?:and )?|\([\w ]{1,40}\) ?\+ ?|\+ ?)(?:1|one)\b"
    rf"| (?!{_NO_NOUN}\b|(?:marks|has|this|thus|less|unless|perhaps|besides|always|across|towards|plus|minus"
    r"|versus|nevertheless)\b)[a-z]{3,}s\b",
    re.IGNORECASE,
)
"""A noun behind a number that has no article: "It deserves 3 corrections."; or more points behind it:
"1 + 1", "1 for style, 1 for tone".
"""
_SCALE = re.compile(
    r"(?:scale|range|rated?|rating|score)s?\b[^.\n\d]{0,25}(?P<low>\d+)\b[^.\n\d]{0,20}?(?:to|-|–|through)\b"
    r"[^.\n\d]{0,12}(?P<high>\d+)",
    re.IGNORECASE,
)
_END = re.compile(
    r"(?<!\d)(?P<end>\d{1,4}) ?(?:=|is|:|\(|being|means) ?(?:the )?"
    r"(?P<kind>best|highest|top|maximum|excellent|perfect|worst|lowest|terrible)\b",
    re.IGNORECASE,
)
_TOP = re.compile(
    rf"\b(?P<point>\d+|{_WORD})[- ]point scale\b"
    rf"|\bout of (?P<of>\d+|{_WORD})\b(?! ?[a-z])"
    rf"|\b(?:max(?:imum)?|highest|possible|scale)\b(?: (?:possible|score|rating|points?|mark)){{0,2}}"
    rf" ?(?:[:=(]|is|of) ?(?P<top>\d+)\b(?! ?(?:-|–|to|through) ?\d)",
    re.IGNORECASE,
)
_TURNED = re.compile(
    r"\b(?:lower|smaller|less) (?:\w+ )?(?:is|are|=|means) better\b|\bhigher,? (?:is|means|=|the) worse\b"
    r"|\blower,? the better\b|\b(?:german|school) grades?\b"
    r"|\b(?:rating|score|grade|value|number)s?\b[^.\n]{0,40}\bpercent(?:ages?)?\b"
    r"|\bpercentages?\b[^.\n]{0,40}\b(?:rating|score|grade)s?\b"
    r"|\b(?:in|as) (?:an? )?percentages?\W*(?:\n|\Z|:)",
    re.IGNORECASE,
)
_OF_RATING = re.compile(
    r"\b(?:rating|score|scale|grade|kidding|draft|says so|told|asks?|would|could|should|if)\b"
    r"|too (?:low|high)",
    re.IGNORECASE,
)
_TURNS_LABELS = re.compile(
    r"other way (?:a)?round|\bmislabel\w*|\bvice versa\b"
    r"|\b(?:texts?|labels?|numbers?|ratings?)\b[^.\n]{0,40}\b(?:revers|exchang|swapp|switch)ed\b"
    r"|\b(?:revers|exchang|swapp|switch)ed\b[^.\n]{0,30}\b(?:texts|labels|numbers|ratings)\b"
    r"|\btext \d+ (?:(?:is|was|are) )?(?:called|named|renamed|label+ed|referred|means|denotes|stands for)\b"
    r"|\btext \d+ ?(?:=|->|→) ?text \d",
    re.IGNORECASE,
)
_QUALITY = "(?:accurate|helpful|correct|complete|useful|truthful|honest)"
_ON_OTHER_TEXT = re.compile(
    r"(?:\A|[.!?\n]\s{0,3})(?:(?:it|this|this text|the text) is )?"
    r"(?:(?:(?:much|far|clearly|slightly|a bit|even) )?"
    rf"(?:(?P<better>better|clearer|stronger|more {_QUALITY})|worse|weaker|poorer|less {_QUALITY}) than"
    r"|(?P<about>(?<=is )(?:about|of|on|for))) text (?P<number>\d{1,2})\b",
    re.IGNORECASE,
)
"""A sentence that sets its text above or below another one, or says that it is on another one."""
_RANKS = re.compile(r"\brank(?:s|ed|ing|ings)?\b|\border of\b|\bbest (?:first|to worst)\b", re.IGNORECASE)
_PRAISING = r"\b(?:flawless|excellent|perfect|outstanding|superb|wonderful)\b"
_BLAMING = (
    r"\b(?:terrible|awful|useless|horrible|worthless|wrong throughout|(?:completely|entirely|utterly) wrong"
    r"|wrong in every (?:respect|way))\b"
)
_PRAISE = re.compile(_PRAISING, re.IGNORECASE)
_BLAME = re.compile(_BLAMING, re.IGNORECASE)
_ALL = (
    r"\W*(?:\w*(?:rational|reason|explanation)\w*: )?(?:(?:it|this|the (?:text|answer|reply|response)) is )?"
    r"(?:(?:an?|simply|absolutely) )*{0}(?: and {0})?(?: (?:text|answer|reply|response))?\W*"
)
_ALL_PRAISE = re.compile(_ALL.format(_PRAISING), re.IGNORECASE)
_ALL_BLAME = re.compile(_ALL.format(_BLAMING), re.IGNORECASE)


def is_revised(after: str, value: float | None, scale: Scale) -> bool:
    """Whether what follows a rating takes it back, or may give another one."""
    return is_contradicted(after, value, scale) or gives_other_number(after, value, scale)


def is_contradicted(reasons: str, value: float | None, scale: Scale) -> bool:
    """Whether the reasons of a rating, before or behind it, take it back, or say that it is another one."""
    reasons = plain(reasons)
    return bool(
        withdraws_rating(reasons)
        or _is_crossed(reasons, value, scale)
        or _ANOTHER.search(reasons)
        or _names_end(reasons, value, scale)
        or gives_other_rating(reasons, value, scale)
    )


def _is_crossed(reasons: str, value: float | None, scale: Scale) -> bool:
    """Whether reasons are nothing but the highest praise of what is rated low, or the other way round."""
    middle = (scale[0] + scale[1]) / 2
    if value is None or value == middle:
        return False
    return (_ALL_PRAISE if value < middle else _ALL_BLAME).fullmatch(reasons) is not None


def is_doubted_outside(text: str, value: float | None, scale: Scale) -> bool:
    """Whether the words before the object of a reply speak of another rating or scale, or turn it round."""
    if text[:1] == "{":  # as nearly all are
        return False
    outside = text.partition("{")[0]
    return opens_otherwise(outside, scale) or is_contradicted(outside, value, scale)


def turns_labels(text: str) -> bool:
    """Whether a text says that the numbers of several texts are not theirs."""
    return _TURNS_LABELS.search(text) is not None


def is_of_other_text(rationale: str, number: int, values: Sequence[float | None]) -> bool:
    """Whether the rationale of text `number` says that it is on another one, or better or worse than one that
    is rated the other way round; `values` are the ratings of all texts, in order.
    """
    own = values[number - 1]
    for match in _ON_OTHER_TEXT.finditer(rationale):
        other = int(match["number"])
        if other == number or not 1 <= other <= len(values):
            continue
        value = values[other - 1]
        if match["about"]:
            return True
        if own is not None and value is not None and (own < value if match["better"] else own > value):
            return True
    return False


def gives_other_number(text: str, value: float | None, scale: Scale) -> bool:
    """Whether a number of the scale that counts nothing and is not `value` opens a clause of a text. Further
    back it is one of what the text says: "offering 1 or 2 tips", "only 2 stanzas instead of 4".
    """
    return any(
        len(_WORDS.findall(_CLAUSE_END.split(_before(match, "number"))[-1])) <= _WORDS_THAT_OPEN
        and _is_other(match, value, scale)
        for match in _OTHER_NUMBER.finditer(text)
    )


def opens_otherwise(preamble: str, scale: Scale) -> bool:
    """Whether what stands before the ratings of several texts makes them ratings of another scale, ranks, or
    ratings of texts with other numbers.
    """
    return bool(has_other_scale(preamble, scale) or turns_labels(preamble) or _RANKS.search(preamble))


def gives_other_rating(text: str, value: float | None, scale: Scale) -> bool:
    """Whether a text says of a number that is not `value` that it is the rating, or ends in it as a sum."""
    return any(_has_number(words, text, value, scale) for words in _RATINGS)


def has_other_scale(text: str, scale: Scale, rating: float | None = None) -> bool:
    """Whether a reply says that its scale is another one, or that the low end is the best. Where `rating` is
    given it stands in a field of its own, and scales on which it cannot stand, or has another value, are not
    its own ("about 0.7 on a scale from 0 to 1").
    """
    text = plain(text)
    scales = {
        (float(match["low"]), float(match["high"]))
        for match in _SCALE.finditer(text)
        if rating is None or not _is_of_something_else(match, rating)
    }
    ends = {(float(match["end"]), match["kind"].casefold()) for match in _END.finditer(text)}
    tops = {_number(next(filter(None, match.groups()))) for match in _TOP.finditer(text)}
    low = ("worst", "lowest", "terrible")
    is_turned = any(end != scale[0 if kind in low else 1] for end, kind in ends)
    return bool(scales - {scale} or tops - {scale[1]} or is_turned or _TURNED.search(text))


def _is_of_something_else(scale: re.Match[str], rating: float) -> bool:
    """Whether a scale that is named is certainly not the one that a rating stands on."""
    low, high = float(scale["low"]), float(scale["high"])
    start = max(scale.string.rfind(mark, 0, scale.start()) for mark in (". ", "! ", "? ", "\n"))
    others = (
        float(number) for number in re.findall(r"\d+(?:\.\d+)?", scale.string[start + 1 : scale.start()])
    )
    return not low <= rating <= high or any(low <= n <= high and n != rating for n in others)


def is_fit_remark(remark: str, value: float | None, scale: Scale) -> bool:
    """Whether what stands behind a rating in its line is its reason: about the text, and in its direction."""
    middle = (scale[0] + scale[1]) / 2
    against = _PRAISE if value is not None and value < middle else _BLAME
    return not (_OF_RATING.search(remark) or against.search(remark) or is_revised(remark, value, scale))


def _has_number(words: re.Pattern[str], text: str, value: float | None, scale: Scale) -> bool:
    """Whether a text holds such a number of the scale that is not `value`."""
    return any(_is_other(match, value, scale) for match in words.finditer(text))


def _is_other(match: re.Match[str], value: float | None, scale: Scale) -> bool:
    number = _number(match["number"])
    if not scale[0] <= number <= scale[1] or number == value or is_denied(match, "number", value):
        return False
    is_named = re.search(r"\b(?:an?|of) \Z", _before(match, "number")) is not None
    return is_named or not _COUNTED.match(match.string, match.end("number"))


def is_denied(match: re.Match[str], group: str | int, value: float | None) -> bool:
    """Whether the number of a match is above `value`, and said not to be reached."""
    if value is None or _number(match[group]) <= value:
        return False
    return _DENIED.search(_before(match, group)) is not None


def _before(match: re.Match[str], group: str | int) -> str:
    return match.string[max(0, match.start(group) - 60) : match.start(group)]


def _names_end(text: str, value: float | None, scale: Scale) -> bool:
    """Whether a text speaks of the lowest or highest rating, and that is not `value`."""
    return any(scale[0 if end["low"] else 1] != value for end in _END_WORD.finditer(text))


def _number(text: str) -> float:
    word = text.casefold()
    return float(NUMBER_WORDS.index(word)) if word in NUMBER_WORDS else float(text)
