"""What synthesizers share: asking for prompts and reading them, and the checks that a written prompt is
one.
"""

import re
from functools import lru_cache
from typing import Any

from prefgen.errors import UnreadableReply
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.replies import ask_and_parse, require_field
from prefgen.kit.reply_json import json_object
from prefgen.kit.templates import render
from prefgen.roles import Ask
from prefgen.types import Prompt, Reply, system, user

_LIST_MARKER = re.compile(r"^([ \t]*)(?:(\d+)[.)]|([-*•+]))[ \t]+", re.MULTILINE)
MAX_PROMPT_LENGTH = 100_000
"""Characters of a prompt that a model may write."""
LEAKED_WORDING = re.compile(r"#(?:the )?(?:given|rewritten|new|created) prompt#|</?text \d+>", re.IGNORECASE)
"""Words of the request for a prompt that have no place in one."""


@lru_cache(maxsize=64)
def prompts_schema(count: int) -> dict[str, Any]:
    """{prompts: [count texts]}."""
    list_schema = {"type": "array", "items": {"type": "string"}, "minItems": count, "maxItems": count}
    return {
        "title": "prompts",
        "type": "object",
        "properties": {"prompts": list_schema},
        "required": ["prompts"],
        "additionalProperties": False,
    }


def read_prompts(reply: Reply, count: int) -> list[str]:
    """The texts of a reply: of its JSON, or of a numbered or bulleted list. Raises ParseFailure for anything
    else, and for a reply that was cut off.

    A reply that is neither is no prompt, even where one was wanted: it may as well be a refusal, talk about a
    prompt, or an answer.
    """
    if reply.finish_reason == "length":
        raise ParseFailure("no_list", f"the reply was cut off by the token limit: {reply.text[-60:]!r}")
    try:
        items = require_field(json_object(reply.text), "prompts", list)
    except ParseFailure:
        items = _list_items(reply.text)
        # a list inside a refusal, or of something else
        if len(items) < count or (count == 1 and len(items) > 1):
            items = []
    texts = [_unquote(text) for text in items if isinstance(text, str)]
    texts = [text for text in texts if any(c.isalnum() for c in text) and len(text) <= MAX_PROMPT_LENGTH]
    if not texts:
        raise ParseFailure("no_list", f"expected {count} prompts, found {reply.text[:120]!r}")
    return texts[:count]


def _list_items(text: str) -> list[str]:
    """The items of the outermost list of a text, each with what belongs to it: lists, code and material of
    its own.
    """
    marks = list(_LIST_MARKER.finditer(text))
    if not marks:
        return []
    first_mark = marks[0]
    outer_marks = [
        m
        for m in marks
        if m[1] == first_mark[1] and bool(m[2]) == bool(first_mark[2]) and m[3] == first_mark[3]
    ]
    ends = [m.start() for m in outer_marks[1:]] + [len(text)]
    return [text[m.end() : end].strip() for m, end in zip(outer_marks, ends, strict=True)]


def _unquote(text: str) -> str:
    """A text without the quotes that some models put around it."""
    text = text.strip()
    return (
        text[1:-1].strip()
        if len(text) > 1 and text[0] + text[-1] in ('""', "“”", "``") and text[0] not in text[1:-1]
        else text
    )


async def write_prompts(
    ask: Ask, model: str, template: str, *, count: int = 1, **values: Any
) -> list[Prompt]:
    """Ask for `count` prompts with a template of prompts/synthesizers; fewer may come. A text that holds
    words of the request is left out.

    Raises UnreadableReply when none is left.
    """
    messages = [
        system(render("synthesizers/writer_system.j2")),
        user(render(f"synthesizers/{template}.j2", count=count, **values)),
    ]
    texts, reply = await ask_and_parse(
        ask, model, messages, lambda raw_reply: read_prompts(raw_reply, count), schema=prompts_schema(count)
    )
    clean_texts = [text for text in dict.fromkeys(texts) if not LEAKED_WORDING.search(text)]
    if not clean_texts:
        raise UnreadableReply(
            "the reply repeats words of the request", code="leaked", replies=(reply.text,), keys=(reply.key,)
        )
    return [Prompt.of(text) for text in clean_texts]
