"""What a reviser wrote as the new text, told from what it says of that text, or says instead of it.

An answer speaks to whoever asked, and not of itself as a reply: a first or last paragraph that does is no
part of the new text. Where the old text says such a thing too, both speak of something else.
"""

import re
from collections.abc import Callable

from prefgen.kit.revision_frames import holds_frame, stands_beside_an_edit
from prefgen.kit.revision_remarks import (
    ends_on_remark,
    has_versions,
    is_list_of_edits,
    is_remark_or_refusal,
    is_wrapped,
)

FENCE_MARK = re.compile(r"^</?(?:text(?: \w+)?|prompt|reference)>\s*$", re.MULTILINE)
_NOUN = r"(?:reply|response|answer|text|version)"
_NEW = (
    r"(?:new|improved|revised|rewritten|re-?worded|rephrased|edited|corrected|updated|reworked|refined|better"
    r"|(?:more|less) [\w-]+)"
)
_REVISION = rf"(?:{_NEW}(?:(?:,| and)? [\w-]+){{0,2}} {_NOUN}|revision|rewrite|rewording)"
_OLD = r"(?:(?:original|initial|previous|last|current|existing|given|first|earlier|above|assistant's)\s+)"
_IT = (
    rf"\b(?:(?:the|this|my|that) {_OLD}*(?:reply|response|answer|text|revision)"
    rf"|your {_OLD}*(?:reply|response))\b"
)

_LONGEST_ANNOUNCEMENT = 200
_ENDS_FENCED = re.compile(
    r"\A<(text(?: \w+)?|output|(?:(?:new|revised|rewritten|improved|edited|corrected|updated|final)[ _-])?"
    r"(?:reply|response|answer|revision|version|text)|revised|rewritten|improved)>(.*)</\1>\Z",
    re.DOTALL | re.IGNORECASE,
)
_ENDS_RULED = re.compile(r"\A(-{3,}|\*{3,}|_{3,})[ \t]*\n(.*)\n[ \t]*\1\Z", re.DOTALL)
_LAST_RULE = re.compile(r"\n[^\S\n]*\n[ \t]*(?:-{3,}|\*{3,}|_{3,})\Z")
_ENDS_QUOTED = re.compile(r'\A(?:"([^"]+)"|“([^“”]+)”)\Z')
_ANNOUNCES = re.compile(
    rf"(?:(?:.*\b(?:here(?:'s| is)|below is|this is)|(?=.* follows:)) ?(?:(?:the|my|an?|your|one) )?"
    rf"(?:{_REVISION}|reply, re\w+)\b.*"
    rf"|.*\bI(?:'ve| have)? (?:revised|rewritten|rewrote|reworded|edited|improved|corrected|changed) "
    rf"(?:it|{_IT})\b.*|(?:(?:the|my|an?|your) )?(?:{_REVISION}|revised)(?: (?:of the {_NOUN}|that|with) .*"
    rf"| of the {_NOUN})?):"
    r"|(?:(?:sure|certainly|of course|absolutely)[,!.] )?"
    rf"(?:below|here) is (?:the|my|an?) {_REVISION}[^.]{{0,80}}\.",
    re.IGNORECASE,
)
_HEADING = re.compile(rf"(?:#+ |[*_]{{2,3}})(?:(?:the|my) )?{_REVISION}:?[*_]{{0,3}}", re.IGNORECASE)
_LABEL = re.compile(
    r"\A[*_]{0,3}(?:(?:(?:sure|certainly|of course)[,!.] )?here(?:'s|’s| is) (?:(?:the|my|an?) )?"
    rf"{_REVISION}|(?:(?:the|my) )?(?:{_REVISION}|revised))[*_]{{0,3}}:[*_]{{0,3}}[ \t]+(?=\S)",
    re.IGNORECASE,
)
_CHANGED = (
    r"I(?:'ve| have)? (?:removed|changed|revised|rewrote|rewritten|edited|softened|replaced|reworded|fixed"
    r"|corrected|added|updated|improved|shortened)"
)
_MENDS = r"(?:removes|replaces|softens|corrects|no longer)"
_LIST = r"(?:\n(?:[ \t][^\n]*|(?:[-*+•]|\d+[.)])[ \t][^\n]*)?)*"
_POSTSCRIPT = re.compile(
    rf"\n[^\S\n]*\n(?:\((?:Note: ?)?{_CHANGED}\b[^\n]*\)|\**Note:\** ?{_CHANGED}\b[^\n]*"
    rf"|\(?(?:\**Note:\** ?)?(?:This|The|My) (?:revision {_MENDS}|{_NEW} (?:reply|response))\b[^\n]*"
    rf"|\(?This (?:reply|response|answer) (?:{_MENDS}|now) [^\n]*"
    r"|(?:#+ |\*\*)?(?:(?:Key |Main )?Changes made|(?:Key|Main) changes|What (?:I|was) changed"
    r"|Summary of (?:the )?changes)\b[^\n]{0,20}:[^\n]*"
    rf"{_LIST})\Z"
)
"""What a model says of its revision below it. Behind a list of changes, code or text may be the new text."""

