"""Tags that mark reasoning or an answer in what most models write, and that a request asks for: in what
answers it they are part of the answer.
"""

import re
from collections.abc import Collection

from prefgen.text.model_marks import ANSWER_MARKS, REASONING_TAGS

_NAMES = "|".join(
    [
        *(name for name in REASONING_TAGS if name != "think"),  # which models think in, whoever asks for it
        *(before.strip("<>") for before, _ in ANSWER_MARKS if "|" not in before),
    ]
)
_QUOTE = r"[\"'`*]{0,3}"
_NAMED_TAG = re.compile(
    rf"(?<![A-Za-z])<({_NAMES})(?=[\s>])"  # glued to a letter it is a type: Promise<Response>
    rf"|\b({_NAMES}){_QUOTE} (?:(?:and|or) (?!an? |the ){_QUOTE}\w+{_QUOTE} )?(?:xml )?tags?\b",
    re.IGNORECASE,
)
_PAIR = re.compile(rf"<({_NAMES})(?=[\s>])[^<>\n]{{0,50}}>(?=.*?</\1\s*>)", re.IGNORECASE | re.DOTALL)
_ASKS = re.compile(
    r"\b(?:use|using|put|place|wrap\w*|enclosed?|surround\w*|inside|within|between|in|with|begin|start|go on"
    r"|continue|write|give|emit|output|return|respond|reply|answer|format\w*|think|plan|tagged)\b|[用在以]",
    re.IGNORECASE,
)
_ASKS_NOT = re.compile(
    r"\b(?:not|never|no|without|avoid\w*|omit\w*|skip|remove|strip|drop|instead of)\b|n['’]t\b|不|别|勿",
    re.IGNORECASE,
)
_FORBIDS = re.compile(
    r"(?:\b(?:not|never|no|without|avoid)|n['’]t)"
    r"(?: (?!(?:in|as|inside|within|between|into|outside)\b)\w+){0,3}\W*\Z",
    re.IGNORECASE,
)
_OUTSIDE = re.compile(r"\b(?:outside|except in)(?: of)?(?: the| your| of)* ?\W*\Z", re.IGNORECASE)
_ASKS_ABOUT = re.compile(
    r"\W*(?:how|why|when|where|who|which|whose|what|is|are|does|do|did|should"
    r"|(?:please )?(?:explain|describe) (?:how|what|when|why|the))\b",
    re.IGNORECASE,
)
_SENTENCE_ENDS = re.compile(r"[.!?。！？](?=\s|\Z)|\n|[。！？]")
_TAG_NAME = re.compile(r"</?([\w:]+)")
_MOST_TAGS = 200


def named_tags(asked: str) -> frozenset[str]:
    """The names of such tags in a request, in lower case, whatever it says of them."""
    if "<" not in asked and "tag" not in asked:
        return frozenset()
    return frozenset(_name_of(tag) for tag in [*_NAMED_TAG.finditer(asked), *_pairs_in(asked)])


def asked_tags(asked: str) -> frozenset[str]:
    """The names of the tags that a request certainly asks for: it shows how one opens and closes, or tells
    to write it. What is but named, or forbidden, is none.
    """
    if "<" not in asked and "tag" not in asked:
        return frozenset()
    shown = {_name_of(pair) for pair in _pairs_in(asked) if not _FORBIDS.search(_before(asked, pair))}
    told = {_name_of(tag) for tag in list(_NAMED_TAG.finditer(asked))[:_MOST_TAGS] if _is_told(asked, tag)}
    return frozenset(shown | told)


def _pairs_in(asked: str) -> list[re.Match[str]]:
    if "</" not in asked or asked.count("<") > 2 * _MOST_TAGS:
        return []
    return list(_PAIR.finditer(asked))


def _name_of(tag: re.Match[str]) -> str:
    return next(name for name in tag.groups() if name).casefold()


def _before(asked: str, tag: re.Match[str]) -> str:
    """What stands before a tag in its sentence, or the nearest of it."""
    return _SENTENCE_ENDS.split(asked[max(0, tag.start() - 200) : tag.start()])[-1]


def _is_told(asked: str, tag: re.Match[str]) -> bool:
    before = _before(asked, tag)
    if _OUTSIDE.search(before):
        return True
    is_said = _ASKS_NOT.search(before) is not None or _ASKS_ABOUT.match(before) is not None
    return not is_said and _ASKS.search(before) is not None


def is_asked_for(mark: re.Match[str], tags: Collection[str]) -> bool:
    """Whether a mark is a tag of one of these names."""
    name = _TAG_NAME.match(mark[0]) if tags else None
    return name is not None and name[1].casefold() in tags
