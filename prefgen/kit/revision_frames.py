"""Frames around a new text that are told by where they stand: what lies inside is nearly the old text, and
what stands around it is not in the old one.

A fence, quotes or emphasis around the whole may be what the edit was to add, and a line above, a name before
it or a short remark below that speaks of an edit may not be the answer's: then it is not certain what the new
text is. What an edit adds of other things (a heading, a subject, a warning, an offer) is text.
"""

import re
from collections import Counter

_WHOLE = (
    re.compile(
        r"\A(?:```|~~~)(?:text|txt|plaintext|markdown|md|json|yaml)?[ \t]*\n(?P<inside>.*?)\n?(?:```|~~~)\Z",
        re.DOTALL,
    ),
    re.compile(r"\A\"(?P<inside>[^\"]+)\"\Z|\A“(?P<curly>[^“”]+)”\Z"),
    re.compile(r"\A(?P<mark>\*{1,3}|_{1,3}|`)(?P<inside>(?:(?!(?P=mark)).)+)(?P=mark)\Z", re.DOTALL),
    re.compile(r"\A(?P<inside>> ?[^\n]*(?:\n> ?[^\n]*)*)\Z"),
)
_QUOTE_MARK = re.compile(r"^> ?", re.MULTILINE)
_NAMED = re.compile(r"\A(?P<name>[^\n:]{1,60}?)(?::| [-–—]) +(?P<rest>\S.*)\Z", re.DOTALL)
_MARKED_AT_END = re.compile(r"\A(?P<rest>.*\S)\s+(?:\([^()\n]{1,40}\)|\[[^\[\]\n]{1,40}\]|#\w+)\Z", re.DOTALL)
_LONGEST_REMARK = 40
"""Words of a paragraph above or below."""
_OF_REVISING = re.compile(
    r"\b(?:revis\w*|rewrit\w*|rewrote|edit(?:ed|s)|changed|corrected|corrections?|fixed|replaced|updated"
    r"|improved|needed changing|changes made|minimal (?:edit|change)s?|rationale|(?:other|further) changes"
    r"|\d+ words|word count|as (?:requested|asked)|critique|the flaws?|only change"
    r"|change made|new text|nothing to a?mend)\b"
    r"|(?:\A\W*|\(|\bi(?:['’]ve| have)?(?: only| just)? )a?mend(?:ed|s|ing)?\b"
    r"|\b(?:is|has been) (?:now )?a?mended\b(?! (?:in|by|with|at)\b)"
    r"|\b(?:the (?:rest|remainder|order|style|length)|everything else|every other word)\b"
    r"(?:(?!\b(?:can|may|should|must|will)\b)[^.\n]){0,40}"
    r"\b(?:same|unchanged|kept|left|as (?:it|they) (?:was|were|is|are))(?=\W*(?:\Z|[.!\n]))"
    r"|\A\W*(?:changes?:|reason for\b|✅|[^\n]{1,40}(?:→|->)"
    r"|(?:the|this) (?:text|reply|response|version) (?:now \w+|gives|corrects"
    r"|\w+s (?:the )?(?:right|correct)\b))",
    re.IGNORECASE,
)
_SURE = r"(?:(?:sure|okay|ok|certainly|of course|absolutely)[,!.] )"
_NAMES_A_TEXT = re.compile(
    rf"(?:.*[.!?] )?{_SURE}?(?:(?:here(?:['’]s| is)|below is|this is) )?(?:(?:the|my|an?|your) )?"
    r"(?:[\w-]+ ){0,3}(?:text|reply|response|version)(?: \d+)?"
    rf"(?: \(\w+\)|,? (?:with|after|\w+ed)\b[^:]{{0,60}})?|{_SURE}?here (?:you go|it is)",
    re.IGNORECASE,
)
"""What a line or a name calls what follows: "Okay, here is the whole text", "Text 1 (mended)"."""
_NAMES_OF_A_REPLY = frozenset((
    "answer", "output", "result", "revision", "correction", "fix", "final", "final answer",
))  # fmt: skip
_LINE = re.compile(r"\S[^\n]*")
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*")
_WORD = re.compile(r"[^\W_]+")
_NEARLY = 0.7
_OF_THE_REST = re.compile(r"\b(?:rest|remainder|other|otherwise|else)\b", re.IGNORECASE)
_AROUND = '"“”`*_>() \t\n'


