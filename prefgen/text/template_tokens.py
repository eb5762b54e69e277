"""Tokens of chat templates in a text: whether they were left there, or a text speaks of them.

The evidence is where a token stands and what stands around it.
"""

import re

from prefgen.text.model_marks import (
    ANY_TOKENS,
    ASSISTANT_NAMES,
    END_SHAPES,
    END_TOKENS,
    TURN_TOKENS,
    USER_NAMES,
    WORD_MARKS,
)
from prefgen.text.reasoning import any_of
from prefgen.text.spoken_marks import PAIRS, SPEAKS_OF_IT, is_quoted, line_around

_TOKEN_WORDS = (
    r"(?:end|eo[tmsdf]|bos|im_|turn|text|role|header|user|assistant|system|return|channel|message|pad|stop"
    r"|observ|tool|call|think|box|python|reserved|place|unk|sep|start|finetune|image|audio|video|action|fim"
    r"|utterance|prefix|suffix|response|solution|bot\b|human|prompter|constrain|reason|extra_|dummy_|thought)"
)
_WORD_TOKEN = rf"<[|｜]/?(?=[\w▁:-]{{2,40}}[|｜]>)[\w▁:-]*?{_TOKEN_WORDS}[\w▁:-]*[|｜]>"
_KNOWN = rf"(?i:{_WORD_TOKEN})|{any_of([*END_TOKENS, *TURN_TOKENS, *WORD_MARKS])}|{'|'.join(END_SHAPES)}"
_TOKEN = rf"{_KNOWN}|{'|'.join(ANY_TOKENS)}"
NAMES = any_of([*USER_NAMES, *ASSISTANT_NAMES, "system"])
USERS, ASSISTANTS = any_of(USER_NAMES), any_of(ASSISTANT_NAMES)
TOKENS = re.compile(rf"(?:{_TOKEN})(?:\s*(?:{_TOKEN})|(?<=[>\]])(?:{NAMES})(?=\s*(?:\n|<|\[|\Z)))*")
"""Tokens that follow each other, with the names of roles between them."""
_KNOWN_TOKENS = re.compile(rf"(?:\s*(?:{_KNOWN}|{NAMES}))*\s*")
_LONE_BYTE = re.compile(r"\s*<0x[\dA-F]{2}>\s*")
_CLOSED_IMAGE = re.compile(r"\s*\[IMG\][^\[\]<\n]+\[/IMG\]")
"""An image as forums write one."""
_ROLE = re.compile(rf"\s*(?:{NAMES})?\s*(?:\n|\Z)")
TURN = re.compile(any_of(TURN_TOKENS))
_TURN_OF_USER = re.compile(rf"(?:{USERS}|tool|observation|ipython|\[INST\])", re.IGNORECASE)
"""A turn that only an answer comes before."""
_WORD_MARKS = re.compile(rf"(?:(?:{any_of(WORD_MARKS)})\s*)+")
ABOUT_TOKENS = re.compile(
    r"(?:special|end|stop|eos|bos|control|turn|sentinel|document)[- ]?(?:tokens?|strings?|sequences?|markers?"
    r"|separators?)|tokeniz|chat ?ml"
    r"|(?:chat|prompt|instruct) ?(?:template|format)|\b(?:eos|bos|delimiters?|sentinels?)\b|ends? a turn"
    r"|which token",
    re.IGNORECASE,
)
"""Words of a request that may ask for such tokens."""
QUOTES = tuple("\"'“”‘’«»`")
_SENTENCE_ENDS = tuple("\x00.!?…。！？)]}\"'”’>*")
_LIST_MARK = re.compile(r"\s*(?:[-*•+]|\(?\d+[.)])\s*")


def is_known(tokens: str) -> bool:
    """Whether all of these tokens are in the table; of others it is not certain what they mark."""
    return _KNOWN_TOKENS.fullmatch(tokens) is not None


def certainty_of(plain: str, tokens: re.Match[str], asked: str, *, is_example: bool) -> bool | None:
    """Whether tokens are certainly (True) or perhaps (False) a leak; None where they are spoken about."""
    certainty = _certainty_by_place(plain, tokens, asked, is_example=is_example)
    return certainty if certainty is None else certainty and is_known(tokens[0])


def is_written(plain: str, tokens: re.Match[str]) -> bool:
    """Whether people certainly wrote it: an image of a forum, or one byte as a word of a sentence. Bytes that
    were left in a text are glued to words, or several.
    """
    if _CLOSED_IMAGE.match(plain, tokens.start()):
        return True
    before, after = line_around(plain, *tokens.span())
    is_in_sentence = bool(before.strip()) and not before.rstrip().endswith(_SENTENCE_ENDS)
    is_word = not before[-1:].isalnum() and not after[:1].isalnum()
    return _LONE_BYTE.fullmatch(tokens[0]) is not None and is_in_sentence and is_word


