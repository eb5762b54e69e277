"""Frames around a new text that are told by where they stand: what lies inside is nearly the old text, and
what stands around it is not in the old one.

A whole fence, one pair of quotes or of emphasis is taken off. A line above, a name before it or a short
remark below is in doubt: then it is not certain what the new text is.
"""

import re
from collections import Counter

_WHOLE = (
    re.compile(
        r"\A(?:```|~~~)(?:text|txt|plaintext|markdown|md)?[ \t]*\n(?P<inside>.*?)\n?(?:```|~~~)\Z", re.DOTALL
    ),
    re.compile(r"\A\"(?P<inside>[^\"]+)\"\Z|\A“(?P<curly>[^“”]+)”\Z"),
    re.compile(r"\A(?P<mark>\*{1,3}|_{1,3}|`)(?P<inside>(?:(?!(?P=mark)).)+)(?P=mark)\Z", re.DOTALL),
    re.compile(r"\A(?P<inside>> ?[^\n]*(?:\n> ?[^\n]*)*)\Z"),
)
_FENCED = re.compile(r"\A(?:```|~~~)\w*[ \t]*\n(?P<inside>.*?)\n?(?:```|~~~)\Z", re.DOTALL)
_QUOTE_MARK = re.compile(r"^> ?", re.MULTILINE)
_NAMED = re.compile(r"\A(?P<name>[^\n:]{1,60}?)(?::| [-–—]) +(?P<rest>\S.*)\Z", re.DOTALL)
_MARKED_AT_END = re.compile(r"\A(?P<rest>.*\S)\s+(?:\([^()\n]{1,40}\)|\[[^\[\]\n]{1,40}\]|#\w+)\Z", re.DOTALL)
_LONGEST_REMARK = 40
"""Words of a paragraph above or below."""
_OF_REVISING = re.compile(
    r"\b(?:revis\w*|rewrit\w*|edit(?:s|ed)?|chang(?:e|es|ed|ing)|correct(?:s|ed|ion|ions)|fix(?:es|ed)?|replac\w*"
    r"|improv\w*|updated?|versions?|rationale|reason|explanation|repl(?:y|ies)|as (?:requested|asked)"
    r"|let me know|further|anything else|feedback|critique|words?)\b|[→✅]|->",
    re.IGNORECASE,
)
_LINE = re.compile(r"\S[^\n]*")
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*")
_WORD = re.compile(r"[^\W_]+")
_NEARLY = 0.7


def unframed(text: str, old: str) -> str:
    """A text without the one fence, pair of quotes or of emphasis around the whole of it, where what is
    inside is nearly the old one, which has none.
    """
    for form in _WHOLE:
        match = form.match(text)
        if match is None or form.match(old.strip()):
            continue
        inside = next(part for name, part in match.groupdict().items() if name != "mark" and part is not None)
        inside = _QUOTE_MARK.sub("", inside).strip() if text.startswith(">") else inside.strip()
        if _is_nearly(inside, old):
            return inside
    return text


def holds_frame(text: str, old: str) -> bool:
    """Whether a line, a name or a remark that the old text does not have may stand around the new one."""
    text, old = text.strip(), old.strip()
    fenced = _FENCED.match(text)
    if fenced and not _FENCED.match(old) and _is_nearly(fenced["inside"], old):
        return True
    if (named := _NAMED.match(text)) and _is_new(named["name"], old) and _is_nearly(named["rest"], old):
        return True
    marked = _MARKED_AT_END.match(text)
    mark = text[marked.end("rest") :].strip() if marked else ""
    if marked and mark not in old and _OF_REVISING.search(mark) and _is_nearly(marked["rest"], old):
        return True
    return _line_above(text, old) or _remark_below(text, old)


def _line_above(text: str, old: str) -> bool:
    first, _, rest = text.partition("\n")
    first, line = first.strip(), first.strip("*_ \t")
    is_added = len(_LINE.findall(text)) > len(_LINE.findall(old))  # an edited first line is none
    if not rest.strip() or not is_added or first in old or not _is_nearly(rest, old):
        return False
    is_heading = line.endswith(":") or first.startswith("#") or (first[:1] == "[" and first[-1:] == "]")
    is_short = len(_WORD.findall(line)) <= _LONGEST_REMARK
    return is_short and ((is_heading and _is_new(line, old)) or _OF_REVISING.search(line) is not None)


def _remark_below(text: str, old: str) -> bool:
    *above, last = _PARAGRAPH_END.split(text)
    is_added = len(above) + 1 > len(_PARAGRAPH_END.split(old))  # an edited last paragraph is none
    if not is_added or last.strip() in old or not _is_nearly("\n\n".join(above), old):
        return False
    return len(_WORD.findall(last)) <= _LONGEST_REMARK and _OF_REVISING.search(last) is not None


def _is_new(words: str, old: str) -> bool:
    """Whether no word of weight stands in the old text."""
    known = set(_words(old))
    return not any(word in known for word in _words(words) if len(word) > 3)


def _is_nearly(text: str, old: str) -> bool:
    """Whether a text has most words of the old one, and few others."""
    new_words, old_words = _words(text), _words(old)
    longest = max(len(new_words), len(old_words))
    shared = sum((Counter(new_words) & Counter(old_words)).values())
    return longest > 3 and shared >= _NEARLY * longest


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]
