"""What a server has left in an answer that is not the answer: tokens of chat templates, calls of tools that
nobody read, turns that the model wrote for somebody else, reasoning that was not told apart.

The evidence is where a mark stands and what stands around it, not the mark alone: a text may be about chat
templates, hold HTML, or be a dialogue that was asked for.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from prefgen.text.asked_tags import named_tags
from prefgen.text.leak_signs import may_leak
from prefgen.text.model_marks import CALL_TOKENS, REASONING_DRESS
from prefgen.text.named_turns import echo_of, leading_speaker, turn_of_somebody_else
from prefgen.text.reasoning import CLOSER, OPENER, any_of, hidden_closer, is_named_opener, marks_of
from prefgen.text.spoken_marks import (
    MOST_MARKS,
    SPEAKS_OF_IT,
    closing_of,
    line_around,
    without_closed_code,
    without_code,
)
from prefgen.text.template_tokens import (
    ABOUT_TOKENS,
    ASSISTANTS,
    IS_THOUGHT,
    NAMES,
    QUOTES,
    TOKENS,
    TURN,
    USERS,
    certainty_of,
    is_known,
    is_written,
)

_MOST_CUTS = 20
_HALVES = {
    f"<|{token}|"[:length]
    for token in ("im_end", "eot_id", "end_of_text", "endoftext", "end")
    for length in range(4, len(token) + 4)
}
_HALF_TOKEN = re.compile(rf"(?:{any_of(_HALVES)}|</s)\s*\Z")
_LEADING = re.compile(rf"\A\s*(?:(?:{NAMES})(?=<\|))?(?:{TOKENS.pattern})\s*")
_LEADING_NAME = re.compile(r"\A\s*assistant[ \t]*\n[ \t]*\n+(?=\S)")
_NAME = re.compile(r"[#*\[ ]*\w+[\]* ]*[:：]?")
"""A name of who speaks: a word that many requests hold, and none of which asks for a turn."""
_LEADING_CHANNEL = re.compile(r"\A\s*(?:thought|model)[^\S\n]*\n(?=\s*\S)")
"""What Gemma's tokens leave behind where a server takes them away."""
_ASKS_FOR_NAME = re.compile(r"\b(?:roles?|assistants?|helpers?|words?|terms?|names?|synonyms?)\b", re.I)
"""A request whose answer may be the name of who answers."""
_ROLE_TAG = re.compile(r"\A\s*<assistant>(?=.*</assistant>\s*\Z)|(?<=[.!?])\s*\n<(?:user|human)>", re.DOTALL)
_BOXES = re.compile(r"<\|begin_of_box\|>(.*?)<\|end_of_box\|>", re.DOTALL)
_OTHER_ROLE = re.compile(
    rf"(?:<\|(?:im_start|start_header_id|header_start|start_of_role|turn|start|START_OF_TURN_TOKEN|channel)\|?>"
    rf"|<start_of_turn>|]~b])\s*(?!(?:{ASSISTANTS})\s*(?:\n|<|\[))[a-z_]+(?:\s*(?:\n|<|\Z)|(?<=assistant) )"
)
"""A turn of somebody who is not known to be the one who answers."""
_CALL = re.compile(any_of(CALL_TOKENS))
_CALL_FENCE = re.compile(r"\A\s*```tool_(?:code|call)s?\b")
_CALL_WORDS = re.compile(r"\A\s*(?:assistant)?(?:analysis|commentary)?\s?to=functions\.\w+")
"""A call in harmony, without its tokens."""
_ORPHAN_TAG = re.compile(r"</(assistant|user|human|response|answer|output|solution)>\s*\Z")
_PIECES = re.compile(
    r"\A\s*(?:▁[A-Za-z]|ĠĠ|Ġ[A-Za-z]*[a-z][.,!?]?Ġ|Ġ[A-Z]+[.,!?]?Ġ[a-z])"
    r"|(?:[a-z]|(?:[A-Z]{2}|[^\sA-ZĠĦŻĊ])[,.!?])Ġ[A-Za-z]"
)
"""Pieces of a vocabulary that were not joined to words: their mark of a space stands before each. Maltese
has it as a letter, with which words and initials begin: `Ġ.Ġ.`, `ĠORĠ`.
"""
_DRESS = re.compile(rf"\A\s*(?:{'|'.join(REASONING_DRESS)})|^&lt;/think(?:ing)?&gt;[^\S\n]*$", re.MULTILINE)


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