def _certainty_by_place(plain: str, tokens: re.Match[str], asked: str, *, is_example: bool) -> bool | None:
    if is_written(plain, tokens):
        return None
    is_end, has_turn = not plain[tokens.end() :].strip(), TURN.search(tokens[0]) is not None
    if is_example:  # one that was spoken about goes on
        return False if is_end and has_turn else None
    if _WORD_MARKS.fullmatch(tokens[0]):
        return _certainty_of_words(plain, tokens, is_end=is_end)
    if _is_of_text(plain, tokens):
        return None
    if IS_THOUGHT.search(tokens[0]):  # which side of it is the answer is not known
        return False
    line_before, line_after = line_around(plain, *tokens.span())
    is_glued = line_before[-1:].isalnum() or line_before.endswith(_SENTENCE_ENDS)
    if ABOUT_TOKENS.search(asked):
        return False if is_glued and is_end else None
    if is_end:
        return _certainty_at_end(plain, tokens, line_before)
    is_turn_of_user = has_turn and _is_turn_of_user(tokens[0], line_after)
    if is_glued:
        is_again = tokens[0].strip() in plain[tokens.end() :]
        is_glued_on = not plain[tokens.end()].isspace() and not has_turn and not is_again
        goes_on = bool(line_after.strip()) and not has_turn
        is_word = goes_on and (line_before[-1].isalnum() or line_after.lstrip()[:1].islower())
        return (is_turn_of_user or is_glued_on) and not is_word  # else the answer may stand behind it
    if line_before.strip():  # within a line: between two sentences, or a word of one
        is_between = line_before.rstrip().endswith((".", "!", "?")) and not line_after.lstrip()[:1].islower()
        return False if is_between and not SPEAKS_OF_IT.match(line_after) else None
    if plain[: tokens.start()].rstrip().endswith(_LEADS_UP):
        return None
    if not line_after.strip() or (has_turn and _ROLE.match(plain, tokens.end())):
        return is_turn_of_user
    return _certainty_at_line_start(plain, tokens, line_after)


def _certainty_at_line_start(plain: str, tokens: re.Match[str], line_after: str) -> bool | None:
    """Of tokens that begin a line and have text behind them in it: a doubt after a whole text, unless a
    sentence speaks of them, or what stands before goes on.
    """
    before = plain[: tokens.start()].rstrip()
    is_named = SPEAKS_OF_IT.match(line_after) or line_after.lstrip()[:1] in _SAYS_WHAT_IT_IS
    return False if before and not is_named and before.endswith(_SENTENCE_ENDS) else None


_SAYS_WHAT_IT_IS = ("=", "|", ":", "-", "–", "—", "→", *QUOTES)
_LEADS_UP = (":", "：", ",", " is", " are", " with", " by")
IS_THOUGHT = re.compile(r"think|thought|reason", re.IGNORECASE)
_OWN_TURN = re.compile(rf"(?:{ASSISTANTS}|CHATBOT_TOKEN|Assistant)", re.IGNORECASE)
"""A turn that follows and is the model's own again: which of the two is the answer is not known."""


def _is_turn_of_user(tokens: str, line_after: str) -> bool:
    is_own = _OWN_TURN.search(tokens) or _OWN_TURN.match(line_after.lstrip())
    is_user = _TURN_OF_USER.search(tokens) or _TURN_OF_USER.match(line_after.lstrip())
    return is_user is not None and not is_own


def _certainty_at_end(plain: str, tokens: re.Match[str], line_before: str) -> bool | None:
    """Of tokens that are the last thing in a text: never part of it, if no list of them begins there."""
    leads_up = plain[: tokens.start()].rstrip().endswith(_LEADS_UP)
    if not line_before.strip():
        return not leads_up or (None if TURN.match(tokens[0].lstrip()) else False)
    last = line_before[-1]
    if last.isspace():
        return _LIST_MARK.fullmatch(line_before) is None and line_before.rstrip().endswith(_SENTENCE_ENDS)
    begins_quote = last in PAIRS and not line_before[-2:-1].strip()
    return not begins_quote and last not in "=/"


def _certainty_of_words(plain: str, tokens: re.Match[str], *, is_end: bool) -> bool | None:
    """Of marks that people write as words, too: doubtful after a sentence, once."""
    before, line_before = plain[: tokens.start()], line_around(plain, *tokens.span())[0]
    if _WORD_MARKS.search(before) or re.search(r"\[(?:SEP|CLS|MASK)\]", before):
        return None
    is_glued = line_before[-1:].isalnum() or line_before.endswith(_SENTENCE_ENDS)
    is_after = not line_before.strip() or line_before.rstrip().endswith(_SENTENCE_ENDS)
    is_left = is_glued or is_after if is_end else is_glued and not plain[tokens.end()].isspace()
    return False if is_left and before.strip() and not _is_of_text(plain, tokens) else None


def _is_of_text(plain: str, tokens: re.Match[str]) -> bool:
    """Whether tokens are HTML, stand between quotes, in bold, or as an item of a list of such."""
    mark, (start, end) = tokens[0].strip(), tokens.span()
    line_before, line_after = line_around(plain, start, end)
    if mark in ("</s>", "&lt;/s&gt;") and re.search(r"(?:<|&lt;)s(?:[\s>]|&gt;)", plain[:start]):
        return True
    if mark in ("<s>", "[gMASK]") and plain[end:].strip():
        return True
    if _LIST_MARK.fullmatch(line_before) is not None:
        return bool(plain[end:].strip()) or _ITEM_OF_TOKENS.search(plain, 0, start) is not None
    quote = line_after[:1]
    is_in_string = quote in tuple("\"'`") and line_before.count(quote) % 2 == 1
    opens = line_before[-1:] in tuple("\"'`“«‘") and PAIRS[line_before[-1]] in line_after
    return is_in_string or opens or is_quoted(plain, start, end)


_ITEM_OF_TOKENS = re.compile(rf"^[^\S\n]*(?:[-*•+]|\(?\d+[.)])[^\S\n]+(?:{_TOKEN})", re.MULTILINE)
