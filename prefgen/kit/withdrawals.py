"""Words of reasons that take their own rating or check back.

Reasons speak of a text, which may itself revise, swap, wait and be mistaken. So what takes a rating back says
so of its own: by "I", by "the rating", or as an interjection that opens a sentence.
"""

import re

_OPENS = r"(?:\A\W*|[.!?:;)]\s+|\s[-–—]\s*|[—…]\s*|\n[ \t]*)"
_OF_RATING = r"(?:ratings?|scores?|grades?|verdicts?|judge?ments?)"
_NUMBER = r"(?:\d|(?:one|two|three|four|five)\b)"
_REVISES = r"(?:lower|rais|chang|revis|reconsider|adjust|correct|downgrad|upgrad|updat)(?:e|ed|es|ing|s)?"
_WITHDRAWS = re.compile(
    rf"{_OPENS}(?:oops|hold on|(?:(?:but|oh|and|no),? )?wait(?: a (?:moment|minute|second|sec))?"
    r"(?=[,.!:;…—–]|\s*-|\W*\Z| (?:no|i|it|this|that)\b)"
    r"|(?:on (?:reflection|reconsideration|second thoughts?)|(?:at|(?:up)?on) (?:a )?(?:closer|second"
    r"|further) (?:look|thought|inspection))(?=,| (?:i|it|this|the|a)\b)"
    r"|let me re(?!phrase|state)\w+|just kidding)"
    r"|,\s+(?:(?:but|oh|no),? )?wait,|\b(?:scratch|strike) that\b|\bmy (?:mistake|bad)\s*(?:[.!,:;]|\Z)"
    rf"|\bi(?:['’](?:d|ll|m|ve)| would| will| must| should| have to| have| am| was)? "
    rf"(?:(?:then|now|therefore|thus|should|to|also|only|just|have) )*"
    rf"(?:{_REVISES}|deduct\w*|subtract\w*|retract\w*|meant|misread|misjudged|mistaken|wrong|joking|kidding|guess)\b"
    r"|\bi (?:cannot|can't|can’t|can not) (?:(?:judge|decide|rate)\b|(?:say|tell)\W*(?:\n|\Z|[.;]))"
    rf"|\b(?:{_OF_RATING}|overall) (?:should(?! (?:\w+ly |thus |then )?be (?:an? )?{_NUMBER})"
    r"|ought|must|needs|would)\b"
    rf"|\b{_REVISES} (?:(?:my|the|this|that|its) )?(?:\w+ )?{_OF_RATING}\b"
    rf"|\b{_REVISES} (?:this|it|that) (?:to|by) (?:an? )?{_NUMBER}"
    r"|\b(?:lower|rais|revis|adjust|mark)ing (?:this|it|that) (?:down|up)(?:wards?)?\b"
    rf"|\b(?:(?:this|my|the) {_OF_RATING}|this|it) is (?:only |just |merely |but )?a guess\b"
    r"|\b(?:the|these) two (?:are|were) swapped\b|\bwrong order\b(?=[^.\n]*\btext \d)",
    re.IGNORECASE,
)
_SECOND_THOUGHT = re.compile(
    rf"{_OPENS}(?:(?:sorry|actually|correction|corrected|edit|hmm)\b|no[,.])(?P<said>\W*[^.!?\n]*)",
    re.IGNORECASE,
)
_OWN = re.compile(
    rf"\b(?:i|my|{_OF_RATING}|overall|deserves?|merits?|met|unmet|not so|(?:is|should be|rather) an?"
    r"(?= \d)|i['’]d)\b|\b\d\b",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"\W*(?:but )?(?:(?:it|this|that)(?:['’]s| is| was| seems) )?"
    r"(?:(?:an?|\w+ly|much|even|still|far|bit|little|just) )*"
    r"(?:lower|higher|less|worse|better|wrong|too \w+)\b",
    re.IGNORECASE,
)
"""What is said of the rating or of the whole text at a second thought, and not of something in the text."""


def withdraws_rating(reasons: str) -> bool:
    """Whether reasons take back what they are the reasons of."""
    return _WITHDRAWS.search(reasons) is not None or any(
        _OWN.search(thought["said"]) or _OTHERWISE.match(thought["said"])
        for thought in _SECOND_THOUGHT.finditer(reasons)
    )
