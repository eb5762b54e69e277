"""The forms in which a line certainly names the better one of some labelled texts: "Answer: B", "I prefer B",
"Text B is better than Text A", "[[B>A]]". Whether the line is a verdict is for `reply_labels` to say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from prefgen.kit.final_words import LONGEST_SENTENCE, without_brackets
from prefgen.kit.label_leanings import BETTER, NOUN
from prefgen.text.reasoning import any_of

KEYS = (
    "answer", "verdict", "choice", "winner", "decision", "judgment", "judgement", "preference", "better",
    "best", "preferred", "label", "conclusion", "overall", "chosen", "result", "selected", "selection",
)  # fmt: skip
_SURELY = ("definitely", "clearly", "certainly")
CONCLUDING = ("so", "thus", "therefore", "hence", *_SURELY)
"""What a label may follow as the end of any argument, also of the answer to the request's own problem."""
_KEYS_OF_ALL = ("answer", "verdict", "decision", "judgment", "judgement", "conclusion", "overall")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？]) ")
_RESULT_MARK = re.compile(r"\[RESULT\] ?", re.IGNORECASE)
_MARKS = " \"'“”.!。"
_BRACKETS = (
    ("\\[", "\\]"), ("\\boxed{", "}"), ("\\text{", "}"), ("[", "]"), ("(", ")"), ("{", "}"), ("<", ">"),
    ("$", "$"),
)  # fmt: skip


@dataclass(frozen=True)
class Named:
    """What a line says: the label that its last sentence names, and the words around it."""

    label: str
    form: str
    """The last sentence."""
    before: tuple[str, ...]
    """The sentences before it."""
    because: str
    """What it gives as its reason, or empty."""
    agrees: bool
    """Whether no sentence of the line names another label."""
    key: str
    """The key that the label stands behind ("answer", "boxed"), ">" for a bare comparison, or empty."""

    @property
    def is_final(self) -> bool:
        """Whether it calls itself final."""
        return "final" in self.form.casefold()

    @property
    def is_of_all(self) -> bool:
        """Whether it is the one on the whole by its form, and no winner of a part."""
        return self.is_final or self.key in _KEYS_OF_ALL or "[[" in self.form


def named_in(line: str, labels: Sequence[str]) -> Named | None:
    """The label that the last sentence of a line states. In small letters a label counts after a key alone,
    not as a word of a sentence: "a is better" may be the article.
    """
    line = _RESULT_MARK.sub("Result: ", line)
    if line.endswith("]") and "] " not in line:
        line = re.sub(r"(?<=[.!?]) ?(?=\[\[)", " ", line)
    sentences = _SENTENCE_END.split(line)
    found = [_in_sentence(sentence, labels, is_alone=len(sentences) == 1) for sentence in sentences]
    if found[-1] is None:
        return None
    label, because, key = found[-1]
    agrees = all(one is None or one[0] == label for one in found)
    return Named(label, sentences[-1], tuple(sentences[:-1]), because, agrees, key)


def first_sentence(line: str) -> tuple[str, str]:
    """(the first sentence of a line, the rest of it)."""
    first, *rest = _SENTENCE_END.split(line, maxsplit=1)
    return first, rest[0] if rest else ""


def _in_sentence(sentence: str, labels: Sequence[str], *, is_alone: bool) -> tuple[str, str, str] | None:
    """(the label that a sentence states, its reason, its key)."""
    known = {label.casefold(): label for label in labels}
    if len(sentence) > LONGEST_SENTENCE:
        return None
    for form in _grammar(tuple(labels)):
        if (match := form.fullmatch(sentence)) is None:
            continue
        groups = match.groupdict()
        written, key = match["label"], groups.get("key") or ""
        other = groups.get("other") or groups.get("loser")
        if groups.get("versus") is not None and match.start("versus") == 0:
            key = ">"
        is_keyed = bool(key) and key.casefold() not in CONCLUDING and is_alone and written.casefold() in known
        is_same = other is not None and other.casefold() == written.casefold()
        if (written in labels or is_keyed) and not is_same:
            return known[written.casefold()], groups.get("because") or "", key.casefold()
        return None
    return None


def label_alone(text: str, labels: Sequence[str]) -> str | None:
    """The label that a text is, in any case and with a noun before it."""
    if text.lstrip(" \"'“(").startswith("!") or text.rstrip(" \"'”)").endswith(("...", "…")):
        return None  # denied, or unfinished
    bare = re.sub(rf"^{NOUN} ", "", _bare(text), flags=re.IGNORECASE)
    return {label.casefold(): label for label in labels}.get(_bare(bare).casefold())


def _bare(text: str) -> str:
    """A label without the brackets, quotes and full stop around it."""
    text = without_brackets(text, _MARKS, _BRACKETS)
    return text.removesuffix(")") if "(" not in text else text


