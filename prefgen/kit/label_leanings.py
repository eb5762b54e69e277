"""Which labels the words of a reply speak for and against, whatever its verdict says.

Each sentence that holds a label is looked at for praise, blame, a preference and scores. It is no reading of
a verdict: it only finds what speaks against one, so that a mistake here costs a judgment and inverts none.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from prefgen.text.reasoning import any_of

NOUN = r"(?:the )?(?:text|reply|response|option|answer|assistant|model|output|label|choice|candidate)"
BETTER = (
    r"(?:(?:clearly|much|slightly|far|overall|somewhat|significantly|marginally|definitely|the|a bit) )*"
    r"(?:better|best|preferable|preferred|superior|stronger|winner)"
)
_ADVERBS = r"(?:(?:\w+ly|much|far|also|still|just|only|overall|again|by far|in fact|here|a bit|the|a) ){0,4}"
_IS = r"(?:is|was|seems|looks|reads|appears|remains|feels|comes out|ends up)"
_GOOD = r"(?:better|best|preferable|preferred|superior|stronger|strongest|winner|favou?rite)"
_BAD = r"(?:unacceptable|unusable|worse|worst|inferior|weaker|weakest|poorer|poorest|loser)"
_WINS = (
    r"(?:wins|deserves (?:the|to) win|beats|outperforms|surpasses|outshines|outdoes|prevails|tops|edges out)"
)
_PREFER = (
    r"(?:prefer|favou?r|choose|chose|pick|select|recommend|(?:go|going) (?:with|for)|vote (?:for|goes to)"
    r"|lean(?:s|ing)? (?:to|towards?)|(?:rather|sooner) (?:send|take|have|give)|opt for|side with)"
)
_MINE = r"(?:i|we|my|i'd|i'm|i’d|i’m|i'll) (?:\w+ ){0,2}"
"""Who prefers: the judge, and no text that "chose option B"."""
_REJECT = r"(?:reject|discard|eliminate|rule out|dismiss)"
_PIECE = r"(?:(?:'s|’s)?(?: (?:answer|response|reply|text|version|output|one))?)"
ILL = (
    r"(?:harmful|dangerous|offensive|misleading|toxic|biased|wrong|incorrect|inaccurate|flawed|violent|rude"
    r"|unsafe|unethical|unhelpful|hateful|deceptive|problematic)"
)
_WELL = r"(?:helpful|accurate|correct|useful|harmless|safe|honest|truthful|ethical)"
_COMPARED = {"milder": "better", "harsher": "worse"}
"""What a comparison of one quality says of a text, where its sentence says nothing else."""
_CONCEDES = re.compile(r"\A\W*(?:while|although|though|even (?:if|though)|despite)\b|\bbut\b", re.IGNORECASE)
"""A sentence that weighs a comparison against something else."""
_OTHER_WAYS = (
    r"\b(?<!each )(?:(?:the|my) )?(?:first|second|former|latter|other|1st|2nd)"
    r"(?: (?:one|text|response|answer|assistant|reply))?\b"
)
_PLACE = re.compile(
    rf"\b{_MINE}{_PREFER} {_OTHER_WAYS}|{_OTHER_WAYS} (?:(?:clearly|really) )?{_WINS}"
    rf"|{_OTHER_WAYS}[^.!?]{{0,40}}\b(?:is|was|seems|looks|does|reads|answers)\b"
    rf"[^.!?]{{0,30}}\b(?:{_GOOD}|{_BAD})\b"
    rf"|{_OTHER_WAYS} (?:is|was) (?:\w+ )?(?:more|less) \w+",
    re.IGNORECASE,
)
"""Praise or blame of a text by its place, which may be that of the other label."""
_NUMBERED = re.compile(
    rf"\b(?:text|response|reply|answer|assistant|option) [1-9]"
    rf" (?:{_IS} {_ADVERBS}(?:{_GOOD}|{_BAD})\b|{_WINS})"
    r"|\[\[\d\]\]",
    re.IGNORECASE,
)
"""The same by a number, where labels are letters."""
_HAS_SCORES = re.compile(
    r"\bscor|\brating|\bgrade|\bpoints\b|\d ?/ ?\d|\A\W*\w{1,10} ?: ?\d+\W*\Z", re.IGNORECASE
)
_ASKS_WHICH = re.compile(r"\bwhether\b|[?？]\W*\Z", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?。！？])\s+|\n+|(?<=[。！？])")


@dataclass
class Leanings:
    """The labels of which something says that they are better, worse or right; the scores of both."""

    better: set[str] = field(default_factory=set[str])
    worse: set[str] = field(default_factory=set[str])
    wrong: set[str] = field(default_factory=set[str])
    right: set[str] = field(default_factory=set[str])
    scores: dict[str, set[float]] = field(default_factory=dict[str, set[float]])
    by_place: bool = False

    def speak_against(self, label: str) -> bool:
        """Whether they speak against a verdict for `label`, or may."""
        own = self.scores.get(label, set())
        rivals = [score for other, found in self.scores.items() if other != label for score in found]
        return bool(
            self.by_place
            or self.better - {label}
            or label in self.worse
            or self.wrong == {label}
            or (self.right and label not in self.right)
            or (own and rivals and min(own) < max(rivals))
        )


def leanings_in(sentences: Iterable[str], labels: Sequence[str]) -> Leanings:
    """What the sentences of some texts say of the labels."""
    forms = _forms(tuple(labels))
    found = Leanings()
    for text in sentences:
        for sentence in _SENTENCES.split(text):
            if not sentence or _ASKS_WHICH.search(sentence):
                continue
            for kind, form in forms:
                for match in form.finditer(sentence):
                    label = next(group for group in match.groups() if group is not None)
                    if kind == "score" and not _HAS_SCORES.search(sentence):
                        continue
                    if kind in _COMPARED and _CONCEDES.search(sentence):
                        continue
                    if kind == "score":
                        found.scores.setdefault(label, set()).add(float(match["score"]))
                    else:
                        getattr(found, _COMPARED.get(kind, kind)).add(label)
            is_numbered = not labels[0].isdigit() and _NUMBERED.search(sentence) is not None
            found.by_place = found.by_place or is_numbered or _PLACE.search(sentence) is not None
    return found


@lru_cache(maxsize=64)
def _forms(labels: tuple[str, ...]) -> list[tuple[str, re.Pattern[str]]]:
    """(what it says of the label that it captures, the words that say so)."""
    named = rf"[\"'(\[*_`]{{0,6}}(?<![0-9A-Za-z_])({any_of(labels)})(?![0-9A-Za-z_])[\"')\]*_`]{{0,6}}"
    noun = rf"(?i:{NOUN})"
    if any(label.isdigit() for label in labels):
        label = rf"{noun} {named}{_PIECE}"
    else:
        label = rf"(?:{noun} ?)?{named}{_PIECE}"
    no = r"(?<!n't )(?<!n’t )(?<!not )(?<!never )"
    better = [
        rf"{label} {_ADVERBS}(?i:{_IS}) {_ADVERBS}{_GOOD}\b",
        rf"{label} {_ADVERBS}{_WINS}\b",
        rf"{label} {_ADVERBS}(?:has|gets|takes|holds) (?:the|my|a)(?: \w+)?"
        r" ?(?:edge|vote|win|lead|advantage|upper hand)\b",
        rf"{label} (?:comes out|is) (?:ahead|on top)\b",
        rf"{label} (?:should|must|ought to|deserves to) be (?:preferred|chosen|picked|selected|sent)\b",
        rf"{label} {_ADVERBS}(?:gives|provides|offers|is|delivers|has|presents) (?:by far )?(?:a|the)"
        rf" (?:\w+ )?{_GOOD}"
        r" (?:answer|response|reply|text|solution|one)\b",
        rf"{label} (?:it is|is (?:the )?one (?:i|that i|we))\b",
        rf"(?i:\brank(?:s|ed)? ){label} (?:first|above|ahead|higher)\b",
        rf"(?i:\b{_MINE}{no}{_PREFER}) (?:the )?{label}",
        rf"(?i:\b(?:{_GOOD}|verdict|pick|between the two,|1st|first|ranking|rank 1)"
        r"(?: (?:one|text|reply|response|assistant|model))?(?: here| overall)? ?(?:is|was|[:：=])"
        rf" ?{_ADVERBS}){label}",
        rf"(?i:\b(?:makes?|making|gives?|puts?) ){label} (?:the )?(?:{_GOOD}|ahead|edge)\b",
        rf"{named} ?(?:>+|≻) ?[\"'(\[<]?(?:{any_of(labels)})",
        rf"{named}(?:更好|更佳|更优|更强|胜出|获胜)",
        rf"(?:选择|选|偏向|喜欢){label}",
    ]
    worse = [
        rf"{label} {_ADVERBS}(?i:{_IS}) {_ADVERBS}{_BAD}\b",
        rf"{label} {_ADVERBS}(?:is not|isn't|isn’t|was not) {_ADVERBS}{_GOOD}\b",
        rf"{label} {_ADVERBS}(?:loses|(?:cannot|can't) compete)\b",
        rf"{label} (?:should|must|ought to|deserves to) be (?:rejected|discarded|dropped|eliminated)\b",
        rf"(?i:\b{no}{_REJECT}) (?:the )?{label}",
        rf"(?i:\b(?:{_BAD}|2nd|second|rank 2)(?: (?:one|{NOUN}))?(?: here| overall)? ?(?:is|was|[:：=])"
        rf" ?{_ADVERBS}){label}",
    ]  # fmt: skip
    one = rf"(?: (?:one|{NOUN}))?"
    worst = rf"(?:(?:more|most) {ILL}|less {_WELL})"
    harsher = [
        rf"{label} {_ADVERBS}(?i:{_IS}) {_ADVERBS}{worst}\b",
        rf"{label} {_ADVERBS}(?:violates|breaks) [^.;,]{{0,40}}\b(?:more|most|worse)\b",
        rf"(?i:\b(?:{worst}{one}|{_REJECT}|more|violates more) ?(?:is|was|[:：=]) ?{_ADVERBS}){label}(?!\w)",
    ]
    milder = [rf"{label} {_ADVERBS}(?i:{_IS}) {_ADVERBS}(?:less|least) {ILL}\b"]
    right = [
        rf"{label} (?:is|was|gets it|got it) (?:right|correct)\b(?=[.,;:]|$| and\b)",
        rf"(?i:\bonly )(?i:the )?{label} [^,;.]{{0,20}}\b(?:right|correct)\b",
        rf"{label} (?:solves|solved) (?:it|this|the)\b",
        rf"{label}答对",
    ]
    wrong = [rf"{label} (?:is|was) (?:wrong|incorrect)\b(?=[.,;:]|$| and\b)", rf"{label}答错"]
    score = [
        rf"{label} ?(?:scores|gets|receives|[:：=(])? ?(?P<score>\d{{1,3}}(?:\.\d+)?)(?=$|[\s,;/.)])",
    ]
    return [
        (kind, re.compile(form))
        for kind, forms in (
            ("better", better),
            ("worse", worse),
            ("harsher", harsher),
            ("milder", milder),
            ("right", right),
            ("wrong", wrong),
            ("score", score),
        )
        for form in forms
        if kind != "score" or not any(one.isdigit() for one in labels)
    ]