def without_leaks(text: str, asked: str = "", standing: str = "") -> str:
    """The text without what was left in it. Raises Leaked where it is not certain what the answer is."""
    boxes = text.count("<|begin_of_box|>")
    if 0 < boxes <= MOST_MARKS and "<|begin_of_box|>" not in asked + standing:
        text = _BOXES.sub(r"\1", text)
    if text.startswith("<s> ") and text.rstrip().endswith("</s>") and text.count("<s>") == 1:
        text = text[4:]
    cuts = 0
    while (leak := find_leak(text, asked, standing)) is not None:
        if not leak.can_be_cut or cuts == _MOST_CUTS:
            raise Leaked(leak)
        cuts += 1
        text = text[leak.end :] if not text[: leak.start].strip() else text[: leak.start].rstrip()
    return text


def find_leak(
    text: str, asked: str = "", standing: str = "", *, keeps_reasoning: bool = False
) -> Leak | None:
    """The first leak of a text, or None. `asked` is the last turn of the user, which it answers, and
    `standing` what was said before it for all turns: marks that were asked about are none.
    """
    if not may_leak(text):
        return None
    plain = without_code(text)
    named = f"{standing}\n{asked}"
    for leak in _leaks(text, plain, asked, named_tags(named), keeps_reasoning=keeps_reasoning):
        is_name = _NAME.fullmatch(leak.mark.strip()) is not None
        is_word = is_name and leak.mark.strip().isalpha()
        is_word = is_word and (leak.mark.strip() == "assistant" or bool(text[: leak.start].strip()))
        if is_word or leak.mark.strip() not in (asked if is_name else named):
            mark = text[leak.start : leak.end].strip() or leak.mark
            return Leak(mark, leak.start, leak.end, leak.can_be_cut)
    return None


def _leaks(
    text: str, plain: str, asked: str, tags: Collection[str] = (), *, keeps_reasoning: bool
) -> Iterator[Leak]:
    yield from _leading_leaks(text, plain, asked)
    if not keeps_reasoning and (mark := _reasoning_mark(text, plain, tags)) is not None:
        yield Leak(mark[0], mark.start(), mark.end(), can_be_cut=False)
    for number, call in enumerate(_CALL.finditer(plain)):
        if number > MOST_MARKS or not _is_in_sentence(plain, *call.span()):
            yield Leak(call[0], call.start(), call.end(), can_be_cut=False)
            break
    yield from _token_leaks(plain, asked)
    if (pieces := _PIECES.search(plain)) is not None:
        yield Leak(pieces[0].strip(), pieces.start(), pieces.end(), can_be_cut=False)
    closed, opened = without_closed_code(text)
    if opened is not None:
        yield from _leaks_in_open_code(closed, opened, asked)
    if (half := _HALF_TOKEN.search(closed)) is not None:
        is_cut = plain[: half.start()].endswith((".", "!", "?"))
        yield Leak(half[0], half.start(), half.end(), can_be_cut=is_cut)
    tag = _ORPHAN_TAG.search(plain)
    if tag and tag[1] not in tags and f"<{tag[1]}" not in plain and not _is_in_sentence(plain, *tag.span()):
        yield Leak(tag[0], tag.start(), tag.end(), can_be_cut=False)
    if (role_tag := _ROLE_TAG.search(plain)) is not None:
        yield Leak(role_tag[0].strip(), role_tag.start(), role_tag.end(), can_be_cut=False)
    turn = turn_of_somebody_else(closed, asked) or echo_of(closed, asked)
    if turn is not None:
        yield Leak(turn[0].strip().partition("\n")[0], turn.start(), turn.end(), can_be_cut=False)


def _leading_leaks(text: str, plain: str, asked: str) -> Iterator[Leak]:
    """What stands at the start of a text."""
    if (speaker := leading_speaker(plain, asked)) is not None:
        label, can_be_cut = speaker
        yield Leak(label[0], label.start(), label.end(), can_be_cut)
    if (channel := _LEADING_CHANNEL.match(plain) or _CALL_WORDS.match(plain)) is not None:
        yield Leak(channel[0], channel.start(), channel.end(), can_be_cut=False)
    fence = _CALL_FENCE.match(text)
    if fence and not plain.strip("\x00 \n"):
        yield Leak(fence[0], fence.start(), fence.end(), can_be_cut=False)
    leading = _LEADING.match(plain) or _LEADING_NAME.match(plain)
    is_leading = leading is not None and not is_written(plain, leading)
    if leading and is_leading and not _begins_sentence(plain, leading, asked):
        is_echo = "[INST]" in leading[0] and "[/INST]" in plain[leading.end() :]
        is_doubtful = IS_THOUGHT.search(leading[0]) or re.search(rf"(?:{USERS}|system)\s*\Z", leading[0])
        is_doubtful = is_doubtful or (leading.re is _LEADING_NAME and _ASKS_FOR_NAME.search(asked))
        can_be_cut = (
            TURN.search(leading[0]) is not None or leading[0].endswith("\n") or leading.re is _LEADING_NAME
        )
        role = _OTHER_ROLE.search(plain)
        is_other = role is not None and role.start() < leading.end()
        is_certain = leading.re is _LEADING_NAME or is_known(leading[0])
        can_be_cut = can_be_cut and is_certain and not (is_echo or is_doubtful or is_other)
        yield Leak(leading[0], leading.start(), leading.end(), can_be_cut)