_CHANGES = (
    r"(?:(?:further|other|additional|major|significant|real) )?"
    r"(?:changes?|revisions?|edits?|improvements?|corrections?|modifications?|alterations?|rewrit(?:e|ing))"
)
_NO_CHANGES = (
    rf"(?:no {_CHANGES}|(?:doesn't|does not|needn't|did not|didn't) (?:need|require) (?:any )?{_CHANGES}"
    rf"|(?:needs|requires) no {_CHANGES}"
    r"|nothing (?:here )?to (?:object to|change|revise|improve|correct|fix|mend))"
)
_AS_IT_IS = r"(?:unchanged|as (?:it )?(?:is|was|stands))"
_PRAISE = (
    r"(?:correct|accurate|right|complete|appropriate|fine|good|harmless|helpful|clear|safe|respectful|polite"
    r"|acceptable|sound|okay|ok|well[- ]written)"
)
_LEAVES_ALONE = re.compile(
    rf"(?:so |therefore,? )?(?:(?:there (?:is|are) |there's |i (?:see|find|have|made) |it )?{_NO_CHANGES}"
    r"(?: (?:is|are|was|were|seems?))?(?: (?:needed|necessary|required|made|warranted|called for))?"
    r"|(?:none[.:,]? )?(?:(?:i have|i see|there (?:is|are)) )?no objections?"
    rf"|(?:i |i've |i have |i'll |i will |i would )(?:left|leave|kept|keep) it {_AS_IT_IS}"
    rf"|(?:the|this) {_OLD}*(?:reply|response) (?:is|was|looks|seems|reads) (?:\w+ )?{_PRAISE}"
    rf"(?: and {_PRAISE})?)"
    rf"(?: (?:to|in|with|of|for) {_IT}| here| at all)?"
)
"""A whole sentence, in lower case, by which a text is left alone."""
_NOTHING_NEW = frozenset(
    [
        "unchanged",
        "none needed",
        "none necessary",
        "none required",
        "n/a",
        "not applicable",
        "no change",
        "same as original",
    ]
)
"""Whole texts."""
_STAYS = re.compile(
    rf"(?:it |this |(?:the|this) {_OLD}*(?:reply|text|response) )?looks (?:\w+ )?(?:good|fine"
    rf"|great)(?: to me)?"
    rf"(?: {_AS_IT_IS})?|(?:keep|leave)(?: it| this)? {_AS_IT_IS}|(?:already )?{_PRAISE} {_AS_IT_IS}"
    rf"|already {_PRAISE}"
    r"|no (?:\w+ )?(?:flaws?|errors?|issues?|problems|mistakes) (?:(?:were|was|are|is|have been) )?"
    rf"(?:found|seen|identified|detected|here)(?: in {_IT})?|i (?:would not|wouldn't) change (?:anything"
    rf"|a thing)"
)
"""Whole texts too, of which each word says that the old one stays."""
_SAYS_SO_OF_IT = re.compile(
    rf"{_IT}[^.!?]{{0,60}}?\b(?:{_AS_IT_IS}\b|{_NO_CHANGES}|already {_PRAISE}\b)"
    rf"|\b(?:the|this|your|my) {_OLD}*(?:reply|response) (?:is |has |does )?already\b"
    rf"|\b(?:left|leave|leaving|kept|keep|keeping|returned) {_IT} {_AS_IT_IS}\b"
    rf"|\bi(?:'ve| have|'ll| will| would|'d)? (?:left|leave|kept|keep) it {_AS_IT_IS}\b"
    rf"|\bno (?:need|reason) to (?:change|revise|rewrite|edit|improve) (?:it\b|{_IT})"
    rf"|\b{_NO_CHANGES}[^.!?]{{0,20}} (?:to|in|of) {_IT}"
)
_SPEAKS_OF_IT = re.compile(
    r"\bthe (?:original|initial) (?:reply|response|answer)\b"
    r"|\b(?:the|this|my|your) (?:\w+ )?(?:reply|response|revision)\b[^.!?]{0,80}"
    r"\bthe (?:principle|critique)\b"
    r"|\b(?:can't|cannot|can not|unable to|not able to|won't|will not) (?:\w+ ){0,2}"
    rf"(?:(?:revis|rewrit|improv|edit|chang)\w* {_IT}|\w+ (?:an?|the) {_REVISION}\b)"
)
_SENTENCE_END = re.compile(r"(?<=[.!?;:])\s+|, (?=so no )")
_ABOUT_A_REVISION = re.compile(
    r"(?:repl(?:y|ies)|responses?|chang(?:e|es|ed|ing)|revis(?:e|ed|es|ing|ions?)|edit(?:s|ed|ing)?|flaws?"
    r"|rewrit(?:e|es|ing|ten)|improvements?|critiques?|corrections?|modifications?|unchanged)"
)
_SAID_OF_A_REVISION = """
i it its the this that these there here my your a an any is are was were be been being has have had do
does did not no none nothing need needs needed necessary required require requires to for of in with as
and or so but at all think believe find see feel would will should could can really just very quite
already still remain remains stay stays stands kept keep left leave made make same original identical good
fine okay ok correct right great perfect perfectly well appropriate acceptable accurate complete harmless
helpful polite safe clear valid major minor further other more text answer version previous initial
current given existing above fix final entirely completely exactly therefore thus because since both
"""
"""The words of which remarks on a revision are made. A text of these alone tells nobody anything else."""
_INTRODUCES = re.compile(
    r"\b(?:the|my|this|final|new) (?:\w+ )?(?:reply|response)\b|\b(?:the|this) critique\b"
    r"|\b(?:revised|revision|rewrit(?:e|ten)|rewrote|reword(?:ed)?)\b|\b(?:better|improved|safer) one\b"
    r"|\bno (?:\w+ )?changes\b|\b(?:here|below)\b.*\bversion (?:that|with|without)\b"
)
_ENDS_WITH = re.compile(
    r"\b(?:this|the|my) (?:revised|rewritten|reworded|improved|revision|rewrite|critique)\b"
    r"|\boriginal (?:reply|response|answer)\b"
    r"|\A\W*(?:(?:explanation|summary|list) of (?:the |my )?)?changes\b[^.:]{0,20}:"
)
_LABELS = re.compile(
    rf"^[^\w\n]*(?:(?:critique|(?:the |my |final )?(?:{_NEW} (?:reply|response)|revision|revised))[*_]*:"
    r"|(?:changes made|what (?:i|was) changed|(?:summary|explanation) of (?:the |my )?changes)\b"
    r"[^\n:]{0,20}:)",
    re.IGNORECASE | re.MULTILINE,
)
_ASKS_FOR_IT = re.compile(
    r"\b(?:provided?|shared?|send|paste)\b[^.!?]{0,40}\b(?:text|reply|response|critique|answer)\b"
    r"[^.!?]{0,40}\b(?:revis|rewrit|improv|edit)"
)


