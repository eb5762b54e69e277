"""What a server has left in an answer that is not the answer: tokens of chat templates, calls of tools that
nobody read, turns that the model wrote for somebody else, reasoning that was not told apart.

The evidence is where a mark stands and what stands around it, not the mark alone: a text may be about chat
templates, hold HTML, or be a dialogue that was asked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prefgen.text.model_marks import ASSISTANT_NAMES, CALL_TOKENS, END_TOKENS, TURN_TOKENS, USER_NAMES
from prefgen.text.reasoning import (
    CLOSER,
    OPENER,
    SPEAKS_OF_IT,
    any_of,
    is_between_sentences,
    is_spoken_about,
    without_code,
)

_TOKEN_WORDS = (
    r"(?:end|eo[tmsd]|bos|im_|turn|text|role|header|user|assistant|system|return|channel|message|pad|stop"
    r"|observ|tool|call|think|box|python|reserved|place|unk|sep|start|finetune|image|audio|video|action|fim"
    r"|utterance|prefix|suffix|response|solution|bot\b|human|prompter|constrain)"
)
_WORD_TOKEN = rf"<[|｜]/?(?=[\w▁:-]{{2,40}}[|｜]>)[\w▁:-]*?{_TOKEN_WORDS}[\w▁:-]*[|｜]>"
_TOKEN = rf"(?i:{_WORD_TOKEN})|{any_of([*END_TOKENS, *TURN_TOKENS])}"
_NAMES = any_of([*USER_NAMES, *ASSISTANT_NAMES, "system"])
_USERS, _ASSISTANTS = any_of(USER_NAMES), any_of(ASSISTANT_NAMES)
_TOKENS = re.compile(rf"(?:{_TOKEN})(?:\s*(?:{_TOKEN})|(?<=[>\]])(?:{_NAMES})(?=\s*(?:\n|<|\[|\Z)))*")
"""Tokens that follow each other, with the names of roles between them."""
_HALF_TOKEN = re.compile(r"(?:<\|(?:im_end|eot_id|end_of_text|endoftext|end)\|?|</s)\s*\Z")
_LEADING = re.compile(rf"\A\s*(?:(?:{_NAMES})(?=<\|))?(?:{_TOKENS.pattern})\s*")
_LEADING_NAME = re.compile(r"\A\s*assistant[ \t]*\n[ \t]*\n+(?=\S)")
_BOXES = re.compile(r"<\|begin_of_box\|>(.*?)<\|end_of_box\|>", re.DOTALL)
_ROLE = re.compile(rf"\s*(?:{_NAMES})?\s*(?:\n|\Z)")
_CALL = re.compile(any_of(CALL_TOKENS))
_USER_LINE = re.compile(rf"\n(?:{_USERS})\n")
_ASSISTANT_LINE = re.compile(rf"\n(?:{_ASSISTANTS})(?:\n|\Z)")
_GLUED_NAME = re.compile(r"(?:(?<=[.!?\"'”)\]])|\n)assistant\n\n|(?<=[a-z.])assistant\n\n(?=[A-Z])")
"""Names alone in their lines, from which a server took the tokens away."""
_LABEL = r"\s*(?:#+ *|\*\*|\[)?"
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
_TURNS_IN_LINE = re.compile(
    r"(?<=[.!?…\"”)] )(?:USER|User|Human): [^\n]{1,400}? (?:ASSISTANT|Assistant|AI): "
)
_TURN_HEADINGS = re.compile(
    r"\n### ?(?:User|Human)\n.*?\n### ?Assistant(?:\n|\Z)|<user>.*?</user>\s*<assistant>", re.DOTALL
)
_USER_SPEAKS = re.compile(r"^\s*(?:User|USER|Human)\b", re.MULTILINE)
_LEADING_SPEAKER = re.compile(
    r"\A\s*(?:(?:### ?)?(?:Assistant|ASSISTANT):[ \t]*|### ?Response:[ \t]*\n)(?=\S)"
)
_LONE_LABEL = re.compile(r"\n\n(?:Human|### ?(?:Human|User|Instruction)):(?=\s)")
_DIALOGUE = re.compile(
    r"dialog|conversation|transcript|\bscripts?\b|interview|screenplay|role|few-?shot|exchange|\bfaq\b"
    r"|\bplays?\b|scene|sketch|\bskit|\bstor(?:y|ies)\b|comic|\bjoke|\byaml\b|\bjson\b|q ?& ?a"
    r"|chat (?:log|history|session)|between (?:an?|the|two)\b|\b(?:human|user|assistant):",
    re.IGNORECASE,
)
"""Words of a request that may ask for turns of two who speak."""
_ABOUT_TOKENS = re.compile(
    r"(?:special|end|stop|eos|bos|control|turn|sentinel) (?:tokens?|strings?|sequences?)|tokeniz|chat ?ml"
    r"|(?:chat|prompt|instruct) ?(?:template|format)|\b(?:eos|bos|delimiters?|sentinels?)\b|ends? a turn"
    r"|which token",
    re.IGNORECASE,
)
"""Words of a request that may ask for such tokens."""
_QUOTES = tuple("\"'“”‘’«»`")
_SENTENCE_ENDS = tuple("\x00.!?…。！？)]}\"'”’>*")
_LIST_MARK = re.compile(r"\s*(?:[-*•+]|\(?\d+[.)])\s*")


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
    if "<|begin_of_box|>" in text and "<|begin_of_box|>" not in asked:
        text = _BOXES.sub(r"\1", text)
    if text.startswith("<s> ") and text.rstrip().endswith("</s>") and text.count("<s>") == 1:
        text = text[4:]
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
            mark = text[leak.start : leak.end].strip() or leak.mark
            return Leak(mark, leak.start, leak.end, leak.can_be_cut)
    return None


_LINE_STARTS = re.compile(r"\n\s*(?:#+ *|\*\*|\[)?(?:user|human|instruction|prompter)", re.IGNORECASE)


def may_leak(text: str) -> bool:
    """A look that is cheap: most texts hold nothing that could be one."""
    return (
        "<" in text
        or "[" in text
        or "ssistant" in text
        or "SSISTANT" in text
        or "]~" in text
        or "&lt;" in text
        or "### Response" in text
        or "用户" in text
        or _LINE_STARTS.search(text) is not None
    )


def _leaks(plain: str, asked: str, *, keeps_reasoning: bool) -> Iterator[Leak]:
    speaker = _LEADING_SPEAKER.match(plain)
    if speaker and not _DIALOGUE.search(asked) and not _USER_SPEAKS.search(plain):
        yield Leak(speaker[0], speaker.start(), speaker.end(), can_be_cut=True)
    leading = _LEADING.match(plain) or _LEADING_NAME.match(plain)
    if leading and not _begins_sentence(plain, leading, asked):
        is_echo = "[INST]" in leading[0] and "[/INST]" in plain[leading.end() :]
        is_thought = _IS_THOUGHT.search(leading[0]) is not None
        can_be_cut = _has_turn(leading[0]) or leading[0].endswith("\n") or leading.re is _LEADING_NAME
        yield Leak(leading[0], leading.start(), leading.end(), can_be_cut and not is_echo and not is_thought)
    if not keeps_reasoning and (mark := _reasoning_mark(plain)) is not None:
        yield Leak(mark[0], mark.start(), mark.end(), can_be_cut=False)
    for call in _CALL.finditer(plain):
        if not _is_in_sentence(plain, *call.span()):
            yield Leak(call[0], call.start(), call.end(), can_be_cut=False)
    for tokens in _TOKENS.finditer(plain):
        certainty = _certainty(plain, tokens, asked)
        if certainty is not None:
            yield Leak(tokens[0], tokens.start(), tokens.end(), can_be_cut=certainty)
    if (half := _HALF_TOKEN.search(plain)) is not None:
        yield Leak(
            half[0], half.start(), half.end(), can_be_cut=plain[: half.start()].endswith((".", "!", "?"))
        )
    if (turn := _turn_of_somebody_else(plain, asked)) is not None:
        yield Leak(turn[0].strip().partition("\n")[0], turn.start(), turn.end(), can_be_cut=False)


def _reasoning_mark(plain: str) -> re.Match[str] | None:
    """A mark that opens reasoning at the beginning of a line or after a sentence, or closes it between two
    sentences.
    """
    for opener in OPENER.finditer(plain):
        line_before = plain[: opener.start()].rpartition("\n")[2]
        begins = not line_before.strip() or line_before.rstrip()[-1] in ".!?"
        closer = CLOSER.search(plain, opener.end())
        if SPEAKS_OF_IT.match(plain, opener.end()):
            continue
        if closer is not None and is_spoken_about(plain, opener, closer):
            continue
        if begins and not plain[: opener.start()].rstrip().endswith((":", "：")):
            return opener
    for closer in CLOSER.finditer(plain):
        if is_between_sentences(plain, *closer.span()) and not OPENER.search(plain, 0, closer.start()):
            return closer
    return None


def _certainty(plain: str, tokens: re.Match[str], asked: str) -> bool | None:
    """Whether tokens are certainly (True) or perhaps (False) a leak; None where they are spoken about."""
    before, after = plain[: tokens.start()], plain[tokens.end() :]
    line_before, line_after = before.rpartition("\n")[2], after.partition("\n")[0]
    is_end, has_turn = not after.strip(), _has_turn(tokens[0])
    if _has_turn(before):  # an example that was spoken about goes on
        return False if is_end and has_turn else None
    if _is_of_text(tokens[0], before, line_before, line_after, is_end=is_end):
        return None
    if _IS_THOUGHT.search(tokens[0]):  # which side of it is the answer is not known
        return False
    is_glued = line_before[-1:].isalnum() or line_before.endswith(_SENTENCE_ENDS)
    if _ABOUT_TOKENS.search(asked) and (not is_glued or not is_end):
        return None
    is_turn_of_user = has_turn and not _OWN_TURN.search(tokens[0] + line_after)
    is_glued_on = is_glued and not after[:1].isspace() and not has_turn
    is_cut_clean = is_end or is_turn_of_user or is_glued_on  # else the answer may stand behind it
    if is_glued:
        goes_on = bool(line_after.strip()) and not has_turn
        is_word = goes_on and (line_before[-1].isalnum() or line_after.lstrip()[:1].islower())
        return is_cut_clean and not is_word
    leads_up = before.rstrip().endswith((":", "：", ",", " is", " are", " with", " by"))
    if is_end and not line_before.strip():
        return not leads_up or (None if has_turn else False)
    if is_end:
        return None if leads_up else line_before.rstrip().endswith(_SENTENCE_ENDS)
    if line_before.strip():  # within a line: a new turn after a sentence, or a word of one
        is_turn = has_turn and line_before.rstrip().endswith((".", "!", "?"))
        return False if is_turn and not SPEAKS_OF_IT.match(after) else None
    is_alone = not line_after.strip() or bool(has_turn and _ROLE.match(after))
    return is_cut_clean if is_alone and not leads_up else None


_IS_THOUGHT = re.compile(r"think|thought|reason", re.IGNORECASE)
_OWN_TURN = re.compile(rf"(?:{_ASSISTANTS}|CHATBOT_TOKEN|Assistant)", re.IGNORECASE)
"""A turn that follows and is the model's own again: which of the two is the answer is not known."""


