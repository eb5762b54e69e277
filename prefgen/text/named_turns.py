"""Turns of two who speak, by their names alone ("Human:", "user" in a line of its own): what a model wrote
for the user, and the request that a server sent back before the answer.
"""

import re
from itertools import takewhile

from prefgen.text.bare_names import bare_name
from prefgen.text.model_marks import ASSISTANT_NAMES, USER_NAMES

_USERS, _ASSISTANTS = "|".join(USER_NAMES), "|".join(ASSISTANT_NAMES)
_USER_LINE = re.compile(rf"(?:\n|(?<=[a-z][.!?]))(?:{_USERS})\n")
_ASSISTANT_LINE = re.compile(rf"\n(?:{_ASSISTANTS})(?:\n|\Z)")
_GLUED_NAME = re.compile(r"(?:(?<=[.!?\"'”)\]])|\n)assistant\n\n|(?<=[a-z.])assistant\n\n(?=[A-Z])")
"""Names alone in their lines, from which a server took the tokens away."""
_LABEL = r"[ \t\r\f\v]*(?:#+ *|\*\*|\[)?"
_SPEAKERS = (
    (r"(?:Human|HUMAN|User|USER|user)", r"(?:Assistant|ASSISTANT|assistant|AI|Bot|BOT|GPT|ChatGPT)"),
    (r"### ?Instruction", r"### ?Response"),
    ("用户", "助手"),
    (
        r"(?:Utilisateur|Usuario|Usuário|Utente|Benutzer|Nutzer)",
        r"(?:Assistant|Asistente|Assistente|Assistent)",
    ),
)
"""Names of the two who speak, as they stand before a colon."""
_TURNS_IN_LINES = tuple(
    (
        re.compile(rf"^{_LABEL}{one}(?:\*\*|\])? *[:：]", re.MULTILINE),
        re.compile(rf"^{_LABEL}{other}(?:\*\*|\])? *[:：]", re.MULTILINE),
    )
    for one, other in _SPEAKERS
)
_USER_IN_LINE = re.compile(r"(?:(?<=[.!?…\"”)] )|(?<=[a-z][.!?])|(?<=[^:：\s]\n\n))(?:USER|User|Human): ")
_ASSISTANT_IN_LINE = re.compile(r"\s(?:ASSISTANT|Assistant|AI): ")
_TURN_HEADINGS = (
    (
        re.compile(r"\n(?:### ?(?:User|Human)|#{1,4} ?(?:user|human))\n"),
        re.compile(r"\n(?:### ?Assistant|#{1,4} ?assistant)(?:\n|\Z)"),
    ),
    (re.compile(r"\n\[(?:USER|HUMAN)\] "), re.compile(r"\n\[ASSISTANT\] ")),
    (re.compile(r"<user>"), re.compile(r"</user>\s*<assistant>")),
)
_LEADING_SPEAKER = re.compile(
    r"\A\s*(?:(?:### ?)?(?:Assistant|ASSISTANT):[ \t]*|### ?Response:[ \t]*\n)(?=\S)"
)
_ASKS_FOR_HEADINGS = re.compile(r"\b(?:markdown|document\w*|endpoints?|apis?|http|requests?|readme)\b", re.I)
"""A request whose answer may have a heading "Response"."""
_USER_SPEAKS = re.compile(r"^[ \t\r\f\v]*(?:User|USER|Human)\b", re.MULTILINE)
_OTHER_LABEL = re.compile(r"\n[ \t\r\f\v]*(?:\*\*)?([^\W\d_][\w-]*(?: [\w-]+){0,2})(?:\*\*)?:")
_LONE_LABEL = re.compile(
    r"(?:(?:\n|(?<=[.!?…\"”)]))\n(?:Human|### ?(?:Human|User|Instruction))"
    r"|(?<=[^\s#])### ?(?:Human|User)):(?=\s)"
)
_LAST_LABEL = re.compile(
    r"[ \t]*(?:(?:#+ *|\*\*)?(?:Human|HUMAN|User|USER|Assistant|ASSISTANT|Instruction)(?:\*\*)?:(?:\*\*)?"
    r"|(?:User|USER): [^\n]+\?)\s*\Z"
)
"""A role with nothing behind it, or a question of the user, as the last line: where a model stopped late."""
_LABEL_OR_BLANK = re.compile(r".*[:：_*\]]|\W*[^\W\d_][\w-]*(?: [\w-]+){0,2}\W*[:：].*")
_SPEECH = re.compile(r"(?:\A|\n[^\S\n]*\n)([^\W\d_][\w-]*(?: [\w-]+){0,2}): ?\S")
_ASKS_FOR_TURNS = re.compile(
    r"\b(?:dialog(?:ue)?s?|conversations?|transcripts?|screenplays?|few-?shot|faqs?|q ?& ?a|role-?play\w*"
    r"|skits?|chat[- ]?(?:logs?|histor(?:y|ies)|sessions?)|interviews? (?:with|between|of)|mock interviews?"
    r"|(?:short|stage|radio|one-act|school) plays?|plays? (?:about|between|with|where|in which)"
    r"|(?:movie|film|video|tv|theater|podcast|call|phone|sales|chat) (?:scripts?|scenes?)"
    r"|(?:scripts?|scenes?|sketch(?:es)?|exchanges?|chats?|debates?|jokes?|stories) between"
    r")\b|\b(?:human|user|assistant):",
    re.IGNORECASE,
)
"""A request for turns of two who speak."""
_ABOUT_MODELS = re.compile(
    r"\b(?:prompts?|langchain|alpaca|chat ?bots?|rlhf|hh-rlhf|llms?|language models?|chat ?gpt|turing"
    r"|sharegpt|chat (?:template|format)s?|fine-?tun(?:e|ing))\b",
    re.IGNORECASE,
)
"""A request about what talks: its answer may show turns."""
_PLACEHOLDER = re.compile(r"\s*(?:\{|\[[A-Z]|\.\.\.|…|_{3})")
_SPEAKS = re.compile(
    r"(?:human|user|assistant|ai|bot|gpt|chatgpt|model|system|answer|response|instruction|a|q|question|input"
    r"|output|prompter|utilisateur|usuario|usuário|utente|benutzer|nutzer|asistente|assistente?)\Z",
    re.IGNORECASE,
)
"""Names of who speaks, and of what they say."""
_ENTRY = re.compile(r"[ \t]*(?:\*\*)?([^\W\d_][\w-]*(?: [\w-]+){0,2})(?:\*\*)?:(?:\*\*)?[ \t]+(\S.*)")
_BEGINS_AS_USER = re.compile(
    rf"\A\s*(?:(?:{_USERS}|system)\s*\n|{_LABEL}(?:Human|HUMAN|User|USER|user|用户)(?:\*\*|\])? *[:：])\s*"
)
_ANSWER_BEGINS = re.compile(
    rf"\n[^\S\n]*(?:{_ASSISTANTS})\s*\n|\n{_LABEL}(?:### ?Response|助手)(?:\*\*|\])? *[:：]"
    r"|\s(?:\*\*|\[)?(?:Assistant|ASSISTANT|assistant|AI|Bot|BOT|GPT|ChatGPT)(?:\*\*|\])? *[:：]"
)
_CERTAIN_NAME = re.compile(r"ssistant|SSISTANT|Response|助手")
_NAME_BEGINS = r"[UuHhIiPpSs][SsUuNnRrYy][EeMmSsOo][RrAaTtMm]"
"""How user, human, instruction, prompter and system begin, in a form that is quick to look for."""
_LINE_STARTS = re.compile(rf"\n[ \t\r\f\v#*\[]*{_NAME_BEGINS}")
_STARTS = re.compile(rf"[\s#*\[]*{_NAME_BEGINS}")


