"""Names of those who speak, and of harmony's channels, as they stand where a server has taken the tokens
around them away: "The Nile.user", "assistant" alone in a line below a sentence.

Nothing is cut here: who wrote what follows is not certain.
"""

import re
from itertools import islice

from prefgen.text.spoken_marks import AROUND, line_around

_ENDS = r"[.!?…。！？\"”')\]]"
_LONE_NAME = re.compile(r"^(?:user|assistant|model|system|prompter)[^\S\n]*$", re.MULTILINE)
_BARE_WORD = re.compile(r"[^\S\n]*[a-z][\w-]*[^\S\n]*")
"""A line of a list, as names that follow each other are."""
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_LONE_ANSWERER = re.compile(r"^(?:assistant|model)[^\S\n]*$", re.MULTILINE)
_COMMAND = re.compile(r"[^\S\n]*(?:\$ [a-z./~](?:[^$\n]|\$[\w({])*|>>> [^\n]+)(?<![.!?…。！？])")
"""A line of a terminal, whose output stands below it: no sentence, and no formula between dollars."""
_MOST_NAMES = 20
_ENDS_SENTENCE = tuple(".!?…。！？\"”')]")
_GLUED_NAME = re.compile(
    r"(?<=[a-z][!?…])(?:user|assistant|model|system)(?=\n|\Z)|(?<=[a-z]\.)(?:user|assistant)(?=\n+[A-Z])"
    r"|(?<=[a-z][.!?])assistant(?=\s*\Z)"
)
_GLUED_TURNS = (
    re.compile(r"\n\n(?:user|human|system)(?=[A-Z<])"),
    re.compile(r"\n\n?(?:user|human|system|assistant)(?=[A-Z<])"),
)
_GLUED_TAG = re.compile(rf"(?<={_ENDS})\n\n(?:user|system)(?=<\w)")
_IN_BARS = re.compile(r"(?<=[.!?…。！？，,；;])\|(?:user|assistant|system)\|(?=[^|\s])")
_CHANNEL = re.compile(
    r"(?<=[\w.!?…\"”)\]\n])assistant(?:analysis|commentary|final)(?=[A-Z]|\s*\n|[^\S\n]*to=)"
    r"|\A\s*(?:commentary|final)[A-Z][a-z'’]*(?=[.!?,]| \w)"
)
"""Where another channel of harmony begins behind a text, or one does that holds no thought."""
_FIRST_WORD = re.compile(
    r"(?:It|He|She|We|You|They|I|The|An?|This|That|These|There|One|Each|In|On|At|To|For|If|As|Yes|No|Wh[a-z]+"
    r"|[A-Z][a-z]+(?:body|one|thing))\Z"
)
"""What begins a sentence, and names nothing in code."""
_PATH = re.compile(r"(?<![\w./@])\w+(?:\.\w+)*\.([a-z]\w+)\.\Z", re.ASCII)
_ENDS_PATH = re.compile(r"[a-z]{1,3}|info|html|json|yaml|toml|java|jpeg|docx|xlsx|ipynb")
"""How the name of a file or of a host ends, which may be the last word of a sentence."""


def bare_name(plain: str, asked: str) -> re.Match[str] | None:
    """A name behind which somebody else speaks, or another channel begins; none in a list of names. One alone
    in its line is none where the request holds it as a word.
    """
    for pattern, is_part_of_text in _LOOKS:
        for name in pattern.finditer(plain):
            if not is_part_of_text(plain, name, asked):
                return name
    if (tag := _GLUED_TAG.search(plain)) is not None:
        return tag
    first = _GLUED_TURNS[0].search(plain)
    if first is not None:
        following = _GLUED_TURNS[1].finditer(plain, first.end())
        if any(name[0].strip() != first[0].strip() for name in following):  # `userName`, `userId` are none
            return first
    for name in islice(_LONE_NAME.finditer(plain), _MOST_NAMES):
        if _stands_alone(plain, name) and not re.search(rf"\b{name[0].strip()}s?\b", asked, re.IGNORECASE):
            return name
    return None


def _is_variable(plain: str, name: re.Match[str], asked: str) -> bool:
    """Whether a channel's name begins a name of code, `finalAmount`: the text has it again, or the request
    does.
    """
    word = name[0].strip()
    if not word.startswith(("final", "commentary")) or _FIRST_WORD.search(word):
        return False
    elsewhere = f"{plain[name.end() :]}\n{asked}"
    return re.search(rf"\b{re.escape(word)}\b", elsewhere) is not None


def _ends_path(plain: str, name: re.Match[str], asked: str) -> bool:
    """Whether a name is the last of three or more that points join, `app.models.user`."""
    path = _PATH.search(plain[max(0, name.start() - AROUND) : name.start()])
    return path is not None and _ENDS_PATH.fullmatch(path[1]) is None


def _is_in_row(plain: str, name: re.Match[str], asked: str) -> bool:
    """Whether bars around a name are those of a row of a table."""
    before, after = line_around(plain, *name.span())
    return before.lstrip().startswith("|") and after.rstrip().endswith("|")


_LOOKS = ((_CHANNEL, _is_variable), (_GLUED_NAME, _ends_path), (_IN_BARS, _is_in_row))
"""(what looks like a name that was left, what says that one is part of the text)."""


def _stands_alone(plain: str, name: re.Match[str]) -> bool:
    """Whether a name in a line of its own stands below a sentence, and is no line of a list, no heading of
    one, and nothing that a command has printed.
    """
    before = plain[max(0, name.start() - AROUND) : name.start()].rstrip()
    after = plain[name.end() : name.end() + AROUND].lstrip()
    neighbours = (before.rpartition("\n")[2], after.partition("\n")[0])
    return (
        before.endswith(_ENDS_SENTENCE)
        and not any(map(_BARE_WORD.fullmatch, neighbours))
        and not _COMMAND.fullmatch(neighbours[0])
        and not _is_heading(plain, name)
    )


def _is_heading(plain: str, name: re.Match[str]) -> bool:
    """Whether a name heads a paragraph, and a word that is no such name heads the next one: in a list of what
    a thing has. Where somebody answers further down, another turn may hold that list.
    """
    paragraphs = _BLANK_LINE.split(plain[name.end() :], 2)
    is_below_blank = not plain[: name.start()].rpartition("\n")[0].rpartition("\n")[2].strip()
    if not is_below_blank or not paragraphs[0].strip() or len(paragraphs) == 1:
        return False
    heading, _, below = paragraphs[1].lstrip("\n").partition("\n")
    is_word = _BARE_WORD.fullmatch(heading) is not None and not _LONE_NAME.fullmatch(heading)
    has_text = bool(below.strip()) and not _BARE_WORD.fullmatch(below.partition("\n")[0])
    return is_word and has_text and _LONE_ANSWERER.search(plain, name.end()) is None
