"""What stands before a verdict, and whose verdict that makes it: one on a part, a quotation, an example, a
supposition, somebody else's, or a judge's own on the whole.

Ratings, labels, votes and objects share it. A heading is a short line that is no sentence; a verdict below
one is on that part, unless the heading names the verdict, the reasons or the whole.
"""

import re

NAMES = r"rating|score|grade|verdict|answer|winner|choice|decision|judge?ment|preference|label"
"""What a verdict is called."""
_MARKUP = re.compile(r"[*_`]+")
_LONGEST_HEADING = 60
_IS_OF_ALL = re.compile(
    rf"final|overall|conclu|summar|result|better|recommend|{NAMES}|evaluat|assess|analy|reason|compar|thought"
    r"|explan|step|critique|review|feedback|strength|weakness|pros|cons|discuss|rationale"
    r"|\b(?:text|response|reply|assistant|option)\b",
    re.IGNORECASE,
)
"""Headings under which a verdict is no verdict on one aspect."""
_ASPECT_WORD = (
    r"(?:(?!average|quality\b|percentage|advantage|page\b|image|message|sentence|preference|confidence)"
    r"\w+(?:ness|ity|acy|ance|ence|ency|age)|tone|style|structure|depth|length|grammar|formatting"
    r"|language|logic|utility|relevance|coherence|following|spelling|wording|layout|organi[sz]ation|errors?"
    r"|mistakes?|violations?|facts?|detail)"
)
_ASPECT = re.compile(
    rf"(?:(?:factual|technical|logical|writing|instruction|general) )?{_ASPECT_WORD}"
    rf"(?:(?: and |, | & |/){_ASPECT_WORD})*(?: (?:ranking|counts?|checks?|comparison|evaluation))?",
    re.IGNORECASE,
)
_WORD_OF_ASPECT = re.compile(rf"\b{_ASPECT_WORD}\b", re.IGNORECASE)
_WRAPPED = re.compile(
    r"(?:\d{1,2}[.)] )?(?:\*\*|__|\[|\()(?:\d{1,2}[.)] )?(?P<name>[^*\[\](){}]*)(?:\*\*|__|\]|\))[:：]?"
)
_PART = re.compile(
    r"(?:[-•] ?)?(?:criterion|aspect|dimension|category|metric|factor|attribute)\b ?\d*[:：]? ?(?P<name>.+)",
    re.IGNORECASE,
)
_LISTED = re.compile(r"(?P<mark>[-•*] |\d{1,2}[.)] )(?P<name>.+)")
_LIST_MARK = re.compile(r"\s*(?:[-•*] |\d{1,2}[.)] )")
_UNDERLINE = re.compile(r"[-=]{3,}")


def names_aspect(name: str) -> bool:
    """Whether a name is that of one aspect ("tone", "factual accuracy", "clarity_score") and nothing else."""
    bare = name.replace("_", " ").strip().removesuffix(" score").removesuffix(" rating")
    return _ASPECT.fullmatch(bare) is not None


def heading_in(line: str, below: str) -> str | None:
    """The part that a line is the heading of, empty for the verdict, the reasons and the whole; None for a
    line that is no heading. `below` is the line under it.
    """
    bare = _MARKUP.sub("", line).strip()
    if len(bare) > _LONGEST_HEADING or not re.search(r"[^\W\d]{3}", bare):
        return None
    if bare.startswith("#"):
        name = bare.strip("# ")
    elif wrapped := _WRAPPED.fullmatch(line.strip()):
        name = wrapped["name"].rstrip(":： ")
        name = name if names_aspect(name) or _IS_OF_ALL.search(name) else ""
    elif part := _PART.fullmatch(bare):
        return part["name"].casefold()
    elif listed := _LISTED.fullmatch(bare):
        name = listed["name"] if not _LIST_MARK.match(below) else ""
        name = name if names_aspect(name.rstrip(" :：")) else ""
    else:
        is_name = _UNDERLINE.fullmatch(below.strip()) or names_aspect(bare.rstrip(" :："))
        name = bare if is_name else ""
    if not name or name.rstrip().endswith((".", "!", "?", "。")):
        return None
    return "" if _IS_OF_ALL.search(name) else name.rstrip(" :：").casefold()


def is_led_up_to(before: str, *, has_blank: bool) -> bool:
    """Whether the line before a verdict makes it the end of its sentence, or somebody else's verdict."""
    bare = _MARKUP.sub("", before).strip()
    if not bare or _CONCLUDES.fullmatch(bare) or announces_own(bare):
        return False
    if bare.endswith((":", "：", "=", ",")) or speaks_for_another(bare):
        return True
    return _OPEN_END.search(bare) is not None if has_blank else not _COMPLETE_LINE.match(bare)


def announces_own(text: str) -> bool:
    """Whether the last sentence of a text leads up to the judge's own verdict: "So my final verdict is:"."""
    sentence = _SENTENCE_END.split(text.strip())[-1]
    return (
        _ANNOUNCES_OWN.fullmatch(sentence) is not None
        and _SUPPOSES.match(sentence) is None
        and not speaks_for_another(sentence)
    )


