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

from prefgen.kit.final_words import (
    LONGEST_STATEMENT,
    Statement,
    reply_lines,
    statements_of,
    takes_back,
    without_brackets,
)
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_json import field_name, holds_object, json_object
from prefgen.text.reasoning import any_of

_KEYS = (
    "answer", "verdict", "choice", "winner", "decision", "judgment", "judgement", "preference", "better",
    "best", "preferred", "label", "conclusion", "overall",
)  # fmt: skip
_OBJECT_KEY = re.compile(
    rf"(?:(?:final|overall|better|best|preferred|my)_)?(?:{'|'.join(_KEYS)}|text|response|answer|option)"
)
_PLAIN_KEYS = frozenset(("text", "response", "option", "my_text", "my_response", "my_option"))
"""What `_OBJECT_KEY` fits, and is no name of a verdict."""
_LOSER = re.compile(
    r"(?:los(?:er|es|ing)|worse|worst|rejected|weaker|inferior)(?:_(?:text|response|answer))?"
)
_REASON_KEY = re.compile(
    r"\w*(?:rational|reason|expla|analys|thought|think|feedback|comment|justif|critique|compar|evaluat"
    r"|summar|strength|weakness|assess|observation|note)\w*"
)
_SURENESS = frozenset(("confidence", "certainty", "probability", "margin"))
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
_BLAME = re.compile(
    r"\b(?:worse|worst|inferior|weaker|weakest|loses|loser|reject\w*|least|less \w+|poorer)\b", re.IGNORECASE
)
_DOUBTS = re.compile(
    r"\b(?:tie|tied|draw|equal\w*|even|hard to|cannot|can't|unclear|unsure|no|never|wrong|but|however|though"
    r"|although|yet|instead|fail\w*|drop|either|reverse)\b",
    re.IGNORECASE,
)
_DISAGREES = re.compile(r"\bdisagree", re.IGNORECASE)
_TIES = re.compile(r"\b(?:neither|tie|tied|draw|equally)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？]) ")


def label_in_text(text: str, labels: Sequence[str]) -> str:
    """The one label that a reply names. Raises ParseFailure."""
    text = unicodedata.normalize("NFKC", text)
    grammar = _grammar(tuple(labels))
    failure = ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {text[:120]!r}")
    if holds_object(text):
        before = text.partition("{")[0]
        if _TIES.search(before) or any(_stated(s.text, grammar, labels) for s in _statements_in(before)):
            raise failure
        return _label_in_object(json_object(text), labels)
    statements = _statements_in(text)
    if not statements:
        raise failure
    if len(statements) == 1 and statements[0].is_alone and (alone := _alone(statements[0].text, labels)):
        return alone
    named = [(s, label) for s in statements for label in _stated(s.text, grammar, labels)]
    if not named:
        raise failure
    statement, label = named[-1]
    rest = statements[statements.index(statement) + 1 :]
    unsaid = [s.text for s in statements if s is not statement]
    is_doubtful = bool(statement.is_introduced or statement.aspect) or _is_of_problem(
        statement, unsaid, labels
    )
    if is_doubtful or not (statement.is_last or _adds_nothing(statement, rest, named, labels)):
        raise failure
    is_final = statement.is_last and "final" in statement.text.casefold()
    others = {other for s, other in named[:-1] if not is_final or "final" in s.text.casefold()}
    praised = set() if is_final else _praised(text, labels)
    if (others | praised) - {label} or _asks_for_loser(text, labels):
        raise failure
    if not is_final and _ORDINAL_PRAISE.search(" ".join(unsaid)):
        raise failure
    return label


def _statements_in(text: str) -> list[Statement]:
    return statements_of(reply_lines(text))


def _adds_nothing(
    statement: Statement, rest: Sequence[Statement], named: Sequence[object], labels: Sequence[str]
) -> bool:
    """Whether what follows a verdict on the first line gives reasons without a word about which text, and
    without doubt.
    """
    after = " ".join(s.text for s in rest)
    is_keyed = any(mark in statement.text for mark in ":=[")
    doubts = any(words.search(after) for words in (_SAYS_MORE, _BLAME, _DOUBTS))
    return (
        statement.is_first
        and is_keyed
        and len(named) == 1
        and not _mentions(after, labels)
        and not doubts
        and not takes_back(after)
    )