def revised_text(text: str, old: str) -> str:
    """What a model wrote as the new text: without a line that announces it, what it says of its changes
    below, and what stands around it. What is of a kind that stands in the `old` text as well is kept.
    """
    text, old = text.strip(), old.strip()
    inside = text
    for cut in (_without_postscript, _without_announcement, _without_rules):
        inside = _cut(cut, inside, old)
    fenced = _ENDS_FENCED.match(inside)
    if fenced and not FENCE_MARK.search(fenced[2]) and f"</{fenced[1]}>".casefold() not in old.casefold():
        inside = fenced[2].strip()
    return inside if inside == text else _cut(_without_quotes, inside, old)


def _cut(cut: Callable[[str], str], text: str, old: str) -> str:
    """The text after the cut; where the old text has such a part, only one around a part like it goes."""
    once = cut(text)
    return once if cut(old) == old or cut(once) != once else text


def _without_postscript(text: str) -> str:
    return _POSTSCRIPT.sub("", text).strip()


def _without_announcement(text: str) -> str:
    first, _, rest = text.partition("\n")
    line = first.strip().replace("’", "'")
    if rest and (
        _HEADING.fullmatch(line)
        or (len(line) <= _LONGEST_ANNOUNCEMENT and _ANNOUNCES.fullmatch(line.strip("*_ ")))
    ):
        return rest.strip()
    return _LABEL.sub("", text)