def _is_of_text(mark: str, before: str, line_before: str, line_after: str, *, is_end: bool) -> bool:
    """Whether a mark is HTML, stands between quotes, in bold or as an item of a list."""
    if mark in ("</s>", "&lt;/s&gt;") and re.search(r"(?:<|&lt;)s(?:[\s>]|&gt;)", before):
        return True
    if mark.startswith(("[PAD]", "<pad>")) and re.search(r"\[(?:SEP|CLS|MASK)\]", before):
        return True
    if mark in ("<s>", "[gMASK]", "<unk>", "<pad>", "[PAD]") and not is_end:
        return True
    is_quoted = line_before.endswith(_QUOTES) and not line_before[:-1].endswith((".", "!", "?"))
    is_bold = line_before.endswith("*") and line_after.startswith("*")
    is_item = _LIST_MARK.fullmatch(line_before) is not None
    return line_after.startswith(_QUOTES) or is_quoted or is_bold or is_item


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
    is_lower = leading[0].endswith(" ") and after[:1].islower() and "INST" not in mark
    spaced = f" {after}" if leading[0].endswith(" ") else after
    return is_lower or SPEAKS_OF_IT.match(spaced) is not None


def _is_in_sentence(plain: str, start: int, end: int) -> bool:
    """Whether a sentence speaks of a mark: it goes on before it in the line, or after it."""
    line_before = plain[:start].rpartition("\n")[2]
    if not line_before.strip():
        return SPEAKS_OF_IT.match(plain, end) is not None
    return line_before[-1] in (" ", "\t", "(", *_QUOTES) and line_before.rstrip()[-1] not in ".!?…"


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
    for user_label, assistant_label in _TURNS_IN_LINES:
        first = user_label.search(plain)
        if first is None or _is_dialogue(plain[: first.start()], assistant_label):
            continue
        if assistant_label.search(plain, first.end()):
            return first
    return _TURNS_IN_LINE.search(plain) or _TURN_HEADINGS.search(plain) or _LONE_LABEL.search(plain)


def _is_dialogue(before: str, assistant_label: re.Pattern[str]) -> bool:
    """Whether turns are what a text is about: it begins with them, or leads up to them."""
    return not before.strip() or before.rstrip().endswith((":", "：")) or bool(assistant_label.search(before))
