"""The JSON object of a reply: bare, in a code fence, or with talk around it; one, or none.

What is nearly JSON is mended by three rules that cannot change what it says: a comma before a closing bracket
goes, strings in single quotes get double ones, and a line break inside a string is kept. Everything else that
looks like an object and is none makes the reply unread, so that nothing is read out of its pieces.
"""

import json
import re
from typing import Any

import orjson

from prefgen.kit.final_words import is_farewell, open_fence, statements_of
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.verdict_context import names_other_part, speaks_for_another
from prefgen.text.strict_json import no_constant, object_without_doubles

_BEGINS_OBJECT = re.compile(r"\{\s*(?:[\"'“]|\w+\s*:)")
"""What begins an object, or tries to: a brace and a key."""
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<double>"(?:[^"\\]|\\.)*")
      | (?P<single>'(?:[^'\\\n]|\\.)*')
      | (?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<word>(?:true|false|null|True|False|None)\b)
      | (?P<mark>[{}\[\]:,])""",
    re.VERBOSE | re.DOTALL,
)
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_SINGLE_ESCAPES = re.compile(r"\\(.)|(\")", re.DOTALL)


def json_object(text: str) -> dict[str, Any]:
    """The one JSON object of a reply. Several count as one where they are equal; an echo of the schema that
    was asked for counts as none. Raises ParseFailure.
    """
    stripped = text.strip()
    if stripped[:1] == "{":  # as nearly all are
        data = _plain_object(stripped)
        if data is not None and not _is_schema(data):
            return data
    found: list[dict[str, Any]] = []
    objects, outside = _objects_in(stripped)
    for data in objects:
        if not _is_schema(data) and data not in found:
            found.append(data)
    if not found:
        raise ParseFailure("not_json", f"expected one JSON object, found {text[:120]!r}")
    if len(found) > 1 or _is_quoted(*outside):
        raise ParseFailure("ambiguous", f"expected one JSON object that counts, found {text[:120]!r}")
    return found[0]


def holds_object(text: str) -> bool:
    """Whether a reply holds a JSON object, or something that tries to be one."""
    return "{" in text and _BEGINS_OBJECT.search(text) is not None


def field_name(key: str) -> str:
    """A key as its reader looks for it, however a model spelled it ("Final Answer": final_answer)."""
    return key.strip().casefold().replace(" ", "_")


def _plain_object(text: str) -> dict[str, Any] | None:
    """The object that `text` is as it stands, or None; no key may stand twice."""
    try:
        data = orjson.loads(text)
        if (
            isinstance(data, dict)
            and "\\u003" not in text
            and text.count(":") == orjson.dumps(data).count(b":")
        ):
            return data  # every key is still there: none stood twice
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    return None


def _objects_in(text: str) -> tuple[list[dict[str, Any]], tuple[str, str]]:
    """(every object that stands in a text and not in another one, the text before the first and after the
    last). Raises ParseFailure where one cannot be read.
    """
    objects: list[dict[str, Any]] = []
    before, position = text, 0
    while (begin := _BEGINS_OBJECT.search(text, position)) is not None:
        if not objects:
            before = text[: begin.start()]
        spelled, position = _spelled_object(text, begin.start())
        objects.append(_load(spelled))
    return objects, (before, text[position:])


def _is_quoted(before: str, after: str) -> bool:
    """Whether an object may be a quotation, an example, or taken back: it is not what the text before it
    leads up to as its verdict, or words follow that are more than a farewell.
    """
    words = after.strip(" \n`~].-*_")
    return not _announces(before) or bool(words and not is_farewell(words))


def _announces(before: str) -> bool:
    """Whether a text leads up to an object below it as to its verdict: it ends with a whole sentence or an
    announcement, and gives no verdict of its own.
    """
    before = _OPENED_LIST.sub("", before.rstrip(" "))
    if (opened := open_fence(lines := before.splitlines())) is not None:
        if any(line.strip() for line in lines[opened + 1 :]):  # a comment, or words, within its fence
            return False
        before = "\n".join([*lines[:opened], ""])
    before = _GLUED_FENCE.sub("", before)
    is_same_line = bool(before.rpartition("\n")[2].strip())
    lines = [line for line in (line.strip(" *_`") for line in before.splitlines()) if line]
    if not lines:
        return True
    is_partial = statements_of([*before.splitlines(), "{}"])[-1].aspect
    if is_partial or speaks_for_another(lines[-1]) or any(_SAYS_VERDICT.match(line) for line in lines):
        return False
    if lines[-1].endswith((":", "：")):
        announces = _ANNOUNCEMENT.search(lines[-1]) is not None and not names_other_part(lines[-1])
        return announces and not _SPEAKS_OF_TEXT.search(lines[-1])
    return not is_same_line and _ENDS.search(lines[-1]) is not None


_OPENED_LIST = re.compile(r" ?\[\s*\Z")
_GLUED_FENCE = re.compile(r"(?<=[^\s`~])[ \t]*(?:`{3,}|~{3,})\w*\s*\Z")
"""A fence that opens behind words in their line."""
_SAYS_VERDICT = re.compile(
    r"\W*(?:(?:the|my) )?(?:(?:final|overall) )?(?:rating|score|grade|answer|verdict|winner|choice|decision"
    r"|preference|judge?ment)s?\b[^:：=]{0,20}[:：=]\W*\w",
    re.IGNORECASE,
)
_ANNOUNCEMENT = re.compile(
    r"\b(?:here|json|evaluation|assessment|ratings?|answer|verdict|judge?ment|results?|output|scores?|decision"
    r"|feedback|critique|object|below|corrected)\b",
    re.IGNORECASE,
)
_SPEAKS_OF_TEXT = re.compile(
    r"\b(?:examples?|inject\w*|would|says?|said|contains?|(?:ends?|begins?|starts?) with|lines?|instruct\w*"
    r"|expected|hidden|asks?|(?:in|of) (?:the )?text)\b",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\A#|[.!?…)。！？]\W*\Z")


def _spelled_object(text: str, start: int) -> tuple[str, int]:
    """(the object that begins at `start`, mended; where it ends)."""
    parts: list[str] = []
    depth, position = 0, start
    while (token := _TOKEN.match(text, position)) is not None:
        position = token.end()
        kind, part = token.lastgroup, token[0]
        if kind == "mark":
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(part, 0)
            if part in "}]" and parts[-1] == ",":
                parts.pop()
        if kind == "single":
            part = f'"{_SINGLE_ESCAPES.sub(_in_double_quotes, part[1:-1])}"'
        if kind != "space":
            parts.append(_PYTHON_WORDS.get(part, part))
        if depth == 0:
            return "".join(parts), position
    raise ParseFailure("not_json", f"expected a JSON object that ends, found {text[start : start + 120]!r}")


def _in_double_quotes(match: re.Match[str]) -> str:
    if match[2]:
        return '\\"'
    return "'" if match[1] == "'" else match[0]


def _load(spelled: str) -> dict[str, Any]:
    """Read strictly, but for line breaks in strings."""
    try:
        data = json.loads(
            spelled, strict=False, parse_constant=no_constant, object_pairs_hook=object_without_doubles
        )
        json.dumps(data, ensure_ascii=False).encode()  # a lone surrogate is no text that could be kept
    except (ValueError, RecursionError):
        raise ParseFailure("not_json", f"expected one JSON object, found {spelled[:120]!r}") from None
    return data


def _is_schema(data: dict[str, Any]) -> bool:
    """Whether an object is a JSON schema, as models repeat it before they answer."""
    return isinstance(data.get("properties"), dict) and (data.get("type") == "object" or "required" in data)