def names_other_part(announcement: str) -> bool:
    """Whether a line that leads up to a verdict says of which aspect it is one."""
    return _WORD_OF_ASPECT.search(re.sub(NAMES, "", announcement, flags=re.IGNORECASE)) is not None


def speaks_for_another(text: str) -> bool:
    """Whether the last sentence of a text makes the verdict after it a quotation, an example, a supposition,
    a draft, one on a part, or that of somebody else; or says that there is none.
    """
    sentence = _SENTENCE_END.split(text.strip())[-1]
    return _NOT_MINE.search(sentence) is not None or (
        _SUPPOSES.match(sentence) is not None and not re.search("[,;]", sentence)
    )


_SENTENCE_END = re.compile(r"(?<=[.!?。！？])(?<!e\.g\.)(?<!i\.e\.)\s+(?=\S)")
_SUPPOSES = re.compile(r"\W*(?:if|suppose|supposing|assume|assuming|imagine|had|were)\b", re.IGNORECASE)
_OTHERS = r"(?:judges?|reviewers?|raters?|annotators?|graders?|critics?)"
_NOT_MINE = re.compile(
    r"\A\W*(?:(?:quot|ignore|disregard|hypothetical)\w*|(?:(?:this|that|it|is|was|here|an?|the|my|for|first"
    r"|rough|just|only) )*(?:example|draft)s?\W*\Z)|\bquoted\b|\bquotation\b(?! marks?\b)"
    r"|\bwords (?:are|were)\W*\Z|\bwith the words\b"
    r"|\b(?:expected|sample|template) (?:output|verdict|answer|reply)\b"
    r"|\b(?:example|draft) (?:verdict|rating)\b"
    r"|\binject\w*|\bhidden\b|\b(?:last|final) line\b|\be\.g\W*\Z"
    r"|\bfor example\W*\Z|\bas follows\b|\bthis form\b|\bform(?:at)? is\b"
    r"|\bbelow\W*\Z|\b(?:is|are|given|shown|quoted|copied|printed) below\b"
    r"|\b(?:says?|said|reads?|claims?|states?|writes?|wrote|asks?|asked for|wants?) (?:so|this|that)\W*\Z"
    r"|\b(?:tells?|asks?|instructs?|orders?|urges?|wants?) (?:me|us|the judge)\b"
    rf"|\b(?:another|other|previous|earlier|naive|some|most|many|any|a|the) (?:\w+ )?{_OTHERS}\b"
    r"|\buser(?:'s|’s) (?:own )?(?:verdict|rating|choice)\b|\[[^\]]{0,20}\b(?:start|begin|end)\b"
    r"|(?<!\bi )\bwould (?:get|give|say|receive|earn|conclude|answer|rate|pick|choose)\b"
    rf"|\b(?:my|an?|the) (?:old|initial|earlier|previous|first|tentative|hasty|provisional) (?:{NAMES})\b"
    r"|(?<![\"“])\bi(?:'m| am)? (?:can't|can’t|cannot|can not|won't|won’t|unable|not able|refuse)\b"
    r"|\bi(?:'m| am|’m) sorry\b|\b(?:as a|by) default\b|\bcoin\b|\bat random\b|\barbitrar\w+"
    r"|\bi (?:just )?guess\w*"
    r"|\bfor (?:comparison|reference|contrast|illustration)\W*\Z"
    r"|\b(?:on|in terms of|for|by|regarding|considering) (?:\w+ ){1,3}(?:alone|only)\b|\balone\W*\Z",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    rf"(?:#+ )?(?:in )?(?:conclusion|summary|(?:here is )?(?:my |the )?(?:final |overall )?"
    rf"(?:{NAMES}|assessment|evaluation))[:：,]",
    re.IGNORECASE,
)
"""A line that leads up to the verdict itself."""
_ANNOUNCES_OWN = re.compile(
    r"(?:(?:[^:\"“]*, )?(?:so|thus|therefore),? |and )?my (?:final|overall)"
    r" (?:verdict|judge?ment|decision|choice) is:",
    re.IGNORECASE,
)
_OPEN_END = re.compile(
    r"\b(?:(?:write|say|read|state|claim|ask|begin|end|output|respond|repl(?:y|ie)|answer|include|contain)"
    r"(?:s|ed)?|said|wrote|with|to|me|is|are|was|would|follows|following)\Z",
    re.IGNORECASE,
)
"""How a line ends that goes on below a blank line."""
EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f\u200d"
_COMPLETE_LINE = re.compile(rf"[-•#|]|\d+[.)]|[^.:]{{1,40}}[:=] ?\S|.*[.!?)。\"”\]}}{EMOJI}]$", re.DOTALL)
"""An item of a list, a heading, a value under its name, or a sentence that ends."""
REASONS_LINE = re.compile(
    r"(?:#{1,6} ?|[-•] ?)?(?:rationale|reason(?:s|ing)?|explanation|justification|comments?|feedback|because)"
    r" ?(?:[:=：].*)?",
    re.IGNORECASE,
)
"""What opens the reasons that stand behind a verdict."""