def _without_rules(text: str) -> str:
    ruled = _ENDS_RULED.match(text)
    return ruled[2].strip() if ruled else _LAST_RULE.sub("", text).strip()


def _without_quotes(text: str) -> str:
    quoted = _ENDS_QUOTED.match(text)
    return (quoted[1] or quoted[2]).strip() if quoted else text


def leaves_it_alone(text: str, old: str) -> bool:
    """Whether what a model wrote instead of a new text (or around the old one) says that `old` stays, all of
    it: beside an edited text it says so of the rest.
    """
    return _says_so(text) and not _says_so(old) and not stands_beside_an_edit(text, old)


def _says_so(text: str) -> bool:
    paragraphs = _paragraphs(text)
    if not paragraphs:
        return False
    first = [s.strip(" .!;:()[]") for s in _SENTENCE_END.split(paragraphs[0])]
    return (
        (
            len(paragraphs) == 1
            and (first[0] in _NOTHING_NEW or bool(_STAYS.fullmatch(paragraphs[0].strip(" .!"))))
        )
        or any(_LEAVES_ALONE.fullmatch(sentence) for sentence in first)
        or any(_SAYS_SO_OF_IT.search(paragraph) for paragraph in (paragraphs[0], paragraphs[-1]))
    )


def speaks_of_the_reply(text: str, old: str) -> bool:
    """Whether a text, which is to be an answer, holds words about the answer that the `old` one lacks."""
    if is_wrapped(text, old) or _takes_out_a_line(text, old) or holds_frame(text, old):
        return True
    return any(speaks(text) and not speaks(old) for speaks in _WAYS_TO_SPEAK_OF_IT)


def _takes_out_a_line(text: str, old: str) -> bool:
    """Whether a text begins as a difference: a line of the old one behind a minus, and one behind a plus."""
    first, _, rest = text.strip().partition("\n")
    is_old = first.startswith("- ") and bool(first[2:].strip()) and first[2:].strip() in old
    return is_old and f"\n{rest}".startswith("\n+ ")


def _begins_with_it(text: str) -> bool:
    first = (_paragraphs(text) or [""])[0]
    return _SPEAKS_OF_IT.search(first) is not None or _ASKS_FOR_IT.search(first) is not None


def _is_a_remark(text: str) -> bool:
    words = re.findall(
        r"[^\W\d_]+", (_paragraphs(text) or [""])[0].replace("n't", " not").replace("'s", " is")
    )
    said = _SAID_OF_A_REVISION.split()
    about = [_ABOUT_A_REVISION.fullmatch(word) is not None for word in words]
    return any(about) and all(a or word in said for a, word in zip(about, words, strict=True))


def _introduces(text: str) -> bool:
    line, _, rest = text.strip().partition("\n")
    line = " ".join(_paragraphs(line))
    introduces = bool(rest) and line.endswith(":") and len(line) <= _LONGEST_ANNOUNCEMENT
    return introduces and _INTRODUCES.search(line) is not None


def _ends_with_it(text: str) -> bool:
    paragraphs = _paragraphs(text)
    return len(paragraphs) > 1 and (
        _ENDS_WITH.search(paragraphs[-1]) is not None or ends_on_remark(paragraphs)
    )


def _has_labels(text: str) -> bool:
    return _LABELS.search(text) is not None


def _begins_with_a_remark(text: str) -> bool:
    paragraphs = _paragraphs(text)
    return bool(paragraphs) and is_remark_or_refusal(paragraphs)


_WAYS_TO_SPEAK_OF_IT = (
    _says_so,
    _begins_with_it,
    _begins_with_a_remark,
    _is_a_remark,
    _introduces,
    _ends_with_it,
    _has_labels,
    is_list_of_edits,
    has_versions,
)


def _paragraphs(text: str) -> list[str]:
    """In lower case, without emphasis and with straight apostrophes."""
    plain = re.sub(r"[*_`\"“”]+", "", text.replace("’", "'")).casefold()
    return [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", plain) if paragraph.strip()]
