"""The grammar of labels: which forms certainly name the better one of some labelled texts, and which do not
(docs/judges.md has the table).

A reply names a label by a statement: the label alone, "Answer: B", "I prefer B", "Text B is better than Text
A", "B > A". The statement is the whole reply, its last sentence, or its first line. All statements of a
reply must agree, or the last one be the last sentence and call itself final. A label that is named as the
loser, or beside "not", "both" and the like, is no statement.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from prefgen.kit.final_words import takes_back, without_drafts
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.reply_json import holds_object, json_object

_KEYS = (
    "answer", "verdict", "choice", "winner", "decision", "judgment", "judgement", "preference", "better",
    "best", "preferred", "label", "conclusion",
)  # fmt: skip
_NOUN = r"(?:the\s+)?(?:text|reply|response|option|answer|assistant|label|choice|candidate)"
_BETTER = (
    r"(?:(?:clearly|much|slightly|far|overall|somewhat|significantly|marginally|definitely|the|a bit)\s+)*"
    r"(?:better|best|preferable|preferred|superior|stronger|winner)"
)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")


def label_in_text(text: str, labels: Sequence[str]) -> str:
    """The one label that a reply names. Raises ParseFailure."""
    text = unicodedata.normalize("NFKC", text)
    if holds_object(text):
        return _label_in_object(json_object(text), labels)
    grammar = _grammar(tuple(labels))
    text = without_drafts(text, lambda line: _statement(line, grammar, labels) is not None)
    sentences = [sentence for part in _SENTENCE_END.split(text) if (sentence := part.strip())]
    statements = [_statement(sentence, grammar, labels) for sentence in sentences]
    named = [(number, label) for number, label in enumerate(statements) if label is not None]
    first_line = _statement(text.strip().partition("\n")[0], grammar, labels)
    if named and (named[-1][0] == len(sentences) - 1 or first_line is not None):
        last_number, last_label = named[-1]
        is_last = last_number == len(sentences) - 1
        is_final = is_last and "final" in sentences[last_number].casefold()
        agrees = len({label for _, label in named}) == 1
        agrees = agrees and not _praised(text, labels) - {last_label}
        if (agrees or is_final) and not takes_back(" ".join(sentences[last_number + 1 :])):
            return last_label
    raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {text[:120]!r}")


def _praised(text: str, labels: Sequence[str]) -> set[str]:
    """The labels of which a text says somewhere, and be it in passing, that they are better."""
    label = "|".join(re.escape(label) for label in labels)
    spoken_well_of = re.finditer(
        rf"\b({label})\b[\s*_`\"')\]]*(?:(?:is|was|seems|looks)\s+{_BETTER}|wins)\b"
        rf"|\b(?:prefer|choose|pick)\s+(?:{_NOUN}\s+)?({label})\b",
        text,
    )
    return {match[1] or match[2] for match in spoken_well_of}


def _label_in_object(data: dict[str, Any], labels: Sequence[str]) -> str:
    """The label that is the value of one well-known key."""
    values = {key.casefold(): value for key, value in data.items()}
    named = {json.dumps(values[key]) for key in _KEYS if key in values}
    value = json.loads(named.pop()) if len(named) == 1 else None
    known = {label.casefold(): label for label in labels}
    if isinstance(value, str | int) and (label := known.get(_bare(str(value)).casefold())) is not None:
        return label
    raise ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {data!r:.120}")


def _bare(text: str) -> str:
    """A label without the markup, brackets and full stop around it."""
    text = text.strip(" \t*_`\"'“”#>.:!")
    for opening, closing in (
        ("\\boxed{", "}"),
        ("\\text{", "}"),
        ("[", "]"),
        ("(", ")"),
        ("{", "}"),
        ("<", ">"),
        ("$", "$"),
    ):
        if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening):
            return _bare(text[len(opening) : -len(closing)])
    return text.removesuffix(")") if "(" not in text else text


@lru_cache(maxsize=64)
def _grammar(labels: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """The statements in which a label stands, each as a whole sentence."""
    label = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    marked = (
        rf"[\s*_`\"'(\[<{{$]*(?:\\boxed\{{|\\text\{{)?[\s*_`\"'(\[<]*(?P<label>{label})[\s*_`\"')\]>}}$]*"
    )
    other = rf"[\s*_`\"'(\[<]*(?:{label})[\s*_`\"')\]>]*"
    keys = "|".join(_KEYS)
    opening = r"(?:(?:so|thus|therefore|hence|overall|in conclusion|i think|i believe)[,:]?\s+)?"
    better = rf"{_BETTER}(?:\s+(?:one|{_NOUN}))?"
    forms = (
        rf"(?:{_NOUN}\s+)?{marked}",
        rf"{opening}(?:(?:the|my)\s+)?(?:(?:final|overall)\s+)?(?:{keys})(?:\s+{_NOUN})?[\s*_`]*"
        rf"(?::|=|->|→|\bis\b:?)\s*(?:{_NOUN}\s+)?{marked}",
        rf"(?:答案|最终答案)\s*[:是]\s*{marked}",
        rf"{opening}i(?:'d)?\s+(?:(?:strongly|slightly|clearly|would|will|do)\s+)*"
        rf"(?:prefer|choose|pick|select|say|go\s+with|go\s+for|vote\s+for)\s+(?:{_NOUN}\s+)?{marked}",
        rf"{opening}(?:{_NOUN}\s+)?{marked}\s*(?:is|was|seems|looks|would\s+be)\s+{better}"
        rf"(?:\s+(?:than|over|to)\s+(?:{_NOUN}\s+)?{other})?",
        rf"{opening}(?:{_NOUN}\s+)?{marked}\s*wins",
        rf"[\[\s*]*{marked}\s*(?:>|>>|≻)\s*{other}[\]\s*]*",
    )
    return tuple(re.compile(rf"(?:[\s>#*_`]|-\s)*(?:{form})[\s.!*_`]*", re.IGNORECASE) for form in forms)


def _statement(sentence: str, grammar: Sequence[re.Pattern[str]], labels: Sequence[str]) -> str | None:
    """The label that a sentence states, or None. In small letters a label counts alone or after a key, not as
    a word of a sentence: "a is better" may be the article.
    """
    known = {label.casefold(): label for label in labels}
    alone = known.get(_bare(sentence).casefold())
    if alone is not None:
        return alone
    for number, form in enumerate(grammar):
        match = form.fullmatch(sentence)
        if match is None:
            continue
        written = match["label"]
        if written in labels or (number <= 2 and written.casefold() in known):
            return known[written.casefold()]
    return None
