"""Turns of two who speak, by their names alone ("Human:", "user" in a line of its own): what a model wrote
for the user, and the request that a server sent back before the answer.
"""

import re

from prefgen.text.model_marks import ASSISTANT_NAMES, USER_NAMES

_USERS, _ASSISTANTS = "|".join(USER_NAMES), "|".join(ASSISTANT_NAMES)
_USER_LINE = re.compile(rf"\n(?:{_USERS})\n")
_ASSISTANT_LINE = re.compile(rf"\n(?:{_ASSISTANTS})(?:\n|\Z)")
_GLUED_NAME = re.compile(r"(?:(?<=[.!?\"'”)\]])|\n)assistant\n\n|(?<=[a-z.])assistant\n\n(?=[A-Z])")
"""Names alone in their lines, from which a server took the tokens away."""
_LABEL = r"[ \t\r\f\v]*(?:#+ *|\*\*|\[)?"
_SPEAKERS = (
    (r"(?:Human|HUMAN|User|USER|user)", r"(?:Assistant|ASSISTANT|assistant|AI|Bot|BOT|GPT|ChatGPT)"),
    (r"### ?Instruction", r"### ?Response"),
    ("用户", "助手"),
)
"""Names of the two who speak, as they stand before a colon."""
_TURNS_IN_LINES = tuple(
    (
        re.compile(rf"^{_LABEL}{one}(?:\*\*|\])? *[:：]", re.MULTILINE),
        re.compile(rf"^{_LABEL}{other}(?:\*\*|\])? *[:：]", re.MULTILINE),
    )
    for one, other in _SPEAKERS
)
_USER_IN_LINE = re.compile(r"(?<=[.!?…\"”)] )(?:USER|User|Human): ")
_ASSISTANT_IN_LINE = re.compile(r" (?:ASSISTANT|Assistant|AI): ")
_TURN_HEADINGS = (
    (re.compile(r"\n### ?(?:User|Human)\n"), re.compile(r"\n### ?Assistant(?:\n|\Z)")),
    (re.compile(r"<user>"), re.compile(r"</user>\s*<assistant>")),
)
_LEADING_SPEAKER = re.compile(
    r"\A\s*(?:(?:### ?)?(?:Assistant|ASSISTANT):[ \t]*|### ?Response:[ \t]*\n)(?=\S)"
)
_USER_SPEAKS = re.compile(r"^[ \t\r\f\v]*(?:User|USER|Human)\b", re.MULTILINE)
_OTHER_LABEL = re.compile(r"\n[ \t\r\f\v]*(?:\*\*)?([^\W\d_][\w-]*(?: [\w-]+){0,2})(?:\*\*)?:")
_LONE_LABEL = re.compile(r"\n\n(?:Human|### ?(?:Human|User|Instruction)):(?=\s)")
_DIALOGUE = re.compile(
    r"dialog|conversation|transcript|\bscripts?\b|interview|screenplay|role|few-?shot|exchange|\bfaq\b"
    r"|\bplays?\b|scene|sketch|\bskit|\bstor(?:y|ies)\b|comic|\bjoke|\byaml\b|\bjson\b|q ?& ?a"
    r"|chat (?:log|history|session)|between (?:an?|the|two)\b|\b(?:human|user|assistant):",
    re.IGNORECASE,
)
"""Words of a request that may ask for turns of two who speak."""
_BEGINS_AS_USER = re.compile(
    rf"\A\s*(?:(?:{_USERS}|system)\s*\n|{_LABEL}(?:Human|HUMAN|User|USER|user|用户)(?:\*\*|\])? *[:：])\s*"
)
_ANSWER_BEGINS = re.compile(
    rf"\n\s*(?:{_ASSISTANTS})\s*\n|\n{_LABEL}(?:### ?Response|助手)(?:\*\*|\])? *[:：]"
    r"|\s(?:\*\*|\[)?(?:Assistant|ASSISTANT|assistant|AI|Bot|BOT|GPT|ChatGPT)(?:\*\*|\])? *[:：]"
)
_CERTAIN_NAME = re.compile(r"ssistant|SSISTANT|Response|助手")
_NAME_BEGINS = r"[UuHhIiPpSs][SsUuNnRrYy][EeMmSsOo][RrAaTtMm]"
"""How user, human, instruction, prompter and system begin, in a form that is quick to look for."""
_LINE_STARTS = re.compile(rf"\n[ \t\r\f\v#*\[]*{_NAME_BEGINS}")
_STARTS = re.compile(rf"[\s#*\[]*{_NAME_BEGINS}")