def holds_frame(text: str, old: str) -> bool:
    """Whether a line, a name or a remark that the old text does not have may stand around the new one."""
    text, old = text.strip(), old.strip()
    if any(_is_framed(form, text, old) for form in _WHOLE):
        return True
    named = _NAMED.match(text)
    if named and _is_of_edit(named["name"]) and _is_new(named["name"], old) and is_nearly(named["rest"], old):
        return True
    marked = _MARKED_AT_END.match(text)
    mark = text[marked.end("rest") :].strip() if marked else ""
    if marked and mark not in old and _OF_REVISING.search(mark) and is_nearly(marked["rest"], old):
        return True
    return _line_above(text, old) or _remark_below(text, old)


def _is_framed(form: re.Pattern[str], text: str, old: str) -> bool:
    match = form.match(text)
    if match is None or form.match(old):
        return False
    inside = next(part for name, part in match.groupdict().items() if name != "mark" and part is not None)
    return is_nearly(_QUOTE_MARK.sub("", inside) if text.startswith(">") else inside, old)


def _is_of_edit(words: str) -> bool:
    """Whether a line or a name speaks of an edit, or is nothing but a name of a reply."""
    name = words.strip("#*_[]: \t").casefold()
    return (
        name in _NAMES_OF_A_REPLY
        or _NAMES_A_TEXT.fullmatch(name) is not None
        or _OF_REVISING.search(words) is not None
    )


def _line_above(text: str, old: str) -> bool:
    first, _, rest = text.partition("\n")
    first = first.strip()
    is_added = len(_LINE.findall(text)) > len(_LINE.findall(old))  # an edited first line is none
    if not rest.strip() or not is_added or first in old or not is_nearly(rest, old):
        return False
    return len(_WORD.findall(first)) <= _LONGEST_REMARK and _is_of_edit(first)


def _remark_below(text: str, old: str) -> bool:
    *above, last = _PARAGRAPH_END.split(text)
    is_added = len(above) + 1 > len(_PARAGRAPH_END.split(old))  # an edited last paragraph is none
    if not is_added or last.strip() in old or not is_nearly("\n\n".join(above), old):
        return False
    return len(_WORD.findall(last)) <= _LONGEST_REMARK and _OF_REVISING.search(last) is not None


def stands_beside_an_edit(text: str, old: str) -> bool:
    """Whether a text, or what it holds beside its first or last line or paragraph, is nearly the old text and
    not that itself: then what is said there of the old text is said of the rest of it. Marks alone (curly
    quotes, bullets) make no other text of it, unless the rest is spoken of: then a mark may be the edit.
    """
    text = text.strip()
    paragraphs = _PARAGRAPH_END.split(text)
    parts = [text, text.partition("\n")[2], text.rpartition("\n")[0]]
    parts += ["\n\n".join(part) for part in (paragraphs[1:], paragraphs[:-1], paragraphs[1:-1])]
    bare = [part.strip(_AROUND) for part in parts]
    words = [_WORD.findall(part) for part in bare]
    is_of_rest = len(_OF_THE_REST.findall(text)) > len(_OF_THE_REST.findall(old))
    is_copy = old.strip(_AROUND) in bare or (_WORD.findall(old) in words and not is_of_rest)
    return not is_copy and any(is_nearly(part, old) for part in bare)


def _is_new(words: str, old: str) -> bool:
    """Whether no word of weight stands in the old text."""
    known = set(_words(old))
    return not any(word in known for word in _words(words) if len(word) > 3)


def is_nearly(text: str, old: str) -> bool:
    """Whether a text has most words of the old one, and few others."""
    new_words, old_words = _words(text), _words(old)
    longest = max(len(new_words), len(old_words))
    shared = sum((Counter(new_words) & Counter(old_words)).values())
    return longest > 3 and shared >= _NEARLY * longest


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]
