"""Reading replies: strictly where a schema was asked for, tolerantly where text came back, and never a guess.

`read` asks, reads, asks once more with the error shown, and raises `UnreadableReply` with both raw replies.
The wording of an error that is shown to a model comes from a closed list, so that the keys of re-asks never
hold a library's text.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from prefgen.errors import UnreadableReply
from prefgen.roles import Ask
from prefgen.types import Message, Reply, assistant, user

Parsed = TypeVar("Parsed")

REASK_MESSAGES = {
    "not_json": "The reply was not valid JSON.",
    "missing_field": "The reply did not have every field that was asked for.",
    "wrong_type": "A field of the reply did not have the type that was asked for.",
    "out_of_scale": "A rating was outside its scale.",
    "wrong_count": "The reply did not have exactly one entry for each text.",
    "no_rating": "The reply held no rating.",
    "ambiguous": "The reply held more than one candidate for the answer.",
    "no_list": "The reply held nothing that could be taken.",
}


class ParseFailure(ValueError):
    """A reader did not understand a reply; `code` is a key of REASK_MESSAGES."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        super().__init__(detail)


async def ask_and_parse(
    ask: Ask, model: str, messages: Sequence[Message], reader: Callable[[Reply], Parsed], **options: Any
) -> tuple[Parsed, Reply]:
    """Ask and read; a reply that cannot be read is shown its error and asked once more.

    Raises UnreadableReply (with both raw replies) when the second cannot be read either.
    """
    first_reply = await ask(model, messages, **options)
    try:
        return reader(first_reply), first_reply
    except ParseFailure as error:
        failure_text = REASK_MESSAGES[error.code]
    retry_messages = [
        *messages,
        assistant(first_reply.text or "(empty)"),
        user(f"{failure_text} Answer again, in the form that was asked for and with nothing else."),
    ]
    second_reply = await ask(model, retry_messages, **options)
    try:
        return reader(second_reply), second_reply
    except ParseFailure as error:
        texts, keys = (first_reply.text, second_reply.text), (first_reply.key, second_reply.key)
        raise UnreadableReply(str(error), code=error.code, replies=texts, keys=keys) from None


_FENCED = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL | re.IGNORECASE)


def json_object(text: str) -> dict[str, Any]:
    """The one JSON object of a reply: bare, in a code fence, or with talk around it. Raises ParseFailure."""
    candidates = [text.strip(), *(m.strip() for m in _FENCED.findall(text))]
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        candidates.append(text[start : end + 1])
    for candidate in candidates:
        data = _parse_object(candidate)
        if data is not None:
            return data
    raise ParseFailure("not_json", f"expected one JSON object, found {text[:120]!r}")


def _parse_object(text: str) -> dict[str, Any] | None:
    """The object that `text` is, or None: no key may stand twice, and NaN is no JSON."""
    try:
        data = orjson.loads(text)
        if isinstance(data, dict) and text.count(":") == orjson.dumps(data).count(b":"):
            return data  # every key is still there: none stood twice
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    try:
        data = json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_reject_duplicates)
        json.dumps(
            data, ensure_ascii=False
        ).encode()  # an escaped lone surrogate is no text that could be kept
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def parse_rating(value: Any, scale: tuple[float, float], *, not_applicable: bool = False) -> float | None:
    """A rating within `scale`, or None for N/A where that is allowed. Raises ParseFailure; never clamps,
    never guesses.
    """
    if type(value) is int and scale[0] <= value <= scale[1]:  # as nearly all are
        return float(value)
    if isinstance(value, str):
        word = value.strip()
        if not_applicable and word.upper() in ("N/A", "NA", "NOT APPLICABLE"):
            return None
        value = _parse_number(word, scale)
    if value is None and not_applicable:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ParseFailure(
            "no_rating", f"expected one rating in {scale[0]:g} to {scale[1]:g}, found {value!r}"
        )
    if not scale[0] <= value <= scale[1]:
        raise ParseFailure(
            "out_of_scale", f"expected one rating in {scale[0]:g} to {scale[1]:g}, found {value!r}"
        )
    return float(value)


_PLAIN = re.compile(r"[-+]?\d+(?:\.\d+)?")
_OUT_OF = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*(?:/|out of)\s*(\d+(?:\.\d+)?)", re.IGNORECASE)


def _parse_number(word: str, scale: tuple[float, float]) -> float | None:
    """The number of "4", "4.5", "**4**" or "4/5" (only when the 5 is the top of the scale: "1/10" is
    not 1).
    """
    word = word.strip(" *_`\"'[]().").strip()
    if _PLAIN.fullmatch(word):
        return float(word)
    ratio = _OUT_OF.fullmatch(word)
    if ratio and float(ratio[2]) == scale[1]:
        return float(ratio[1])
    return None