_ABOVE = (
    r"(?:(?:this|the|my|these|both)(?: (?:above|two))*"
    r"(?: (?:analysis|evaluation|comparison|reasons?|texts?|repl(?:y|ies)|responses?))?(?: above)?"
    r"|the (?:given |stated )?(?:principle|criterion|criteria|request|instructions?))"
)
_OPENING = (
    r"(?:(?:so|thus|therefore|hence|overall|ultimately|in (?:conclusion|summary|my (?:opinion|view))"
    r"|(?:i think|i believe|i(?: would|['’]d) say)(?: that)?|(?:between|of) the two"
    r"|after (?:careful |thorough )?(?:consideration|evaluation|comparison)"
    r"|(?:after (?:comparing|considering|reviewing)|(?:going |judging )?by|based on|given|according to"
    rf"|considering) {_ABOVE}),? ?){{1,2}}"
)
"""What leads to a verdict on the whole."""
_DOING = "answering|addressing|following|executing|fulfilling|meeting"
LOSER = "rejected|loser|worse|losing"
"""What the other text is called, behind a verdict: "Chosen: A, Rejected: B"."""


@lru_cache(maxsize=64)
def _grammar(labels: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """The statements in which a label stands, each as a whole sentence without markup."""
    label = any_of(labels)
    marked = (
        rf"(?:\$?\\boxed\{{(?:\\text\{{)?|\[\[|[\"'(\[<{{$])?(?P<label>{label})"
        r"(?:\}?\}\$?|\]\]|[\"')\]>}$])?"
    )
    other = rf"[\"'(\[<]?(?P<other>{label})[\"')\]>]?"
    opening = rf"(?:{_OPENING}[,:]? )?"
    better = rf"{BETTER}(?: (?:one|{NOUN}))?(?: overall)?"
    because = r"(?:,? (?:because|since|as it)\b(?P<because>[^.!?]*))?"
    loser = rf"[,;]? (?:{LOSER})(?: (?:one|{NOUN}))? ?[:：=] ?(?:{NOUN} )?(?P<loser>{label})"
    versus = rf"(?P<versus>)(?:{NOUN} )?{marked} ?(?:>>|>|≻) ?(?:{NOUN} )?{other}"
    deed = rf"(?: (?:of|at|in) (?:{_DOING}) [^.,;:!?]{{1,60}}?)?"
    over = rf"(?: (?:than|over|to) (?:{NOUN} )?{other})?"
    forms = [
        rf"(?P<key>{'|'.join(CONCLUDING)}), (?:{NOUN} )?{marked}[.!]",  # or its sentence may have been cut
        rf"{opening}(?:the )?(?P<key>label) of the (?:better|best|preferred) (?:one|{NOUN})"
        rf" ?(?::|is:?) ?{marked}",
        rf"{opening}(?:(?:the|my) )?(?:(?:final|overall) )?(?P<key>{'|'.join(KEYS)})(?: (?:one|{NOUN}))? ?"
        rf"(?:[:：=]|->|→|is:?) ?(?:{NOUN} )?{marked}(?:{loser}|{because})",
        rf"(?P<key>(?:最终)?答案) ?(?:是|为)? ?[:：]? ?{marked}。?",
        r"\[\[(?P<label>" + label + r")\]\]",
        rf"(?:文本|回答|选项) ?{marked} ?更好",
        r"\$?\\(?P<key>boxed)\{(?:\\text\{)?(?P<label>" + label + r")\}?\}\$?",
        rf"{opening}i(?:['’](?:d|ll))? (?:(?:strongly|slightly|clearly|would|will|do|sooner|rather) )*"
        r"(?:prefer|choose|pick|select|send|say|go with|go for|vote for)"
        rf" (?:{NOUN} )?{marked}{over}{because}",
        rf"{opening}(?:{NOUN} )?{marked} is {better}{over}{because}",
        rf"{opening}(?:{NOUN} )?{marked} wins{because}",
        rf"(?P<key>{'|'.join(_SURELY)}),? (?:{NOUN} )?{marked}",
        rf"{opening}(?:{NOUN} )?{marked} (?:(?:clearly|easily|slightly|far) )?"
        rf"(?:outperforms|beats|surpasses|wins (?:over|against)) (?:{NOUN} )?{other}{because}",
        rf"{opening}(?:{NOUN} )?{marked} does (?:a|the) (?:(?:much|clearly|slightly|far) )?better job"
        rf"{deed}{over}{because}",
    ]
    if not any(label.isdigit() for label in labels):  # 2 > 1 is arithmetic
        forms.append(rf"\[\[(?P<other>{label}) ?<{{1,2}} ?(?P<label>{label})\]\]")
        verdict = rf"{opening}(?:(?:so|and),? )?(?:(?:the|my) )?(?:final )?(?:verdict|ranking)(?: is)?:?"
        forms.append(rf"(?:{verdict} ?)?(?:\[\[)?{versus}(?:\]\])?")
        said = rf"(?:{NOUN} )?(?P<said>{label}) is {better}[:：,.]?"
        shown = rf"\[\[(?P<label>(?P=said)) ?>{{1,2}} ?{other}\]\]"
        forms.append(rf"(?:{verdict}(?: that)? )?{said} {shown}")
    return tuple(re.compile(rf"(?:#{{1,6}} ?|[-•] ?)?(?:{form})[.!。]*", re.IGNORECASE) for form in forms)
