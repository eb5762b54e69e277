"""What the words around a label say of the texts: praise, blame, and whether a label may answer the question
which text is the worse one.
"""

import re
from collections.abc import Iterable, Sequence

from prefgen.kit.label_leanings import ILL
from prefgen.text.reasoning import any_of

_ILL = rf"(?:{ILL}|errors?|mistakes?|faults?|flaws?|prejudice|harm)"
_WORSE = (
    r"worse|worst|inferior|weaker|weakest|loses|loser|reject\w*|discard\w*|poorer"
    rf"|(?:more|most) (?:\w+ly )?{_ILL}|(?:violates?|breaks?|ignores?) (?:\w+ ){{0,4}}(?:more|most)\b"
)
_LESS = rf"(?<!at )(?:less|least) (?!than\b|or\b|{_ILL})\w+"
_BLAME = re.compile(rf"\b(?:{_WORSE}|{_LESS})", re.IGNORECASE)
"""Words that compare a text with another one to its disadvantage."""
_STRONG_BLAME = re.compile(rf"\b(?:{_WORSE})", re.IGNORECASE)
_FAULT = re.compile(
    r"\b(?:errors?|mistakes?|wrong|incorrect|bad|poor|harmful|misleading|violates?|fails?|false|inaccurate)\b",
    re.IGNORECASE,
)
"""A reason that speaks against a text, and so for no verdict on it."""
_NO_ERRORS = re.compile(r"\b(?:no|fewer|without) (?:\w+ )?(?:errors?|mistakes?)\b", re.IGNORECASE)
_OF_A_TEXT = re.compile(
    r"\b(?:texts?|repl(?:y|ies)|responses?|answers?|assistants?|outputs?|candidates?|options?|ones?|them|two"
    r"|which|loser)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？]|\b(?:which|who|whose|identify|find|name|pick|choose|select|asks?|asked|task|must|should|need"
    r"|look(?:ing)? for|want\w*)\b",
    re.IGNORECASE,
)
_BETTER = re.compile(
    r"\b(?:better|best|prefer\w*|stronger|superior|winner|wins"
    r"|more (?:helpful|useful|accurate|correct|complete))\b",
    re.IGNORECASE,
)
_TIE = re.compile(
    r"(?:\ba |\bis |[:=] ?)(?:tie|draw)\b|\btied\b|\b(?:tie|draw)\W*\Z"
    r"|\bneither (?:\w+ )?(?:is|was|seems) (?:\w+ly )?(?:better|preferable|superior|stronger)\b",
    re.IGNORECASE,
)
_EVEN = re.compile(r"\b(?:neither|equally)\b|\bequal\W*\Z", re.IGNORECASE)
_TURNS = re.compile(r"\b(?:but|however|though|although|while|whereas|yet)\b", re.IGNORECASE)
_DISAGREES = re.compile(r"\bdisagree", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?:。？！])\s+|\n")
_WHOLE_SENTENCE_END = re.compile(r"(?<=[.!?。？！])\s+|\n")


def mentions(text: str, labels: Sequence[str]) -> bool:
    return re.search(rf"(?<!\w)(?:{any_of(labels)})(?!\w)", text) is not None


def last_sentence(text: str) -> str:
    return _SENTENCE_END.split(text.strip())[-1]


def says_better(text: str) -> bool:
    """Whether a text says of something, or asks, that it is the better one."""
    return _BETTER.search(text) is not None


def says_tie(text: str) -> bool:
    """Whether a text calls the two even: a tie anywhere, or by its last sentence, unless that goes on."""
    sentence = last_sentence(text)
    is_even = _EVEN.search(sentence) is not None and _TURNS.search(sentence) is None
    return is_even or _TIE.search(text) is not None


def blames(text: str) -> bool:
    """Whether a text speaks against what it is about."""
    return _BLAME.search(text) is not None or _FAULT.search(_NO_ERRORS.sub("", text)) is not None


def speaks_ill(reason: str, labels: Sequence[str]) -> bool:
    """Whether a reason is none for a verdict: it blames, or goes on about the texts."""
    doubts = re.search(r"\b(?:but|however|though|although|yet|not)\b", reason, re.IGNORECASE)
    return bool(doubts) or blames(reason) or mentions(reason, labels)


def asks_for_loser(said: Iterable[str], before: Iterable[str], labels: Sequence[str]) -> bool:
    """Whether a sentence without a label asks for the worse one, so that a label may answer that. In the
    sentence right before a verdict, the last of `before`, the worse one need but be spoken of.
    """
    nearest = (_WHOLE_SENTENCE_END.split(text.strip())[-1] for text in before)
    parts = (part for sentence in nearest for part in _SENTENCE_END.split(sentence))
    if any(_BLAME.search(part) and not mentions(part, labels) for part in parts):
        return True
    return any(
        _asks_for_worse(sentence) and not mentions(sentence, labels)
        for text in said
        for sentence in _SENTENCE_END.split(text)
    )


def _asks_for_worse(sentence: str) -> bool:
    if _OF_A_TEXT.search(sentence) is None:
        return False
    is_asked = _ASKS.search(sentence) is not None and _BLAME.search(sentence) is not None
    return is_asked or _STRONG_BLAME.search(sentence) is not None


def disagrees(texts: Iterable[str], labels: Sequence[str]) -> bool:
    """Whether a sentence without a label says that somebody is wrong about the texts."""
    return any(
        _DISAGREES.search(sentence) and not mentions(sentence, labels)
        for text in texts
        for sentence in _SENTENCE_END.split(text)
    )


def speaks_of_problem(words: str, label: str, labels: Sequence[str]) -> bool:
    """Whether words name an answer to what the texts answer by such a label: "the correct option is B", "B)
    Jupiter", "Jupiter is B".
    """
    either = any_of(labels)
    own = rf"(?<!\w){re.escape(label)}(?!\w)"
    return any(
        re.search(form, words)
        for form in (
            rf"\b(?i:correct|right|true) (?i:answer|option|choice|letter|solution|one)\b[^.\n]{{0,20}}{own}",
            rf"\b(?i:option|choice|letter|answer) \(?{own}\)?[^.\n]{{0,40}}\b(?i:correct|right)\b",
            rf"{_NOT_A_TEXT}(?<!\w)(?:{either})\) ?[A-Z0-9$\\]",
            rf"{_NOT_A_TEXT}(?<!: )(?<! is )\((?:{either})\)",
            rf"\b(?!(?i:{_VERDICT_WORDS})\b)\w+ is (?i:(?:option|choice|letter) )?\(?{own}\)?(?:[.,;]|\s*$)",
        )
    )


_NOT_A_TEXT = r"(?<![Tt]ext )(?<!sponse )(?<!ssistant )(?<![Rr]eply )(?<![Oo]utput )(?<!nswer )"
_VERDICT_WORDS = (
    r"answer|verdict|choice|winner|decision|judge?ment|preference|better|best|preferred|label|conclusion|chosen"
    r"|result|one|text|reply|response|assistant|output|pick|overall|stronger|worse|weaker|selection|it"
)
