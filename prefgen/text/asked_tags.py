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
_ASKED_TAG = re.compile(
    rf"<({_NAMES})(?=[\s>])|\b({_NAMES}){_QUOTE} (?:(?:and|or) {_QUOTE}\w+{_QUOTE} )?(?:xml )?tags?\b",
    re.IGNORECASE,
)
_TAG_NAME = re.compile(r"</?([\w:]+)")


def asked_tags(asked: str) -> frozenset[str]:
    """The names of such tags in a request, in lower case."""
    if "<" not in asked and "tag" not in asked:
        return frozenset()
    return frozenset((tag[1] or tag[2]).casefold() for tag in _ASKED_TAG.finditer(asked))


def is_asked_for(mark: re.Match[str], tags: Collection[str]) -> bool:
    """Whether a mark is a tag of one of these names."""
    name = _TAG_NAME.match(mark[0]) if tags else None
    return name is not None and name[1].casefold() in tags
