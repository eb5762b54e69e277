"""The label that a reply names, and what makes it doubtful (docs/judges.md has the table).

It is the whole reply, or its last line; one that stands first counts where reasons follow under their name.
All statements of a reply must agree, or the last one call itself final, and nothing else may speak for
another label. A label that is named as the loser, or beside "not", "both" and the like, is no statement.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from prefgen.kit.final_words import Statement, reply_lines, statements_of, takes_back, withdraws
from prefgen.kit.label_first import are_reasons_for, clauses_of, faults, names_texts, speaks_for, turns_away
from prefgen.kit.label_grammar import CONCLUDING, LOSER, Named, first_sentence, label_alone, named_in
from prefgen.kit.label_leanings import NOUN, leanings_in
from prefgen.kit.label_objects import label_in_object
from prefgen.kit.label_reasons import (
    asks_for_loser,
    disagrees,
    last_sentence,
    mentions,
    says_better,
    says_tie,
    speaks_ill,
    speaks_of_problem,
)
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_json import holds_object
from prefgen.kit.verdict_context import NAMES, REASONS_LINE, speaks_for_another
from prefgen.text.reasoning import any_of

_COMPARISON = re.compile(r"\[\[[^\[\]]*[<>=][^\[\]]*\]\]")
_MARKUP = re.compile(r"[*_`]+")
_SAYS_MORE = re.compile(
    r"\d|\b(?:other|first|second|former|latter|neither|both|not|if|rival|alternative|competitor|counterpart)\b",
    re.IGNORECASE,
)
_DOUBTS = re.compile(
    r"\b(?:tie|tied|draw|equal\w*|even|hard to|cannot|can't|unclear|unsure|no|never|wrong|but|however|though"
    r"|although|yet|instead|fail\w*|drop|either|reverse)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\b(?:which|what|whose|who|does|do|is|are|has|have)\b[^?？]*[?？]\W*\Z", re.IGNORECASE
)
_LOSER_LINE = re.compile(
    rf"([:：] ?[^\n:：]{{1,20}}?)[*_. ]*\n+(?=[*_ ]*(?:{LOSER})\b[^\n:：]{{0,12}}[:：])", re.IGNORECASE
)
"""The line before one that names the loser: the two are one verdict."""
_KEYS_OF_PROBLEM = ("answer", "boxed", "答案", "最终答案", *CONCLUDING)


def label_in_text(text: str, labels: Sequence[str]) -> str:
    """The one label that a reply names. Raises ParseFailure."""
    text = unicodedata.normalize("NFKC", text)
    failure = ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {text[:120]!r}")
    if holds_object(text):
        before = text.partition("{")[0].splitlines()
        statements = statements_of(before)
        last = [s.text for s in statements[-1:]]
        if (
            any(named_in(s.text, labels) for s in statements)
            or disagrees(before, labels)
            or asks_for_loser(before, last, labels)
        ):
            raise failure
        return label_in_object(text, labels)
    lines = _LOSER_LINE.sub(r"\1, ", "\n".join(reply_lines(text))).splitlines()
    statements = statements_of(lines)
    if len(set(_COMPARISON.findall(text))) > 1:  # the list of those that could be said
        raise failure
    if len(statements) == 1 and statements[0].is_alone and (alone := label_alone(statements[0].text, labels)):
        return alone
    found = [(s, named) for s in statements if (named := named_in(s.text, labels)) is not None]
    if statements and (bare := _bare_at_end(lines, statements, labels)) is not None:
        found.append((statements[-1], bare))
    if (first := _first_with_reasons(statements, found, labels)) is not None:
        return first
    if not found or _begins_with_another(statements, found[-1][1].label, labels):
        raise failure
    statement, verdict = found[-1]
    others = [named for _, named in found[:-1] if not verdict.is_final or named.is_final]
    is_agreed = verdict.agrees and all(named.label == verdict.label for named in others)
    if not is_agreed or _is_doubtful(statement, verdict, statements, labels):
        raise failure
    said = [_MARKUP.sub("", line) for number, line in enumerate(lines) if number != statement.number]
    said += verdict.before
    if _is_of_problem(verdict, said, labels) or _concludes_something(verdict, said, labels):
        raise failure
    if disagrees(said, labels):
        raise failure
    right_before = _right_before(statement, verdict, statements)
    if not says_better(verdict.form) and asks_for_loser([*said, statement.text], right_before, labels):
        raise failure
    if verdict.is_final:  # it settles what was said for either, but for what stands right before it
        stated = {s.text for s, named in found if named.key}
        before = [s.text for s in statements[: statements.index(statement)] if not _NAME.fullmatch(s.text)]
        said = [text for text in (verdict.before or before[-1:]) if text not in stated]
    if any(speaks_for(other, "\n".join(said), labels) for other in labels if other != verdict.label):
        raise failure
    if _renames(said, labels) or leanings_in(said, labels).speak_against(verdict.label):
        raise failure
    return verdict.label


def _bare_at_end(
    lines: Sequence[str], statements: Sequence[Statement], labels: Sequence[str]
) -> Named | None:
    """The last line where it is a label and nothing else, below a blank line and a sentence about a text.
    That is the answer to "answer with the label". A digit may be any number.
    """
    *earlier, last = statements
    if not earlier or not last.is_last or any(label.isdigit() for label in labels):
        return None
    is_apart = not lines[last.number - 1].strip() and earlier[-1].text.endswith(tuple(".!?)。！？"))
    may_be_cut = " " in last.text and not lines[last.number].strip().endswith((".", "*"))
    label = label_alone(last.text, labels) if is_apart and not may_be_cut else None
    if label is None or label not in last.text or any(s.aspect for s in statements):
        return None
    is_meant = _leads_to(label, "\n".join(s.text for s in earlier), labels)
    return Named(label, last.text, (), "", True, "answer") if is_meant else None


def _first_with_reasons(
    statements: Sequence[Statement], found: Sequence[tuple[Statement, Named]], labels: Sequence[str]
) -> str | None:
    """The label that a reply begins with, where all that follows are reasons for it that name the texts."""
    if not statements or not statements[0].is_first:
        return None
    opening, rest = first_sentence(statements[0].text)
    named = named_in(opening, labels)
    label = named.label if named else label_alone(opening, labels)
    reasons = "\n".join([rest, *(s.text for s in statements[1:])])
    if label is None or label not in opening or any(one.label != label for _, one in found):
        return None
    is_heading = named is None and (bool(rest) or " " in opening)  # "A. Paris", "**Text A**"
    is_list = any(label_alone(s.text, labels) for s in statements[1:])
    if is_heading or is_list or not reasons.rstrip().endswith(tuple(".!)。！")):  # or it was cut
        return None
    is_answer = named is None or named.key in _KEYS_OF_PROBLEM
    is_doubted = (
        bool(named and speaks_ill(named.because, labels))
        or any(s.is_introduced for s in statements)
        or withdraws(reasons)
        or _renames([reasons], labels)
        or asks_for_loser([reasons], [], labels)
        or disagrees([reasons], labels)
        or (is_answer and speaks_of_problem(reasons, label, labels))
        or leanings_in([reasons], labels).speak_against(label)
    )
    is_about_it = len(statements) == 1 and named is not None and says_better(named.form)
    is_reasoned = are_reasons_for(label, reasons, labels, must_name=not is_about_it) or (
        mentions(reasons, labels) and not turns_away(label, reasons, labels)
    )
    return label if is_reasoned and not is_doubted else None


def _begins_with_another(statements: Sequence[Statement], label: str, labels: Sequence[str]) -> bool:
    """Whether a reply begins with another label alone, which heads no list of them."""
    first, *rest = [label_alone(s.text, labels) for s in statements]
    return first is not None and first != label and label not in rest


_NAME = re.compile(rf"(?:#+ )?(?:(?:the|my) )?(?:(?:final|overall) )?(?:{NAMES}) ?[:：]?", re.IGNORECASE)


def _is_doubtful(
    statement: Statement, verdict: Named, statements: Sequence[Statement], labels: Sequence[str]
) -> bool:
    """Whether a verdict is not this judge's own on the whole: by where it stands, what stands right before
    and behind it, and its own reason.
    """
    position = statements.index(statement)
    before = _right_before(statement, verdict, statements)
    return (
        statement.is_introduced
        or statement.opens_part
        or bool(statement.aspect and not verdict.is_of_all)
        or (bool(verdict.before) and speaks_for_another(verdict.before[-1]))
        or not (
            statement.is_last or _gives_reasons(statement, statements[position + 1 :], verdict.label, labels)
        )
        or (
            speaks_ill(verdict.because, labels)
            and not are_reasons_for(verdict.label, verdict.because, labels)
            and turns_away(verdict.label, verdict.because, labels)
        )
        or any(_asks_otherwise(text) for text in before)
    )


def _right_before(statement: Statement, verdict: Named, statements: Sequence[Statement]) -> Sequence[str]:
    """What stands right before a verdict: the sentence before it in its line, or the line before; or
    nothing.
    """
    earlier = [s.text for s in statements[: statements.index(statement)]]
    return verdict.before[-1:] or earlier[-1:]


def _gives_reasons(
    statement: Statement, rest: Sequence[Statement], label: str, labels: Sequence[str]
) -> bool:
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
        and not speaks_ill(after, labels)
        and not any(faults(clause, label, labels) for _, clause in clauses_of(after, label, labels))
        and not takes_back(after)
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
    if speaks_of_problem(words, verdict.label, labels):
        return True
    label = any_of(labels)
    is_sentence = re.search(r"\banswer is\b|是", verdict.form, re.IGNORECASE) is not None
    of_text = rf"\b{NOUN} (?:{label})(?!\w)|文本 ?(?:{label})"
    return is_sentence and re.search(of_text, words, re.IGNORECASE) is not None


def _concludes_something(verdict: Named, said: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether "therefore, B" may end any argument: what is said right before is of no text."""
    if verdict.key not in CONCLUDING or re.search(rf"\b{NOUN} ", verdict.form, re.IGNORECASE):
        return False
    words = "\n".join(said)
    return bool(words.strip()) and not _leads_to(verdict.label, words, labels)


def _leads_to(label: str, said: str, labels: Sequence[str]) -> bool:
    """Whether a label below some words is that of the better text, and not of an answer to the request."""
    if speaks_for(label, said, labels):
        return True
    others = [other for other in labels if other != label]
    return names_texts(said, labels) and not (
        says_tie(said)
        or (not mentions(said, others) and turns_away(label, said, labels))
        or speaks_of_problem(said, label, labels)
    )


def _asks_otherwise(text: str) -> bool:
    """Whether a text ends in a question that is not which text is the better one."""
    sentence = last_sentence(text)
    return _QUESTION.search(sentence) is not None and not says_better(sentence)


def _renames(texts: Iterable[str], labels: Sequence[str]) -> bool:
    """Whether a text gives the labels another meaning: "A = Text B", "I call the first text B"."""
    label = any_of(labels)
    renaming = re.compile(
        rf"(?<!\w)(?:{label}) ?(?:=|stands for|means|denotes) ?[A-Za-z]{{3}}"
        rf"|\bcall (?:the )?(?:\w+ ){{0,2}}(?:{NOUN} )?(?:{label})(?!\w)"
    )
    return any(renaming.search(text) for text in texts)
