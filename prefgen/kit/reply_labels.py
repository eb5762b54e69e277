"""The grammar of labels: which forms certainly name the better one of some labelled texts, and which do not
(docs/judges.md has the table).

A reply names a label by a statement: "Answer: B", "I prefer B", "Text B is better than Text A", "[[B>A]]". It
is the whole reply, or its last line; the label alone counts as the whole reply only. An answer that stands
first counts where what follows speaks of no label. All statements of a reply must agree, or the last one call
itself final. A label that is named as the loser, or beside "not", "both" and the like, is no statement.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from prefgen.kit.final_words import Statement, reply_lines, statements_of, takes_back, without_brackets
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_json import field_name, holds_object, json_object

_KEYS = (
    "answer", "verdict", "choice", "winner", "decision", "judgment", "judgement", "preference", "better",
    "best", "preferred", "label", "conclusion",
)  # fmt: skip
_OBJECT_KEYS = (
    *_KEYS,
    "final_answer",
    "final_verdict",
    "better_text",
    "better_response",
    "preferred_response",
)
_LOSER = re.compile(r"los|wors|reject|not_|weak")
_NOUN = r"(?:the )?(?:text|reply|response|option|answer|assistant|label|choice|candidate)"
_BETTER = (
    r"(?:(?:clearly|much|slightly|far|overall|somewhat|significantly|marginally|definitely|the|a bit) )*"
    r"(?:better|best|preferable|preferred|superior|stronger|winner)"
)
_SAYS_MORE = re.compile(r"\d|\b(?:other|first|second|former|latter|neither|both|not|if)\b", re.IGNORECASE)
_ORDINAL_PRAISE = re.compile(
    r"\b(?:first|second|former|latter|other)\b[^.!?]{0,40}\b(?:is|was|seems|looks|does|reads|answers)\b"
    r"[^.!?]{0,30}\b(?:better|best|superior|stronger|worse|worst|weaker|inferior|preferable)\b",
    re.IGNORECASE,
)
"""Praise or blame of a text by its place, which may be that of the other label."""
_BLAME = re.compile(r"\b(?:worse|worst|inferior|weaker|loses|loser)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？]) ")


def label_in_text(text: str, labels: Sequence[str]) -> str:
    """The one label that a reply names. Raises ParseFailure."""
    text = unicodedata.normalize("NFKC", text)
    if holds_object(text):
        return _label_in_object(json_object(text), labels)
    grammar, statements = _grammar(tuple(labels)), statements_of(reply_lines(text))
    failure = ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {text[:120]!r}")
    if not statements:
        raise failure
    if len(statements) == 1 and statements[0].is_alone and (alone := _alone(statements[0].text, labels)):
        return alone
    named = [(s, label) for s in statements if (label := _stated(s.text, grammar, labels)) is not None]
    if not named:
        raise failure
    statement, label = named[-1]
    rest = statements[statements.index(statement) + 1 :]
    if statement.is_introduced or not (statement.is_last or _adds_nothing(statement, rest, named, labels)):
        raise failure
    is_final = statement.is_last and "final" in statement.text.casefold()
    others = {other for s, other in named[:-1] if not is_final or "final" in s.text.casefold()}
    praised = set() if is_final else _praised(text, labels)
    if (others | praised) - {label}:
        raise failure
    unsaid = " ".join(s.text for s in statements if s is not statement)
    if (not is_final and _ORDINAL_PRAISE.search(unsaid)) or (
        rest and _BLAME.search(" ".join(s.text for s in rest))
    ):
        raise failure
    return label


def _adds_nothing(
    statement: Statement, rest: Sequence[Statement], named: Sequence[object], labels: Sequence[str]
) -> bool:
    """Whether what follows a verdict on the first line gives reasons without a word about which text."""
    after = " ".join(s.text for s in rest)
    mentions = any(re.search(rf"(?<!\w){re.escape(label)}(?!\w)", after) for label in labels)
    is_keyed = any(mark in statement.text for mark in ":=[")
    return (
        is_keyed
        and len(named) == 1
        and not mentions
        and not _SAYS_MORE.search(after)
        and not takes_back(after)
    )


def _alone(text: str, labels: Sequence[str]) -> str | None:
    """The label that a whole reply is, in any case and with a noun before it."""
    bare = re.sub(rf"^{_NOUN} ", "", _bare(text), flags=re.IGNORECASE)
    return {label.casefold(): label for label in labels}.get(_bare(bare).casefold())


def _label_in_object(data: dict[str, Any], labels: Sequence[str]) -> str:
    """The label that is the value of a well-known key; no other key may say another, nor that it lost."""
    named: set[str] = set()
    known = {label.casefold() for label in labels}
    for key, value in data.items():
        name = field_name(key)
        if name in known:
            named.add("")  # a rating of each text: which one the answer goes by is not said
        label = (
            _alone(str(value), labels)
            if isinstance(value, str | int) and not isinstance(value, bool)
            else None
        )
        if label is None:
            if name in _OBJECT_KEYS:
                named.add("")  # it says something else
        elif _LOSER.search(name):
            named.add("")
        else:
            named.add(label if name in _OBJECT_KEYS else f"{label} of {name}")
    if len(named) == 1 and (label := named.pop()) in labels:
        return label
    raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {data!r:.120}")


def _bare(text: str) -> str:
    """A label without the brackets, quotes and full stop around it."""
    text = without_brackets(text, _MARKS, _BRACKETS)
    return text.removesuffix(")") if "(" not in text else text


_MARKS = " \"'“”.!"
_BRACKETS = (("\\boxed{", "}"), ("\\text{", "}"), ("[", "]"), ("(", ")"), ("{", "}"), ("<", ">"), ("$", "$"))


@lru_cache(maxsize=64)
def _grammar(labels: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """The statements in which a label stands, each as a whole sentence without markup."""
    label = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    marked = (
        rf"(?:\\boxed\{{(?:\\text\{{)?|\[\[|[\"'(\[<{{$])?(?P<label>{label})(?:\}}\}}|\]\]|[\"')\]>}}$])?"
    )
    other = rf"[\"'(\[<]?(?P<other>{label})[\"')\]>]?"
    keys = "|".join(_KEYS)
    opening = r"(?:(?:so|thus|therefore|hence|overall|in conclusion|i think|i believe)[,:]? )?"
    better = rf"{_BETTER}(?: (?:one|{_NOUN}))?"
    forms = (
        rf"{opening}(?:(?:the|my) )?(?:(?:final|overall) )?(?:{keys})(?: {_NOUN})? ?"
        rf"(?:[:：=]|->|→|is:?) ?(?:{_NOUN} )?{marked}",
        rf"(?:最终)?答案 ?[:：是] ?{marked}",
        r"\[\[(?P<label>" + label + r")\]\]",
        rf"{opening}i(?:'d)? (?:(?:strongly|slightly|clearly|would|will|do) )*"
        rf"(?:prefer|choose|pick|select|say|go with|go for|vote for) (?:{_NOUN} )?{marked}",
        rf"{opening}(?:{_NOUN} )?{marked} is {better}(?: (?:than|over|to) (?:{_NOUN} )?{other})?",
        rf"{opening}(?:{_NOUN} )?{marked} wins",
        rf"(?:(?:my )?(?:final )?verdict(?: is)?:? ?)?(?:\[\[)?{marked} ?(?:>>|>|≻) ?{other}(?:\]\])?",
    )
    return tuple(re.compile(rf"(?:[-#•] ?)?(?:{form})[.!]*", re.IGNORECASE) for form in forms)


def _stated(line: str, grammar: Sequence[re.Pattern[str]], labels: Sequence[str]) -> str | None:
    """The label that a line states with its last sentence, or None. In small letters a label counts after a
    key alone, not as a word of a sentence: "a is better" may be the article.
    """
    known = {label.casefold(): label for label in labels}
    *before, sentence = _SENTENCE_END.split(line)
    for number, form in enumerate(grammar):
        match = form.fullmatch(sentence)
        if match is None:
            continue
        written, other = match["label"], match.groupdict().get("other")
        if other is not None and other.casefold() == written.casefold():
            return None
        if written in labels or (number == 0 and not before and written.casefold() in known):
            return known[written.casefold()]
    return None


def _praised(text: str, labels: Sequence[str]) -> set[str]:
    """The labels of which a text says somewhere, and be it in passing, that they are better."""
    label = "|".join(re.escape(label) for label in labels)
    spoken_well_of = re.finditer(
        rf"(?<!\w)({label})(?!\w)[*_`\"')\]]{{0,4}} (?:(?:is|was|seems|looks) {_BETTER}|wins)\b"
        rf"|\b(?:prefer|choose|pick) (?:{_NOUN} )?({label})(?!\w)",
        text,
    )
    return {match[1] or match[2] for match in spoken_well_of}
