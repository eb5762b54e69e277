"""Conversations that somebody has written into one text: hh-rlhf's form is read, and what a chat template or
headings have made of one is told from a text that a user wrote.
"""

import re

_HH_TURN = re.compile(r"\n\n(Human|Assistant): ?")
_HH_ANSWER = "\n\nAssistant:"
_MARK = re.compile(
    r"\s*(?:<\|im_start\|>|<\|start_header_id\|>|<\|begin_of_text\|>|<\|(?:system|user|prompter|assistant)\|>"
    r"|<s>\s*\[INST\]|\[INST\]|<start_of_turn>|<bos>|<extra_id_\d>|\[gMASK\]|<[|｜]begin[▁_]of[▁_]sentence[|｜]>)"
)
"""What chat templates begin with."""
_MARK_WITHIN = re.compile(r"^<extra_id_1>(?:User|Assistant)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(
    r"(?:^[ \t]*(?:\*\*)?|#{2,3}[ \t]*)(human|user|prompter|system|assistant|ai|bot|gpt|chatgpt|model)"
    r"(?:\*\*)?[ \t]*:",
    re.MULTILINE | re.IGNORECASE,
)
_OPEN_END = re.compile(
    r"(?:<[|｜](?:assistant|bot|model|gpt|chatbot_token)[|｜]>|<\|im_start\|>\s*assistant|\[/INST\]"
    r"|<start_of_turn>\s*model|\bassistant<\|end_header_id\|>"
    r"|(?:^|\n)#{2,3}[ \t]*(?:response|assistant)[ \t]*:?"
    r"|(?:^|\n)[ \t]*(?:\*\*)?assistant(?:\*\*)?[ \t]*:(?:\*\*)?)\Z",
    re.IGNORECASE,
)
"""How a text ends that waits for the assistant."""
_OPEN_NAME = re.compile(
    r"(?<!\S)(?:\*\*)?(?:assistant|ai|bot|gpt|chatgpt|model)(?:\*\*)?[ \t]*:(?:\*\*)?\Z", re.I
)
_USER_NAME = re.compile(r"(?:(?<!\S)|>|\])(?:\*\*)?(?:human|user|prompter)(?:\*\*)?[ \t]*:", re.I)
"""Names in a line; one that ends a text is a heading where a user's stands before it."""
_OPEN_LENGTH = 80
_OF_USERS = frozenset(("human", "user", "prompter"))


def is_hh(text: str) -> bool:
    """Whether a text is a conversation as hh-rlhf and Nectar write it: blank line, "Human: ...", blank line,
    "Assistant: ..."; the first blank line may be stripped.
    """
    if not text.lstrip("\r\n").startswith("Human:"):
        return False
    plain = text.replace("\r\n", "\n")
    return plain.startswith("\n\n") or _HH_ANSWER in plain


def hh_turns(text: str) -> list[dict[str, str]]:
    """Such a conversation as messages; an assistant's turn that is still empty is none."""
    roles = {"Human": "user", "Assistant": "assistant"}
    plain = text.replace("\r\n", "\n").lstrip("\n")
    pieces = _HH_TURN.split(f"\n\n{plain}")[1:]
    turns = [
        {"role": roles[role], "content": content.strip("\n").rstrip()}
        for role, content in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    return turns[:-1] if turns and turns[-1] == {"role": "assistant", "content": ""} else turns


def is_flat(text: str) -> bool:
    """Whether a text is a conversation in some other writing: it begins with a mark of a chat template, or
    with the heading of one of two roles that both have headings, or ends with an open heading of the
    assistant, as a rendered prompt does whatever its template is.
    """
    end = text.rstrip()[-_OPEN_LENGTH:]
    if _MARK.match(text) or _OPEN_END.search(end):
        return True
    if end.endswith((":", ":**")) and _OPEN_NAME.search(end) and _USER_NAME.search(text):
        return True
    if "<extra_id_1>" in text and _MARK_WITHIN.search(text):
        return True
    if ":" not in text or not _HEADING.match(text.lstrip()):
        return False
    roles = {role.casefold() for role in _HEADING.findall(text)} - {"system"}
    return bool(roles & _OF_USERS) and bool(roles - _OF_USERS)
