"""What a server has left in an answer that is not the answer: tokens of chat templates, calls of tools that
nobody read, turns that the model wrote for somebody else, reasoning that was not told apart.

The evidence is where a mark stands and what stands around it, not the mark alone: a text may be about chat
templates, hold HTML, or be a dialogue that was asked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prefgen.text.model_marks import ASSISTANT_NAMES, CALL_TOKENS, END_TOKENS, TURN_TOKENS, USER_NAMES
from prefgen.text.reasoning import CLOSER, OPENER, any_of, is_between_sentences, is_spoken_about, without_code

_WORD_TOKEN = r"<[|｜]/?[A-Za-z][\w▁:-]{1,40}[|｜]>"
_TOKEN = rf"(?:{any_of([*END_TOKENS, *TURN_TOKENS])}|{_WORD_TOKEN})"
_NAMES = any_of([*USER_NAMES, *ASSISTANT_NAMES, "system"])
_USERS, _ASSISTANTS = any_of(USER_NAMES), any_of(ASSISTANT_NAMES)
_TOKENS = re.compile(rf"(?:{_TOKEN})(?:\s*(?:{_TOKEN})|(?<=[>\]])(?:{_NAMES})(?=\s*(?:\n|<|\[|\Z)))*")
"""Tokens that follow each other, with the names of roles between them."""
_LEADING = re.compile(rf"\A\s*(?:{_TOKENS.pattern})\s*")
_LEADING_NAME = re.compile(r"\A\s*assistant\s*\n+(?=\S)")
_ROLE = re.compile(rf"\s*(?:{_NAMES})?\s*(?:\n|\Z)")
_CALL = re.compile(any_of(CALL_TOKENS))
_USER_LINE = re.compile(rf"\n(?:{_USERS})\n")
_ASSISTANT_LINE = re.compile(rf"\n(?:{_ASSISTANTS})(?:\n|\Z)")
_GLUED_NAME = re.compile(r"(?<=[.!?\"'”)\]])assistant\n\n")
"""Names alone in their lines, from which a server took the tokens away."""
_LABEL = r"\s*(?:#+ *|\*\*|\[)?"
_USER_LABEL = re.compile(rf"^{_LABEL}(?:{_USERS})(?:\*\*|\])? *:", re.IGNORECASE | re.MULTILINE)
_ASSISTANT_LABEL = re.compile(rf"^{_LABEL}(?:{_ASSISTANTS})(?:\*\*|\])? *:", re.IGNORECASE | re.MULTILINE)
_LONE_LABEL = re.compile(r"\n\n(?:Human|### ?(?:Human|User|Instruction)):(?=\s)")
_DIALOGUE = re.compile(
    r"dialog|conversation|transcript|\bscripts?\b|interview|screenplay|role-?play|few-?shot|exchange|\bfaq\b"
    r"|q ?& ?a|chat (?:log|history|session)|between (?:an?|the|two)\b|\b(?:human|user|assistant):",
    re.IGNORECASE,
)
"""Words of a request that may ask for turns of two who speak."""
_ABOUT_TOKENS = re.compile(
    r"\btokens?\b|tokeniz|chat ?ml|(?:chat|prompt) ?(?:template|format)|\b(?:delimiters?|tags?)\b",
    re.IGNORECASE,
)
_SPEAKS_OF_IT = re.compile(
    r"[,:)]|(?:and|or|to|is|are|was|means?|marks?|begins?|starts?|ends?|opens?|closes?|stands?|tokens?|tags?)\b"
)
_OPENS_QUOTE, _CLOSES_QUOTE = "\"'“‘«([`/", "\"'”’»)]`/"


@dataclass(frozen=True)
class Leak:
    """A mark that was left in a text, and where. `can_be_cut`: what stands before it is certainly the whole
    answer.
    """

    mark: str
    start: int
    end: int
    can_be_cut: bool


class Leaked(ValueError):
    """A text holds a leak that cannot certainly be taken out."""

    def __init__(self, leak: Leak) -> None:
        self.leak = leak
        super().__init__(leak.mark)


def without_leaks(text: str, asked: str = "") -> str:
    """The text without what was left in it. Raises Leaked where it is not certain what the answer is."""
    while (leak := find_leak(text, asked)) is not None:
        if not leak.can_be_cut:
            raise Leaked(leak)
        text = text[leak.end :] if not text[: leak.start].strip() else text[: leak.start].rstrip()
    return text


def find_leak(text: str, asked: str = "", *, keeps_reasoning: bool = False) -> Leak | None:
    """The first leak of a text, or None. `asked` is what it answers: marks that were asked about are none."""
    if not may_leak(text):
        return None
    plain = without_code(text)
    for leak in _leaks(plain, asked, keeps_reasoning=keeps_reasoning):
        if leak.mark.strip() not in asked:
            return Leak(
                text[leak.start : leak.end].strip() or leak.mark, leak.start, leak.end, leak.can_be_cut
            )
    return None


_LINE_STARTS = re.compile(r"\n\s*(?:#+ *|\*\*|\[)?(?:user|human|instruction|prompter)", re.IGNORECASE)


def may_leak(text: str) -> bool:
    """A look that is cheap: most texts hold nothing that could be one."""
    return "<" in text or "[" in text or "assistant" in text or "]~" in text or "&lt;" in text or (
        _LINE_STARTS.search(text) is not None
    )  # fmt: skip


def _leaks(plain: str, asked: str, *, keeps_reasoning: bool) -> Iterator[Leak]:
    leading = _LEADING.match(plain) or _LEADING_NAME.match(plain)
    if leading and not _begins_sentence(plain, leading, asked):
        can_be_cut = _has_turn(leading[0]) or leading[0].endswith("\n") or leading.re is _LEADING_NAME
        yield Leak(leading[0], leading.start(), leading.end(), can_be_cut)
    if not keeps_reasoning and (mark := _reasoning_mark(plain)) is not None:
        yield Leak(mark[0], mark.start(), mark.end(), can_be_cut=False)
    for call in _CALL.finditer(plain):
        if not _is_in_sentence(plain, call.start()):
            yield Leak(call[0], call.start(), call.end(), can_be_cut=False)
    for tokens in _TOKENS.finditer(plain):
        certainty = _certainty(plain, tokens, asked)
        if certainty is not None:
            yield Leak(tokens[0], tokens.start(), tokens.end(), can_be_cut=certainty)
    if (turn := _turn_of_somebody_else(plain, asked)) is not None:
        yield Leak(turn[0].strip().partition("\n")[0], turn.start(), turn.end(), can_be_cut=False)


def _reasoning_mark(plain: str) -> re.Match[str] | None:
    """A mark that opens reasoning at the beginning of a line and is closed, or closes it between two
    sentences.
    """
    for opener in OPENER.finditer(plain):
        begins = not plain[: opener.start()].rpartition("\n")[2].strip()
        closer = CLOSER.search(plain, opener.end()) if begins else None
        if closer is not None and is_spoken_about(plain, opener, closer):
            continue
        if begins and (closer is not None or not plain[: opener.start()].strip()):
            return opener
    for closer in CLOSER.finditer(plain):
        if is_between_sentences(plain, *closer.span()) and not _is_element(plain, closer):
            return closer
    return None


def _is_element(plain: str, closer: re.Match[str]) -> bool:
    """Whether a closing tag closes one that was opened within a sentence: "in <think> and </think>"."""
    return closer[0].startswith("</") and f"<{closer[0][2:]}" in plain[: closer.start()]


def _certainty(plain: str, tokens: re.Match[str], asked: str) -> bool | None:
    """Whether tokens are certainly (True) or perhaps (False) a leak; None where they are spoken about."""
    start, end = tokens.span()
    if tokens[0] == "</s>" and re.search(r"<s[\s>]", plain[:start]):  # a struck-out passage of HTML
        return None
    if tokens[0] in ("<s>", "[gMASK]", "<unk>", "<pad>", "[PAD]") and plain[end:].strip():
        return None  # inside a text these are HTML, or words about a tokenizer
    before, after = plain[:start], plain[end:]
    line_before, line_after = before.rpartition("\n")[2], after.partition("\n")[0]
    is_glued = bool(line_before) and (
        line_before[-1].isalnum() or line_before[-1] in ".!?…。！？:;)]}\"'”’*>"
    )
    if line_before[-1:] in _OPENS_QUOTE and line_after[:1] in _CLOSES_QUOTE and line_before and line_after:
        return None
    if is_glued:
        return True
    leads_up = before.rstrip().endswith((":", "：", ",", " is", " are", " with", " by"))
    if not line_after.strip() and not after.strip():  # the end of the text
        if leads_up or _ABOUT_TOKENS.search(asked) or _ABOUT_TOKENS.search(line_before):
            return None
        return not line_before.strip() or line_before.rstrip()[-1:] in ".!?…。！？)]}\"'”’*" or False
    if line_before.strip():  # within a sentence
        return None
    if leads_up or (_ABOUT_TOKENS.search(asked) and not _has_turn(tokens[0])):
        return None
    return True if not line_after.strip() or (_has_turn(tokens[0]) and _ROLE.match(after)) else None


def _has_turn(tokens: str) -> bool:
    return any(token in tokens for token in TURN_TOKENS)


def _begins_sentence(plain: str, leading: re.Match[str], asked: str) -> bool:
    """Whether the tokens at the start of a text are the first words of a sentence, an element of HTML, or of
    an example that was asked for.
    """
    mark, after = leading[0].strip(), plain[leading.end() :]
    if mark == "<s>" and "</s>" in after:
        return True
    if _ABOUT_TOKENS.search(asked) and not re.search(rf"(?:{_ASSISTANTS})\Z", mark):
        return True
    return _SPEAKS_OF_IT.match(after) is not None


def _is_in_sentence(plain: str, start: int) -> bool:
    """Whether a sentence goes on before a mark."""
    line_before = plain[:start].rpartition("\n")[2]
    if plain[:start].rstrip().endswith((":", "：", ",")):
        return True
    return (
        bool(line_before.strip())
        and line_before[-1] in f" \t{_OPENS_QUOTE}"
        and (line_before.rstrip()[-1] not in ".!?…")
    )


def _turn_of_somebody_else(plain: str, asked: str) -> re.Match[str] | None:
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
    first = _USER_LABEL.search(plain)
    if (
        first is None
        or not plain[: first.start()].strip()
        or plain[: first.start()].rstrip().endswith((":", "："))
    ):
        return None
    if _ASSISTANT_LABEL.search(plain, 0, first.start()):
        return None
    if _ASSISTANT_LABEL.search(plain, first.end()):
        return first
    return _LONE_LABEL.search(plain)