def _is_of_problem(statement: Statement, unsaid: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether "the answer is B" may be the answer to what the texts answer, since a text is spoken of too."""
    of_text = re.compile(rf"\b(?:text|response|reply) (?:{any_of(labels)})(?!\w)", re.IGNORECASE)
    is_sentence = re.search(r"\banswer is\b", statement.text, re.IGNORECASE) is not None
    return is_sentence and of_text.search(" ".join(unsaid)) is not None


def _asks_for_loser(text: str, labels: Sequence[str]) -> bool:
    """Whether a sentence without a label speaks of the worse one, so that a label may answer that."""
    return any(
        _BLAME.search(sentence) or _DISAGREES.search(sentence)
        for sentence in re.split(r"(?<=[.!?:。])\s+|\n", text)
        if not _mentions(sentence, labels)
    )


def _mentions(text: str, labels: Sequence[str]) -> bool:
    return re.search(rf"(?<!\w)(?:{any_of(labels)})(?!\w)", text) is not None


def _alone(text: str, labels: Sequence[str]) -> str | None:
    """The label that a whole reply is, in any case and with a noun before it."""
    bare = re.sub(rf"^{_NOUN} ", "", _bare(text), flags=re.IGNORECASE)
    return {label.casefold(): label for label in labels}.get(_bare(bare).casefold())


def _label_in_object(data: dict[str, Any], labels: Sequence[str]) -> str:
    """The label that is the value of a well-known key; beside it stand reasons, how sure they are, and the
    loser, which must be another one.
    """
    failure = ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {data!r:.120}")
    known = {label.casefold() for label in labels}
    winners: set[str | None] = set()
    losers: set[str | None] = set()
    for key, value in data.items():
        name = field_name(key)
        is_label = isinstance(value, str | int) and not isinstance(value, bool)
        label = _alone(str(value), labels) if is_label else None
        if name in known:
            raise failure  # a rating of each text: which one the answer goes by is not said
        if _LOSER.fullmatch(name):
            losers.add(label)
        elif name not in _PLAIN_KEYS and _OBJECT_KEY.fullmatch(name):
            winners.add(label)
        elif label is not None or not (_REASON_KEY.fullmatch(name) or name in _SURENESS):
            raise failure
    if len(winners) == 1 and (winner := winners.pop()) is not None and not losers & {winner, None}:
        return winner
    raise failure


def _bare(text: str) -> str:
    """A label without the brackets, quotes and full stop around it."""
    text = without_brackets(text, _MARKS, _BRACKETS)
    return text.removesuffix(")") if "(" not in text else text


_MARKS = " \"'“”.!"
_BRACKETS = (("\\boxed{", "}"), ("\\text{", "}"), ("[", "]"), ("(", ")"), ("{", "}"), ("<", ">"), ("$", "$"))


@lru_cache(maxsize=64)
def _grammar(labels: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """The statements in which a label stands, each as a whole sentence without markup."""
    label = any_of(labels)
    marked = (
        rf"(?:\$?\\boxed\{{(?:\\text\{{)?|\[\[|[\"'(\[<{{$])?(?P<label>{label})"
        r"(?:\}?\}\$?|\]\]|[\"')\]>}$])?"
    )
    other = rf"[\"'(\[<]?(?P<other>{label})[\"')\]>]?"
    keys = "|".join(_KEYS)
    opening = (
        r"(?:(?:so|thus|therefore|hence|overall|in conclusion|i think|i believe|between the two|of the two)"
        r"[,:]? )?"
    )
    better = rf"{_BETTER}(?: (?:one|{_NOUN}))?(?: overall)?"
    because = r"(?:,? (?:because|since|as it)\b(?!.*\b(?:but|however|though|although|yet|not)\b)[^.!?]*)?"
    versus = rf"{marked} ?(?:>>|>|≻) ?{other}"
    forms = [
        rf"{opening}(?:(?:the|my) )?(?:(?:final|overall) )?(?:{keys})(?: (?:one|{_NOUN}))? ?"
        rf"(?:[:：=]|->|→|is:?) ?(?:{_NOUN} )?{marked}{because}",
        rf"(?:最终)?答案 ?(?:是|为)? ?[:：]? ?{marked}。?",
        r"\[\[(?P<label>" + label + r")\]\]",
        r"\$?\\boxed\{(?:\\text\{)?(?P<label>" + label + r")\}?\}\$?",
        rf"{opening}i(?:'d)? (?:(?:strongly|slightly|clearly|would|will|do) )*"
        rf"(?:prefer|choose|pick|select|say|go with|go for|vote for) (?:{_NOUN} )?{marked}{because}",
        rf"{opening}(?:{_NOUN} )?{marked} is {better}(?: (?:than|over|to) (?:{_NOUN} )?{other})?{because}",
        rf"{opening}(?:{_NOUN} )?{marked} wins{because}",
    ]
    if not any(label.isdigit() for label in labels):  # 2 > 1 is arithmetic
        forms.append(rf"(?:(?:my )?(?:final )?verdict(?: is)?:? ?)?(?:\[\[)?{versus}(?:\]\])?")
        forms.append(rf"(?:my )?(?:final )?verdict is:? [^\[\]]{{0,60}}[:：] \[\[{versus}\]\]")
    return tuple(re.compile(rf"(?:#{{1,6}} ?|[-•] ?)?(?:{form})[.!]*", re.IGNORECASE) for form in forms)


def _stated(line: str, grammar: Sequence[re.Pattern[str]], labels: Sequence[str]) -> list[str]:
    """The labels that the sentences of a line state, the last sentence's last; none where that states none.
    In small letters a label counts after a key alone, not as a word of a sentence: "a is better" may be the
    article.
    """
    known = {label.casefold(): label for label in labels}
    sentences = [line] if len(line) > LONGEST_STATEMENT else _SENTENCE_END.split(line)
    stated: list[str | None] = []
    for sentence in sentences:
        label = None
        for number, form in enumerate(grammar):
            if (match := form.fullmatch(sentence)) is None:
                continue
            written, other = match["label"], match.groupdict().get("other")
            is_keyed = number == 0 and len(sentences) == 1 and written.casefold() in known
            is_same = other is not None and other.casefold() == written.casefold()
            if (written in labels or is_keyed) and not is_same:
                label = known[written.casefold()]
            break
        stated.append(label)
    return [label for label in stated if label is not None] if stated and stated[-1] is not None else []


def _praised(text: str, labels: Sequence[str]) -> set[str]:
    """The labels of which a text says somewhere, and be it in passing, that they are better."""
    label = "|".join(re.escape(label) for label in labels)
    spoken_well_of = re.finditer(
        rf"(?<!\w)({label})(?!\w)[*_`\"')\]]{{0,4}} (?:(?:is|was|seems|looks) {_BETTER}|wins)\b"
        rf"|\b(?:prefer|choose|pick) (?:{_NOUN} )?({label})(?!\w)",
        text,
    )
    return {match[1] or match[2] for match in spoken_well_of}
