"""The label that a reply names, and what makes it doubtful (docs/judges.md has the table).

It is the whole reply, or its last line; one that stands first counts where reasons follow under their name.
All statements of a reply must agree, or the last one call itself final, and nothing else may speak for
another label. A label that is named as the loser, or beside "not", "both" and the like, is no statement.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from prefgen.kit.final_words import Statement, reply_lines, statements_of, takes_back
from prefgen.kit.label_grammar import Named, label_alone, named_in
from prefgen.kit.label_leanings import NOUN, leanings_in
from prefgen.kit.label_objects import label_in_object
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_json import holds_object
from prefgen.kit.verdict_context import NAMES, REASONS_LINE, speaks_for_another
from prefgen.text.reasoning import any_of

_MARKUP = re.compile(r"[*_`]+")
_SAYS_MORE = re.compile(
    r"\d|\b(?:other|first|second|former|latter|neither|both|not|if|rival|alternative|competitor|counterpart)\b",
    re.IGNORECASE,
)
_BLAME = re.compile(
    r"\b(?:worse|worst|inferior|weaker|weakest|loses|loser|reject\w*|least|less \w+|poorer)\b", re.IGNORECASE
)
_FAULT = re.compile(
    r"(?<!no )(?<!fewer )(?<!without )\b(?:\w+ )?"
    r"(?:errors?|mistakes?|wrong|incorrect|bad|poor|harmful|misleading|violates?|fails?|false|inaccurate)\b",
    re.IGNORECASE,
)
"""A reason that speaks against a text, and so for no verdict on it."""
_LIMITS = re.compile(
    r"\b(?:but|however|though|although|yet|while|not|no|n't|only|less|too|lacks?|miss\w*|omits?|errors?"
    r"|mistakes?|without|short|fails?|fall|weak\w*|problem\w*|issues?|wrong\w*|in\w*correct\w*|un\w+|mis\w+|partial\w*)\b",
    re.IGNORECASE,
)
"""A sentence about a text that may speak against it."""
_DOUBTS = re.compile(
    r"\b(?:tie|tied|draw|equal\w*|even|hard to|cannot|can't|unclear|unsure|no|never|wrong|but|however|though"
    r"|although|yet|instead|fail\w*|drop|either|reverse)\b",
    re.IGNORECASE,
)
_DISAGREES = re.compile(r"\bdisagree", re.IGNORECASE)
_QUESTION = re.compile(
    r"\b(?:which|what|whose|who|does|do|is|are|has|have)\b[^?？]*[?？]\W*\Z", re.IGNORECASE
)
_ASKS_FOR_BETTER = re.compile(
    r"\b(?:better|best|prefer\w*|stronger|superior|winner|wins"
    r"|more (?:helpful|useful|accurate|correct|complete))\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?:。？！])\s+|\n")
_KEYS_OF_PROBLEM = ("answer", "boxed", "答案", "最终答案")


def label_in_text(text: str, labels: Sequence[str]) -> str:
    """The one label that a reply names. Raises ParseFailure."""
    text = unicodedata.normalize("NFKC", text)
    failure = ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {text[:120]!r}")
    if holds_object(text):
        before = text.partition("{")[0].splitlines()
        statements = statements_of(before)
        if any(named_in(s.text, labels) for s in statements) or _asks_for_loser(before, labels):
            raise failure
        return label_in_object(text, labels)
    lines = reply_lines(text)
    statements = statements_of(lines)
    if len(statements) == 1 and statements[0].is_alone and (alone := label_alone(statements[0].text, labels)):
        return alone
    found = [(s, named) for s in statements if (named := named_in(s.text, labels)) is not None]
    if not found:
        raise failure
    statement, verdict = found[-1]
    others = [named for _, named in found[:-1] if not verdict.is_final or named.is_final]
    is_agreed = verdict.agrees and all(named.label == verdict.label for named in others)
    if not is_agreed or _is_doubtful(statement, verdict, statements, labels):
        raise failure
    said = [_MARKUP.sub("", line) for number, line in enumerate(lines) if number != statement.number]
    said += verdict.before
    if _is_of_problem(verdict, said, labels) or _asks_for_loser([*said, statement.text], labels):
        raise failure
    if verdict.is_final:  # it settles what was said for either, but for what stands right before it
        stated = {s.text for s, _ in found}
        before = [s.text for s in statements[: statements.index(statement)] if not _NAME.fullmatch(s.text)]
        said = [text for text in (verdict.before or before[-1:]) if text not in stated]
    if _renames(said, labels) or leanings_in(said, labels).speak_against(verdict.label):
        raise failure
    return verdict.label


_NAME = re.compile(rf"(?:#+ )?(?:(?:the|my) )?(?:(?:final|overall) )?(?:{NAMES}) ?[:：]?", re.IGNORECASE)


def _is_doubtful(
    statement: Statement, verdict: Named, statements: Sequence[Statement], labels: Sequence[str]
) -> bool:
    """Whether a verdict is not this judge's own on the whole: by where it stands, what stands right before
    and behind it, and its own reason.
    """
    position = statements.index(statement)
    before = verdict.before[-1:] or [s.text for s in statements[:position]][-1:]
    return (
        statement.is_introduced
        or statement.opens_part
        or bool(statement.aspect and not verdict.is_of_all)
        or (bool(verdict.before) and speaks_for_another(verdict.before[-1]))
        or not (statement.is_last or _gives_reasons(statement, statements[position + 1 :], labels))
        or _speaks_ill(verdict.because, labels)
        or any(_asks_otherwise(text) or _ends_on_another(text, verdict, labels) for text in before)
    )


def _gives_reasons(statement: Statement, rest: Sequence[Statement], labels: Sequence[str]) -> bool:
    """Whether what follows a verdict on the first line is its reasons by name, without a word about which
    text, and without doubt.
    """
    after = " ".join(s.text for s in rest)
    doubts = any(words.search(after) for words in (_SAYS_MORE, _DOUBTS))
    return (
        statement.is_first
        and bool(rest)
        and any(mark in statement.text for mark in ":=[")
        and REASONS_LINE.fullmatch(rest[0].text) is not None
        and not doubts
        and not _speaks_ill(after, labels)
        and not takes_back(after)
    )


def _speaks_ill(reason: str, labels: Sequence[str]) -> bool:
    """Whether a reason is none for a verdict: it blames, or goes on about the texts."""
    return bool(
        _BLAME.search(reason)
        or _FAULT.search(reason)
        or re.search(r"\b(?:but|however|though|although|yet|not)\b", reason, re.IGNORECASE)
        or _mentions(reason, labels)
    )


def _is_of_problem(verdict: Named, said: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether "the answer is B", or a box, may be the answer to what the texts answer: that is spoken of, or
    a text is by its label. "Overall" is no verdict beside grades or scores.
    """
    words = "\n".join(said)
    if verdict.key == "overall":
        return re.search(r"\d|[:：]\s*\w", words) is not None
    if verdict.key in ("boxed", ">"):  # of what, more than the label does not say
        return bool(words.strip())
    if verdict.key not in _KEYS_OF_PROBLEM:
        return False
    label = any_of(labels)
    of_problem = rf"\b(?i:(?:correct|right) answer)\b[^.\n]{{0,20}}(?<!\w){re.escape(verdict.label)}(?!\w)"
    if re.search(of_problem, words):
        return True
    is_sentence = re.search(r"\banswer is\b|是", verdict.form, re.IGNORECASE) is not None
    of_text = rf"\b{NOUN} (?:{label})(?!\w)|文本 ?(?:{label})"
    return is_sentence and re.search(of_text, words, re.IGNORECASE) is not None