_BLOCK = re.compile(
    r"^[ \t>#*\-]*(?:output for )?(?:text|response|answer)[ \t]*(?:<|#|no\.?)?[ \t]*(\d+)[^\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL = re.compile(
    r"^[ \t>#*\-_]*(?:overall )?(?:rating|score)[ \t]*[*_]*[ \t]*[:=][ \t]*(.+?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_RATIONALE = re.compile(
    r"^[ \t>#*\-_]*rationale[ \t]*[*_]*[ \t]*[:=]\s*(.+)", re.IGNORECASE | re.MULTILINE | re.DOTALL
)


def parse_rating_blocks(
    text: str, count: int, scale: tuple[float, float], *, not_applicable: bool = False
) -> list[tuple[float | None, str]]:
    """(rating, rationale) of each of `count` texts from a free-text reply, in the order shown.

    Blocks are told apart by their headings ("Text 2", "#### Output for Text 2"), never by blank lines, since
    rationales hold blank lines. Without headings there must be exactly `count` labelled ratings. Raises
    ParseFailure for anything else.
    """
    headings = list(_BLOCK.finditer(text))
    numbers = [int(h[1]) for h in headings]
    if numbers == list(range(1, count + 1)):
        ends = [h.start() for h in headings[1:]] + [len(text)]
        return [
            _parse_block(text[h.end() : end], scale, not_applicable)
            for h, end in zip(headings, ends, strict=True)
        ]
    labels = list(_LABEL.finditer(text))
    if len(labels) != count:
        raise ParseFailure(
            "wrong_count" if labels else "no_rating",
            f"expected {count} ratings, found {len(labels)} in {text[:120]!r}",
        )
    ends = [label.start() for label in labels[1:]] + [len(text)]
    return [
        (
            parse_rating(label[1], scale, not_applicable=not_applicable),
            _parse_rationale(text[label.end() : end]),
        )
        for label, end in zip(labels, ends, strict=True)
    ]


def _parse_block(block: str, scale: tuple[float, float], not_applicable: bool) -> tuple[float | None, str]:
    labels = _LABEL.findall(block)
    if len(labels) != 1:
        raise ParseFailure(
            "ambiguous" if labels else "no_rating", f"expected one rating in a block, found {labels!r}"
        )
    return parse_rating(labels[0], scale, not_applicable=not_applicable), _parse_rationale(block)


def _parse_rationale(block: str) -> str:
    match = _RATIONALE.search(block)
    return (match[1] if match else block).strip()


_JUDGE_ADDRESS = re.compile(
    r"(?:rate|score|give|grade|assign|award)\s+(?:this|the above|my|it)\b[^.\n]{0,60}?"
    r"(?:\b(?:top|highest|maximum|max|full|best)\b[^.\n]{0,20}\b(?:rating|score|marks?|grade)\b"
    r"|\b(?:10|5)\s*(?:/|out of)\s*(?:10|5)\b)"
    r"|\b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+)?(?:the\s+|your\s+)?"
    r"(?:previous|prior|above|earlier|other)\s+(?:instructions?|texts?|rubric)"
    r"|\bas (?:a|the|an? (?:impartial|fair)) (?:judge|evaluator|grader),? (?:you|please)\b"
    r"|\b(?:dear|note to(?: the)?|attention)\s+(?:judge|evaluator|grader|annotator)\b",
    re.IGNORECASE,
)


_ADDRESS_HINTS = (
    "rating",
    "score",
    "mark",
    "grade",
    "instruction",
    "rubric",
    "judge",
    "evaluator",
    "annotator",
    "text",
    "out of",
    "/10",
    "/5",
    "/ ",
)
"""Words of which one is in every passage that the pattern finds: looking for them first is ten times faster.
"""


def find_judge_address(text: str) -> str | None:
    """The passage of a response that speaks to whoever rates it, or None."""
    folded = text.casefold()
    for word in _ADDRESS_HINTS:
        if word in folded:
            break
    else:
        return None
    match = _JUDGE_ADDRESS.search(text)
    return match[0] if match else None


def require_field(fields: Mapping[str, Any], name: str, kind: type) -> Any:
    """`fields[name]` if it is there and of `kind`; raises ParseFailure."""
    if name not in fields:
        raise ParseFailure("missing_field", f"expected a field {name!r}, found {sorted(fields)}")
    if not isinstance(fields[name], kind) or (kind is int and isinstance(fields[name], bool)):
        raise ParseFailure("wrong_type", f"expected {name!r} to be {kind.__name__}, found {fields[name]!r}")
    return fields[name]
