"""Which labels the words of a reply speak for and against, whatever its verdict says.

Each sentence that holds a label is looked at for praise, blame, a preference and scores. It is no reading of
a verdict: it only finds what speaks against one, so that a mistake here costs a judgment and inverts none.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from prefgen.kit.plain_words import plain
from prefgen.text.reasoning import any_of

NOUN = r"(?:the )?(?:text|reply|response|option|answer|assistant|model|output|label|choice|candidate)"
BETTER = (
    r"(?:(?:clearly|clear|much|slightly|far|overall|somewhat|significantly|marginally|definitely|the|a bit"
    r"|a) )*"
    r"(?:better|best|preferable|preferred|superior|stronger|winner)"
)
_ADVERBS = (
    r"(?:(?:\w+ly|much|far|also|still|just|only|overall|again|by far|in fact|here|a bit|the|a|therefore|thus"
    r"|hence) ){0,4}"
)
_IS = r"(?:is|was|seems|looks|reads|appears|remains|feels|comes out|ends up)"
_GOOD = r"(?:better|best|preferable|preferred|superior|stronger|strongest|winner|favou?rite)"
_FOUND = r"(?:is|was|has been) (?:\w+ly )?(?:judged|deemed|considered|found|rated)(?: to be)?"
_THE_BETTER_ONE = (
    rf"(?:the (?:\w+ly )?{_GOOD}\b"
    rf"|(?:\w+ly )?{_GOOD}(?=\W*\Z|[.;:]|,? (?:overall|because|since|as|than)\b))"
)
"""What a text is made or found: "better organized" and "better for a beginner" are praise of one quality."""
_BAD = r"(?:unacceptable|unusable|worse|worst|inferior|weaker|weakest|poorer|poorest|loser)"
_WINS = (
    r"(?:wins|(?:deserves (?:the|to)|should|ought to) win|beats|outperforms|surpasses"
    r"|outshines|outdoes|prevails|tops|edges out)"
)
_SERVES = (
    r"(?:does|fares|performs|handles|covers|answers|addresses|follows|fits|serves|satisfies|meets|captures"
    r"|explains)"
)
_TURNS = (
    r"\b(?:no|not|any|little|but|while|whereas|though|although|however|than|unlike|compared|nor|first|second"
    r"|former|latter|other|nothing|none|nobody)"
)
"""Behind it a sentence may be about another text, or deny what it says."""
_PREFER = (
    r"(?:prefer|favou?r|choose|chose|pick|select|recommend|(?:go|going) (?:with|for)|vote (?:for|goes to)"
    r"|send|lean(?:s|ing)? (?:to|towards?)|(?:rather|sooner) (?:send|take|have|give)|opt for"
    r"|side with)"
)
_TAKE = r"(?:take|keep)"
"""The same, where nothing else is done with the text: "I'll take B first" is none."""
_MINE = r"(?:i|we|my|i'd|i'm|i’d|i’m|i'll) (?:\w+ ){0,2}"
"""Who prefers: the judge, and no text that "chose option B"."""
_CHOICE = r"(?:pick|choice|vote|preference|selection|favou?rite|verdict|winner)"
_FIRST = r"(?:clear|top|first|final|preferred|overall|personal|own|strong|definite|number one)"
_REJECT = r"(?:reject|discard|eliminate|rule out|dismiss)"
_PIECE = r"(?:(?:'s|’s)?(?: (?:answer|response|reply|text|version|output|one))?)"
ILL = (
    r"(?:harmful|dangerous|offensive|misleading|toxic|biased|wrong|incorrect|inaccurate|flawed|violent|rude"
    r"|unsafe|unethical|unhelpful|hateful|deceptive|problematic)"
)
_UNLESS_ILL = (
    rf"(?! (?:\w+ )?(?:fails?|lacks?|misses|violates?|breaks?|ignores?|contains|has|is (?:\w+ )?{ILL})\b)"
)
_WELL = r"(?:helpful|accurate|correct|useful|harmless|safe|honest|truthful|ethical)"
_COMPARED = {"milder": "better", "harsher": "worse", "correct": "right"}
"""What a comparison of one quality says of a text, where its sentence says nothing else."""
_CONCEDES = re.compile(r"\A\W*(?:while|although|though|even (?:if|though)|despite)\b|\bbut\b", re.IGNORECASE)
"""A sentence that weighs a comparison against something else."""
_WEIGHS = re.compile(
    r"\b(?:but|however|yet|although|though|while|whereas|both|too|also|still|more|better|less|fewer|\w+er)\b",
    re.IGNORECASE,
)
_CORRECT = re.compile(r"\b(?:right|correct(?:ly)?|accurate)\b", re.IGNORECASE)
"""Where none of the first stands, and one of these alone, it is no concession that a text is correct."""
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
    named = re.compile(_named(labels))
    found = Leanings()
    texts = list(sentences)
    is_weighed = any(_WEIGHS.search(text) for text in texts) or len(_CORRECT.findall(" ".join(texts))) > 1
    for text in texts:
        for sentence in _SENTENCES.split(plain(text)):
            if not sentence or _ASKS_WHICH.search(sentence):
                continue
            is_scored = _HAS_SCORES.search(sentence) or _counts_nothing_else(sentence, labels)
            passed_over = set[str]() if is_scored else {"score"}
            if is_weighed:
                passed_over.add("correct")
            if _CONCEDES.search(sentence):
                passed_over.update(_COMPARED)
            for kind, form in forms if named.search(sentence) else ():
                for match in () if kind in passed_over else form.finditer(sentence):
                    label = next(group for group in match.groups() if group is not None)
                    if kind == "score":
                        found.scores.setdefault(label, set()).add(float(match["score"]))
                    else:
                        getattr(found, _COMPARED.get(kind, kind)).add(label)
            is_numbered = not labels[0].isdigit() and _NUMBERED.search(sentence) is not None
            found.by_place = found.by_place or is_numbered or _PLACE.search(sentence) is not None
    return found


def _counts_nothing_else(sentence: str, labels: Sequence[str]) -> bool:
    """Whether a sentence is a list of all labels with a number each: "A: 2, B: 9"."""
    one = rf"(?:{NOUN} )?(?-i:{any_of(labels)}) ?(?::|=|gets|scores|earns|receives) ?\d{{1,3}}(?:\.\d)?"
    return re.fullmatch(rf"\W*{one}(?:(?:[,;/]| and|, and) {one})+\W*", sentence, re.IGNORECASE) is not None


def _named(labels: Sequence[str]) -> str:
    return rf"(?<![0-9A-Za-z_])(?-i:({any_of(labels)}))(?![0-9A-Za-z_])"


@lru_cache(maxsize=64)
def _forms(labels: tuple[str, ...]) -> list[tuple[str, re.Pattern[str]]]:
    """(what it says of the label that it captures, the words that say so)."""
    own = rf"{_named(labels)}[\"')\]]{{0,6}}"
    named = rf"[\"'(\[]{{0,6}}{own}"
    noun = rf"(?:{NOUN})"
    is_digits = any(label.isdigit() for label in labels)
    label = rf"{noun} {named}{_PIECE}" if is_digits else rf"(?:{noun} ?)?{named}{_PIECE}"
    # where a form begins, what may stand before a label would be tried at every letter, for nothing
    first = label if is_digits else f"{own}{_PIECE}"
    bare = rf"(?:{noun} |(?:\A|[,;:] |\b(?:so|thus|and|that|think) )){named}{_PIECE}" if is_digits else first
    behind = rf"(?:{noun} ?)?{named}(?!\w|[./]\d" + (r"| [a-z])" if is_digits else ")")
    text = rf"(?<!\()(?<!option )(?<!answer )(?<!choice ){first}"  # and no option that a text chose
    subject = rf"(?:\A|[,;:] |\b(?:and|so|thus|that|but|while|whereas|though|although) ){label}"
    of_it = rf"(?:(?!{_named(labels)}|{_TURNS}\b)[^.;,]){{0,60}}?\b"  # and of no other text
    not_named = rf"(?:(?!{_named(labels)}|{_TURNS}\b)[^.;])*"
    no = r"(?<!n't )(?<!n’t )(?<!not )(?<!never )"
    better = [
        rf"{bare} {_ADVERBS}(?:{_IS}|{_FOUND}) {_ADVERBS}{_GOOD}\b",
        rf"{bare} {_ADVERBS}{_WINS}\b",
        rf"{first} {_ADVERBS}exceeds (?:{noun} )?[\"'(\[]?(?-i:{any_of(labels)})(?!\w)",
        rf"{first} (?:has been|was|is) (?:chosen|picked|selected)\b",
        rf"\bit is {label} (?:that|who|which)\b{_UNLESS_ILL}",
        rf"{first} is (?:the )?(?:only )?one (?:that|who|which)\b{_UNLESS_ILL}",
        rf"\bbetween the two,? {_ADVERBS}{label}(?=[.!]|\Z)",
        rf"{first} {_ADVERBS}(?:is|would be|gets) (?:my|our) (?:{_FIRST} )?{_CHOICE}\b",
        rf"{first} ranks (?:first|highest|above|higher(?=[.!]|\Z| than| overall))\b",
        rf"\A(?:keep|choose|pick|take|select|send|go with) {label}(?=[.!]|\Z)",
        rf"\A(?:so|thus|therefore|hence),? {label}[.!]*\Z",
        rf"\b(?:win|point|vote|edge|it)s?(?: goes)? to {label}(?=[.,;!]|\Z)",
        rf"{first} {_ADVERBS}(?:has|gets|takes|holds) (?:the|my|a)(?: \w+)?"
        r" ?(?:edge|vote|win|lead|advantage|upper hand)\b",
        rf"{first} (?:comes out|is) (?:ahead|on top)\b",
        rf"{first} (?:should|must|ought to|deserves to) be (?:preferred|chosen|picked|selected|sent)\b",
        rf"{first} {_ADVERBS}(?:gives|provides|offers|is|delivers|has|presents) (?:by far )?(?:a|the)"
        rf" (?:\w+ )?{_GOOD}"
        r" (?:answer|response|reply|text|solution|one)\b",
        rf"{first} (?:it is|is (?:the )?one (?:i|we))\b",
        rf"(?:\brank(?:s|ed)? ){label} (?:first|above|ahead|higher)\b",
        rf"(?:\b{_MINE}{no}{_PREFER}) (?:the )?{behind}",
        rf"(?:\b{_MINE}{no}{_TAKE}) (?:the )?{behind}(?=[.,;!]|\Z| over\b)",
        rf"(?:\b(?:{_GOOD}|verdict|pick|between the two,|1st|first|ranking|rank 1)"
        r"(?: (?:one|text|reply|response|assistant|model))?(?: here| overall)? ?(?:is|was|[:：=])"
        rf" ?{_ADVERBS}){behind}",
        rf"(?:\b(?:gives?|puts?) ){label} (?:the )?(?:{_GOOD}|ahead|edge)\b",
        rf"(?:\b(?:makes?|making|(?:i|we) (?:personally )?(?:find|consider)) ){label} {_THE_BETTER_ONE}",
        rf"\A{not_named}{named}{not_named}\bmak(?:ing|es) it {_THE_BETTER_ONE}",
        rf"{text} (?:\w+ly )?(?:better|more \w+ly) (?!(?:than|and|or|but)\b)\w+s\b",
        rf"{subject} {_ADVERBS}{_SERVES} {of_it}(?:better|more \w+ly)"
        r"(?=[.,;:!]|\Z| than\b| overall\b| here\b)",
        rf"\b(?:better|best) (?:served|answered|helped|satisfied) by {label}(?=[.,;!]|\Z)",
        rf"{text} {_ADVERBS}(?:edges|pulls|comes) (?:ahead|out)\b",
        rf"{subject} {of_it}(?:and|,) is {_ADVERBS}(?:better|more {_WELL})\b",
        rf"{own} ?(?:>+|≻) ?[\"'(\[<]?(?:{any_of(labels)})",
        rf"{own}(?:更好|更佳|更优|更强|胜出|获胜)",
        rf"(?:选择|选|偏向|喜欢){label}",
    ]
    worse = [
        rf"{bare} {_ADVERBS}(?:{_IS}) {_ADVERBS}{_BAD}\b",
        rf"{first} {_ADVERBS}(?:is not|isn't|isn’t|was not|is no|is hardly) {_ADVERBS}{_GOOD}\b",
        rf"{first} {_ADVERBS}(?:is|was) (?:not|nowhere near|less) (?:as |so )?\w+ (?:as|than)\b"
        rf"(?= (?:{noun} )?[\"'(\[]?(?-i:{any_of(labels)})(?!\w))",
        rf"\b(?:i|we) (?:would|could|can|do|will)(?: never| not|n['’]t|not) (?:{_PREFER}|{_TAKE})"
        rf" (?:the )?{label}",
        rf"{first} {_ADVERBS}(?:is|would be) (?:my|our) (?:second|last|least)(?: \w+)? {_CHOICE}\b",
        rf"{bare} {_ADVERBS}(?:loses|(?:cannot|can't) compete)\b",
        rf"{first} (?:should|must|ought to|deserves to) be (?:rejected|discarded|dropped|eliminated)\b",
        rf"(?:\b{no}{_REJECT}) (?:the )?{label}",
        rf"(?:\b(?:{_BAD}|2nd|second|rank 2)(?: (?:one|{NOUN}))?(?: here| overall)? ?(?:is|was|[:：=])"
        rf" ?{_ADVERBS}){label}",
    ]  # fmt: skip
    one = rf"(?: (?:one|{NOUN}))?"
    worst = rf"(?:(?:more|most) {ILL}|less {_WELL})"
    harsher = [
        rf"{first} {_ADVERBS}(?:{_IS}) {_ADVERBS}{worst}\b",
        rf"{first} {_ADVERBS}(?:violates|breaks) [^.;,]{{0,40}}\b(?:more|most|worse)\b",
        rf"(?:\b(?:{worst}{one}|{_REJECT}|more|violates more) ?(?:is|was|[:：=]) ?{_ADVERBS}){label}(?!\w)",
    ]
    milder = [
        rf"{first} {_ADVERBS}(?:{_IS}) {_ADVERBS}(?:less|least) {ILL}\b",
        rf"{first} {_ADVERBS}(?:has|makes|contains|shows) (?:far |much )?(?:fewer|the fewest)"
        r" (?:\w+ ){0,2}(?:errors?|mistakes?|flaws?|faults?)\b",
    ]
    right = [
        rf"(?:\bonly )(?:the )?{label} [^,;.]{{0,20}}\b(?:right|correct)\b",
        rf"{first}答对",
    ]
    correct = [rf"{first} (?:is|was|gets it|got it) (?:right|correct)\b(?=[.,;:]|$)"]
    wrong = [rf"{first} (?:is|was) (?:wrong|incorrect)\b(?=[.,;:]|$| and\b)", rf"{first}答错"]
    score = [
        rf"{first} ?(?:scores|scored|gets|got|receives|received|[:：=(])?"
        r" ?(?P<score>\d{1,3}(?:\.\d+)?)(?=$|[\s,;/.)])",
    ]
    return [
        (kind, re.compile(form, re.IGNORECASE))
        for kind, forms in (
            ("better", better),
            ("worse", worse),
            ("harsher", harsher),
            ("milder", milder),
            ("right", right),
            ("correct", correct),
            ("wrong", wrong),
            ("score", score),
        )
        for form in forms
    ]