def may_have_turns(text: str) -> bool:
    """A look that is cheap, and misses nothing that the looks of this module find: all of them need a colon
    or the end of a line.
    """
    if "\n" not in text and ":" not in text and "：" not in text:
        return False
    return (
        "ssistant" in text
        or "SSISTANT" in text
        or "Response" in text
        or " AI: " in text
        or "用户" in text
        or "助手" in text
        or _STARTS.match(text) is not None
        or _LINE_STARTS.search(text) is not None
    )


def leading_speaker(plain: str, asked: str) -> tuple[re.Match[str], bool] | None:
    """(the label of the assistant at the start of a text, whether it can be cut); none where labels may be
    what was asked for.
    """
    speaker = _LEADING_SPEAKER.match(plain)
    if speaker is None or _DIALOGUE.search(asked) or _USER_SPEAKS.search(plain):
        return None
    others = {label[1].casefold() for label in _OTHER_LABEL.finditer(plain)}
    if any(other in asked.casefold() for other in others):
        return None
    return speaker, not others


def echo_of(plain: str, asked: str) -> re.Match[str] | None:
    """The mark behind which the answer begins, where a text begins with the turn that was asked."""
    asked = asked.strip()
    if not asked or (mark := _ANSWER_BEGINS.search(plain)) is None:
        return None
    begin = _BEGINS_AS_USER.match(plain)
    before = plain[begin.end() if begin else 0 : mark.start()].strip()
    last = asked.rpartition("\n")[2].strip()
    is_certain = begin is not None or _CERTAIN_NAME.search(mark[0]) is not None
    is_echo = bool(before) and (asked.endswith(before) or (bool(last) and before.endswith(last)))
    return mark if is_certain and is_echo else None


def turn_of_somebody_else(plain: str, asked: str) -> re.Match[str] | None:
    """Where a text runs on into the user's next turn, by names alone in a line or before a colon; nowhere in
    one that is a dialogue from its start, or where turns may have been asked for.
    """
    user_line = _USER_LINE.search(plain)
    if user_line is not None and _ASSISTANT_LINE.search(plain, user_line.end()) is not None:
        return user_line
    if (glued := _GLUED_NAME.search(plain)) is not None:
        return glued
    if _DIALOGUE.search(asked):
        return None
    for user_label, assistant_label in _TURNS_IN_LINES:
        first = user_label.search(plain)
        if first is None or _is_dialogue(plain[: first.start()], assistant_label):
            continue
        if assistant_label.search(plain, first.end()):
            return first
    in_line = _USER_IN_LINE.search(plain)
    if in_line is not None:
        line_end = plain.find("\n", in_line.end())
        if _ASSISTANT_IN_LINE.search(plain, in_line.end(), line_end if line_end >= 0 else len(plain)):
            return in_line
    for user_heading, assistant_heading in _TURN_HEADINGS:
        first = user_heading.search(plain)
        if first is not None and assistant_heading.search(plain, first.end()):
            return first
    return _LONE_LABEL.search(plain)


def _is_dialogue(before: str, assistant_label: re.Pattern[str]) -> bool:
    """Whether turns are what a text is about: it begins with them, or leads up to them, or a fence does."""
    before = before.rstrip()
    leads_up = not before or before.endswith((":", "：")) or before.rpartition("\n")[2].startswith("```")
    return leads_up or bool(assistant_label.search(before))