def _reasoning_mark(text: str, plain: str, tags: Collection[str]) -> re.Match[str] | None:
    """A mark that opens reasoning, or closes what the prompt has opened, and that no sentence speaks of."""
    dress = _DRESS.search(plain)
    if dress and not SPEAKS_OF_IT.match(plain, dress.end()):
        return dress
    openers, closers = marks_of(plain, tags)
    if len(openers) + len(closers) > MOST_MARKS:
        return (openers or closers)[0]
    opened = [opener for opener in openers if not is_named_opener(plain, opener)]
    for opener in opened:
        line_before, line_after = line_around(plain, *opener.span())
        if plain[max(0, opener.start() - 100) : opener.start()].rstrip().endswith((":", "：")):
            continue
        closer = next((c for c in closers if c.start() >= opener.end()), None)
        begins = not line_before.strip() or line_before.rstrip()[-1] in ".!?"
        is_closed = closer is not None and closing_of(plain, *closer.span()) != "named"
        if begins or is_closed or (closer is None and line_after[:1].isalnum()):
            return opener
    for closer in closers:
        is_opened = bool(opened) and opened[0].start() < closer.start()
        if not is_opened and closing_of(plain, *closer.span()) != "named":
            return closer
    return hidden_closer(text, plain)


def _token_leaks(plain: str, asked: str) -> Iterator[Leak]:
    found = list(TOKENS.finditer(plain))
    first_turn = TURN.search(plain) if found else None
    for number, tokens in enumerate(found):
        if number > MOST_MARKS:
            yield Leak(tokens[0], tokens.start(), tokens.end(), can_be_cut=False)
            return
        is_example = first_turn is not None and first_turn.start() < tokens.start()
        certainty = certainty_of(plain, tokens, asked, is_example=is_example)
        if certainty is not None:
            yield Leak(tokens[0], tokens.start(), tokens.end(), can_be_cut=certainty)


def _leaks_in_open_code(closed: str, opened: int, asked: str) -> Iterator[Leak]:
    """What may have been left in a fence that stays open: it is code, or the model forgot to close it. So
    nothing is ever cut there. `closed` is the text without the code that is certainly some.
    """
    for closer in list(CLOSER.finditer(closed, opened))[:MOST_MARKS]:
        if not OPENER.search(closed, 0, closer.start()) and closing_of(closed, *closer.span()) == "ends":
            yield Leak(closer[0], closer.start(), closer.end(), can_be_cut=False)
    for tokens in list(TOKENS.finditer(closed, opened))[:MOST_MARKS]:
        turn = TURN.search(closed, opened, tokens.end())
        ends_a_turn = turn is not None and tokens.start() < turn.start() < tokens.end()
        is_last = not closed[tokens.end() :].strip()
        if (is_last or ends_a_turn) and certainty_of(closed, tokens, asked, is_example=False) is not None:
            yield Leak(tokens[0], tokens.start(), tokens.end(), can_be_cut=False)


def _begins_sentence(plain: str, leading: re.Match[str], asked: str) -> bool:
    """Whether the tokens at the start of a text are the first words of a sentence, an element of HTML, or of
    an example that was asked for.
    """
    mark, after = leading[0].strip(), plain[leading.end() :]
    if mark == "<s>" and "</s>" in after:
        return True
    if ABOUT_TOKENS.search(asked) and not re.search(rf"(?:{ASSISTANTS})\Z", mark):
        return True
    is_lower = leading[0].endswith(" ") and after[:1].islower() and "INST" not in mark
    spaced = f" {after}" if leading[0].endswith(" ") else after
    return is_lower or SPEAKS_OF_IT.match(spaced) is not None


def _is_in_sentence(plain: str, start: int, end: int) -> bool:
    """Whether a sentence speaks of a mark: it goes on before it in the line, or after it."""
    line_before = line_around(plain, start, end)[0]
    if not line_before.strip():
        return SPEAKS_OF_IT.match(plain, end) is not None
    return line_before[-1] in (" ", "\t", "(", *QUOTES) and line_before.rstrip()[-1] not in ".!?…"
