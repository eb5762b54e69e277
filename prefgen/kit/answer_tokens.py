"""Which tokens of a reply spell its answer: log-probabilities count where they are of what was written."""

import re
from collections.abc import Sequence
from itertools import accumulate

from prefgen.text.model_marks import REASONING_MARKS, REASONING_TAGS
from prefgen.types import Reply, TokenLogprob

_BLANKS = re.compile(r"[\s▁ĠĊ]|<0x0A>")
"""White space, and how tokenizers spell it: servers leave it out or put it in where they show a token."""


def answer_tokens(reply: Reply) -> Sequence[TokenLogprob]:
    """The tokens that spell the text of a reply, and those that end its turn. What was thought before is left
    out. None where there are no log-probabilities, or where they are not those of the text.
    """
    letters = [_letters(place.token) for place in reply.logprobs]
    before = _before(_letters(reply.text), "".join(letters))
    starts = list(accumulate(map(len, letters), initial=0))
    return reply.logprobs[starts.index(len(before)) :] if before is not None and len(before) in starts else ()


def _before(answer: str, written: str) -> str | None:
    """What was written before an answer: nothing, or thoughts; None where the answer was not written."""
    for whole in (written, _without_end(written)):
        if answer and whole.endswith(answer):
            before = whole.removesuffix(answer)
            return before if not before or before.casefold().endswith(_ENDS_OF_THOUGHT) else None
    return None


def _without_end(written: str) -> str:
    """A text without the tokens that end a turn ("A<|im_end|>")."""
    while written.endswith(">") and "<" in written:
        written = written[: written.rindex("<")]
    return written


def _letters(text: str) -> str:
    return _BLANKS.sub("", text)


_ENDS_OF_THOUGHT = tuple(
    _letters(mark).casefold()
    for mark in (
        *(f"</{tag}>" for tag in REASONING_TAGS), *(after for _, after in REASONING_MARKS),
        "final<|message|>",
    )
)  # fmt: skip