def _asks_for_loser(texts: Iterable[str], labels: Sequence[str]) -> bool:
    """Whether a sentence without a label speaks of the worse one, so that a label may answer that."""
    return any(
        _BLAME.search(sentence) or _DISAGREES.search(sentence)
        for text in texts
        for sentence in _SENTENCE_END.split(text)
        if not _mentions(sentence, labels)
    )


def _asks_otherwise(text: str) -> bool:
    """Whether a text ends in a question that is not which text is the better one."""
    sentence = _SENTENCE_END.split(text.strip())[-1]
    return _QUESTION.search(sentence) is not None and _ASKS_FOR_BETTER.search(sentence) is None


def _ends_on_another(text: str, verdict: Named, labels: Sequence[str]) -> bool:
    """Whether the last sentence before a verdict is about another text alone, and says nothing against it. An
    earlier verdict that a final one overrides is none.
    """
    sentence = _SENTENCE_END.split(text.strip())[-1]
    others = [other for other in labels if other != verdict.label]
    is_about = _mentions(sentence, others) and not _mentions(sentence, [verdict.label])
    if not is_about or (verdict.is_final and named_in(text, labels) is not None):
        return False
    return not (_LIMITS.search(sentence) or _BLAME.search(sentence) or _FAULT.search(sentence))


def _renames(texts: Iterable[str], labels: Sequence[str]) -> bool:
    """Whether a text gives the labels another meaning: "A = Text B", "I call the first text B"."""
    label = any_of(labels)
    renaming = re.compile(
        rf"(?<!\w)(?:{label}) ?(?:=|stands for|means|denotes) ?[A-Za-z]{{3}}"
        rf"|\bcall (?:the )?(?:\w+ ){{0,2}}(?:{NOUN} )?(?:{label})(?!\w)"
    )
    return any(renaming.search(text) for text in texts)


def _mentions(text: str, labels: Sequence[str]) -> bool:
    return re.search(rf"(?<!\w)(?:{any_of(labels)})(?!\w)", text) is not None