def may_have_turns(text: str) -> bool:
    """A look that is cheap, and misses nothing that the looks of this module and `bare_names` find: nearly
    all of them need a colon or the end of a line.
    """
    if "|user|" in text or "|system|" in text:
        return True
    if "\n" not in text and ":" not in text and "：" not in text:
        return "assistant" in text
    return (
        "ssistant" in text
        or "User:" in text
        or "USER:" in text
        or "Human:" in text
        or "user\n" in text
        or "human\n" in text
        or "prompter\n" in text
        or "SSISTANT" in text
        or "Response" in text
        or " AI: " in text
        or "用户" in text
        or "助手" in text
        or "\nmodel" in text
        or "?model\n" in text
        or "ssistent" in text
        or "Asistente" in text
        or _STARTS.match(text) is not None
        or _LINE_STARTS.search(text) is not None
    )


def leading_speaker(plain: str, asked: str) -> tuple[re.Match[str], bool] | None:
    """(the label of the assistant at the start of a text, whether it can be cut); none where labels may be
    what was asked for.
    """
    speaker = _LEADING_SPEAKER.match(plain)
    if speaker is None or _ASKS_FOR_TURNS.search(asked) or _USER_SPEAKS.search(plain):
        return None
    others = {label[1].casefold() for label in _OTHER_LABEL.finditer(plain)}
    if any(other in asked.casefold() for other in others):
        return None
    is_heading = speaker[0].rstrip().endswith("Response:") and _ASKS_FOR_HEADINGS.search(asked) is not None
    return speaker, not (others or is_heading or _is_named(speaker, asked))


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
    one that is a dialogue from its start, or where turns were asked for (`asked` is the user's last turn).
    """
    if (line := _turn_in_lines(plain) or bare_name(plain, asked)) is not None:
        return line
    if _ASKS_FOR_TURNS.search(asked) or _ABOUT_MODELS.search(asked):
        return None
    for user_label, assistant_label in _TURNS_IN_LINES:
        first = user_label.search(plain)
        if first is None or _is_dialogue(plain[: first.start()], assistant_label):
            continue
        second = assistant_label.search(plain, first.end())
        if second is not None:
            return None if _is_no_turn(plain, first, second, asked) else first
    in_line = _USER_IN_LINE.search(plain)
    if in_line is not None:
        line_end = plain.find("\n", in_line.end())
        is_glued = not plain[in_line.start() - 1].isspace()
        end = len(plain) if line_end < 0 or is_glued else line_end
        if _ASSISTANT_IN_LINE.search(plain, in_line.end(), end):
            return in_line
    for user_heading, assistant_heading in _TURN_HEADINGS:
        first = user_heading.search(plain)
        if first is not None and assistant_heading.search(plain, first.end()):
            return first
    if (last := _last_label(plain)) is not None:
        return last
    lone = _LONE_LABEL.search(plain)
    is_led_to = lone is not None and plain[: lone.start()].rstrip().endswith((":", "："))
    return None if lone is None or is_led_to or _is_no_turn(plain, lone, None, asked) else lone


def _last_label(plain: str) -> re.Match[str] | None:
    """The role as the last line of a text which is no form that is to be filled in, and no play."""
    start = plain.rfind("\n", 0, len(plain.rstrip())) + 1
    last = _LAST_LABEL.match(plain, start)
    before = plain[:start].rstrip()
    if last is None or plain.count("\n", len(before), start) < 2:
        return None
    line = before.rpartition("\n")[2]
    line = line if len(line) < 100 else line[-1:]  # a longer one is no label
    return None if not line.strip() or _LABEL_OR_BLANK.fullmatch(line) else last


def _turn_in_lines(plain: str) -> re.Match[str] | None:
    """A turn behind a name alone in its line; names that follow each other are a list."""
    user_line = _USER_LINE.search(plain)
    if user_line is not None:
        assistant_line = _ASSISTANT_LINE.search(plain, user_line.end() - 1)
        if assistant_line is not None and plain[user_line.end() : assistant_line.start()].strip():
            return user_line
    for glued in _GLUED_NAME.finditer(plain):
        if plain[: glued.start()].rpartition("\n")[2].strip().casefold() not in (*USER_NAMES, "system"):
            return glued
    return None


def _is_no_turn(plain: str, label: re.Match[str], other: re.Match[str] | None, asked: str) -> bool:
    """Whether a label is a blank to be filled in, one entry of several ("Elephant: 22 months", "Human: 9
    months"), or one of two that the request compares. Entries have the same space between them, and are no
    sentences.
    """
    if _PLACEHOLDER.match(plain, label.end()):
        return True
    if other is None and _is_play(plain):
        return True
    if other is not None and _is_named(label, asked) and _is_named(other, asked):
        return True
    start = label.start() + len(label[0]) - len(label[0].lstrip())
    line, _, _ = plain[start:].partition("\n")
    if not _is_entry(line):
        return False
    before, after = plain[:start].rstrip(), plain[start + len(line) :]
    ahead = takewhile(_is_entry, after.lstrip().split(_space(after, after.lstrip())))
    behind = takewhile(_is_entry, reversed(before.split(_space(plain[:start], before))))
    return any(map(_is_foreign, ahead)) or sum(map(_is_foreign, behind)) > 1


def _is_play(plain: str) -> bool:
    """Whether somebody who is neither of the two speaks between what a human says."""
    names = [speech[1] for speech in _SPEECH.finditer(plain)]
    human = [number for number, name in enumerate(names) if name == "Human"]
    between = names[human[0] : human[-1]] if human else []
    return any(not _SPEAKS.match(name) and name.casefold() != "claude" for name in between)


def _space(longer: str, shorter: str) -> str:
    """The ends of lines that stand between a label and its neighbour."""
    return "\n" * max(longer.count("\n") - shorter.count("\n"), 1)


def _is_named(label: re.Match[str], asked: str) -> bool:
    """Whether a request holds the name in a label as a word."""
    name = re.sub(r"[\W_]+", "", label[0])
    return re.search(rf"\b{name}s?\b" if name.isascii() else name, asked, re.IGNORECASE) is not None


def _is_entry(line: str) -> bool:
    entry = _ENTRY.fullmatch(line.rstrip())
    return entry is not None and len(entry[2].split()) <= 8 and entry[2][-1] not in ".?!…。？！"


def _is_foreign(line: str) -> bool:
    """Whether the name of an entry is nobody's who speaks."""
    entry = _ENTRY.fullmatch(line.rstrip())
    return entry is not None and not _SPEAKS.match(entry[1])


def _is_dialogue(before: str, assistant_label: re.Pattern[str]) -> bool:
    """Whether turns are what a text is about: it begins with them, or leads up to them, or a fence does."""
    before = before.rstrip()
    leads_up = not before or before.endswith((":", "：")) or before.rpartition("\n")[2].startswith("```")
    return leads_up or bool(assistant_label.search(before))
