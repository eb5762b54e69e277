"""Which of several answers a short text says is the better one: "B", "Response 2", "[[A>B]]", "B is better".

A mark of any row of marks means its place: B is the second, as are 2 and "second". A text is read where every
word of it is understood; one that names an answer in other words is in doubt.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from prefgen.dataset.answer_groups import Answers
from prefgen.dataset.comparing_names import LOSES, WINS

IN_DOUBT = -1
"""The place of an answer that a text names, and not certainly: none stands there."""
MAX_VERDICT = 60
"""Characters of a text that says which answer is better."""
_LETTERS = "abcdefgh"
_ORDINALS = {"first": 0, "second": 1, "third": 2}
_HANDS = {"left": 0, "right": 1}
_OF_TWO = {**_HANDS, "former": 0, "latter": 1}
_SPELLED = {"one": "1", "two": "2", "three": "3"}
_NOUNS = frozenset((
    "response", "answer", "completion", "output", "reply", "model", "candidate", "option", "assistant",
    "text", "summary", "generation", "choice", "system", "side", "resp", "ans", "r",
))  # fmt: skip
"""What answers and those who gave them are called."""
_PREFERRING = frozenset((*WINS, "prefer", "prefers", "preferred", "preference", "beats"))
_FILLING = frozenset((
    "i", "is", "final", "overall", "my", "boxed", "much", "far", "way",
    "slightly", "somewhat", "marginally", "significantly", "considerably", "substantially", "clearly",
    "strongly",
))  # fmt: skip
"""Words of a verdict that do not change it."""
_VERBS = frozenset(("is", "wins", "won", "win", "better", "best", "beats", "over"))
_OF_ARTICLES = frozenset(("bit", "little", "lot"))
_THAN = frozenset(("than", "over", "beats"))
_TIE = re.compile(
    r"(?:tie[sd]?|draw|same|about the same|equal(?:ly)?|neither|both(?:bad|good)?"
    r"|no[ _-](?:clear[ _-])?(?:preference|winner|difference))(?![a-z])"
)
_FINAL = re.compile(r"\[\[([^\[\]]{1,40})\]\]\W*\Z")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBERED = re.compile(r"\b(?:(1)st|(2)nd|(3)rd)\b", re.IGNORECASE)
_SIGNS = "<>≻≺«»=≈~+?→←"
_TOKEN = re.compile(rf"[^\W\d_]+|(?:(?<!\w)-)?\d+(?:\.\d+)?|[-/|]*[{_SIGNS}][-/|{_SIGNS}]*")
_BETTER, _WORSE = re.compile("[>≻»]+"), re.compile("[<≺«]+")


class _Row(NamedTuple):
    """The answers of which a text may speak: their marks and how many they are."""

    marks: tuple[str, ...]
    size: int
    counts_from_0: bool
    is_told: bool


def place_said(
    text: str,
    answers: Answers,
    *,
    counts_from_0: bool = False,
    is_told: bool = True,
    names_worse: bool = False,
) -> int | None:
    """The place of the answer that a text prefers; IN_DOUBT for a text that names one in words that are not
    understood, and None for one that names none. With `counts_from_0` a number alone is an index. Unless
    `is_told`, the text may be about anything: then a number or "first" alone names none, other words are a
    verdict only where one of them prefers, and "B is worse" names the other one of two. A text that
    `names_worse` is the name of an answer alone.
    """
    text = final_part(text)
    if len(text) > MAX_VERDICT:
        return None
    row = _Row(answers.marks, len(answers.texts), counts_from_0, is_told)
    said = _read(text.strip(), row)
    is_better = isinstance(said, tuple) or not _PREFERRING.isdisjoint(_WORD.findall(text.casefold()))
    if names_worse and said is not None and is_better:
        return IN_DOUBT
    if isinstance(said, tuple):  # an order of several
        sides = (answers.chosen, answers.rejected)
        return min(sides, key=said.index) if set(sides) <= set(said) else IN_DOUBT
    return said


def places_of_names(names: Sequence[str], answers: Answers) -> tuple[int | None, ...]:
    """The place of the answer that each of several names means, by its column or by a mark of any row of
    marks ("A", "model_a", "Response 1"); numbers count from their least, where all are there.
    """
    plain = [name.strip().casefold() for name in names]
    columns = [column.casefold() for column in answers.columns] if answers.marks else []
    if {*columns} <= {*plain} and columns:
        return tuple(columns.index(name) if name in columns else None for name in plain)
    if answers.are_sides:
        return (None,) * len(names)
    tokens = [[word for word in _TOKEN.findall(name) if word not in _NOUNS] for name in plain]
    marks = [words[0] if len(words) == 1 else "" for words in tokens]
    row = _Row(answers.marks, len(answers.texts), False, True)
    return tuple(None if place == IN_DOUBT else place for place in _places_of(marks, row))


def final_part(text: str) -> str:
    """What stands in double brackets at the end of a text; the text itself where nothing does."""
    final = _FINAL.search(text[-MAX_VERDICT:])
    return text if final is None else final[1]


def is_tie(word: str) -> bool:
    """Whether a verdict begins with words for none of them ("both bad", "no preference")."""
    return _TIE.match(word) is not None


def _is_number(text: str) -> bool:
    """Whether a text is of digits that count, which those of "x²" and "①" are not."""
    return text.isascii() and text.isdigit()


@lru_cache(maxsize=8192)
def _read(text: str, row: _Row) -> int | tuple[int, ...] | None:
    """A place, or the places from the best of an order."""
    tokens = list(_without_articles(_TOKEN.findall(_NUMBERED.sub(_as_ordinal, text))))
    if not tokens:
        return None
    if len(tokens) == 1:
        return _place_alone(tokens[0].casefold(), row)
    words = [token.casefold() for token in tokens]
    if (order := _order(words, row)) is not None:
        return order
    found = ((i, _place_within(tokens, words, i, row)) for i in range(len(tokens)))
    marks = {i: place for i, place in found if place is not None}
    if not marks:
        return None
    others = {word for i, word in enumerate(words) if i not in marks}
    is_understood = (_NOUNS | _PREFERRING | _FILLING | _THAN).issuperset(others)
    places = tuple(dict.fromkeys(marks.values()))
    loses = not row.is_told and not others & _PREFERRING and bool(others & LOSES)
    if loses and row.size == 2 and places in ((0,), (1,)) and (_NOUNS | _FILLING | LOSES).issuperset(others):
        return 1 - places[0]
    if is_understood and IN_DOUBT not in places:
        if len(places) == 1 and _THAN.isdisjoint(others):
            return places[0]
        between = set(words[min(marks) + 1 : max(marks)])
        if len(marks) == len(places) == 2 and between & _THAN and ("over" in between or others & _PREFERRING):
            return places
    is_verdict = len(places) == 1 and (is_understood or bool(others & (_PREFERRING | LOSES)))
    is_verdict &= not (
        words[0] == "a" and words[1] in ("better", "best") and list(marks) == [0]
    )  # "A better life"
    return IN_DOUBT if row.is_told or is_verdict else None


def _as_ordinal(found: re.Match[str]) -> str:
    return tuple(_ORDINALS)[int(found[0][0]) - 1]


def _without_articles(tokens: Sequence[str]) -> Iterator[str]:
    """The tokens but for articles, and what says no more: "the first one", "is a clear winner", "a bit"."""
    words = ["", *(token.casefold() for token in tokens), ""]
    for i, token in enumerate(tokens):
        before, word, behind = words[i : i + 3]
        is_article = word == "the" or (
            token == "a" and (behind in _OF_ARTICLES or (before == "is" and behind))
        )
        is_of_article = word in _OF_ARTICLES and i > 0 and tokens[i - 1] == "a"
        is_one = word == "one" and before in {*_ORDINALS, *_OF_TWO, *_PREFERRING, *LOSES}
        if not (is_article or is_of_article or is_one):
            yield token


def _place_alone(word: str, row: _Row) -> int | None:
    """The place that a text means which is a mark and nothing else."""
    if _is_number(word[-1]):
        return _place_of_count(word, row) if row.is_told else None
    if not row.is_told and word not in _LETTERS and word not in row.marks:
        return None
    if word in _SPELLED:
        return _place_of_number(_SPELLED[word], row)
    are_all = sorted(word) == list(_LETTERS[: row.size])  # "BA"
    place = IN_DOUBT if are_all else _place_of_word(word, row)
    return None if place == IN_DOUBT and not row.is_told else place


def _place_of_word(word: str, row: _Row) -> int | None:
    """The place of a letter or an ordinal among the answers."""
    if word in row.marks:
        return row.marks.index(word)
    if len(word) == 1 and word in _LETTERS:
        place = _LETTERS.index(word)
    elif word in _ORDINALS or (word in _OF_TWO and row.size == 2):
        place = {**_ORDINALS, **_OF_TWO}[word]
    else:
        return None
    return place if place < row.size else IN_DOUBT


def _place_of_count(word: str, row: _Row) -> int | None:
    """The place that a number alone means: its mark, or its index; a small one that may count from 0 or from
    1 is in doubt, and so is one that may say by how much.
    """
    number, are_counted_from_1 = float(word), row.marks[:1] == ("1",)
    place = int(number) - are_counted_from_1
    if number.is_integer() and row.counts_from_0 != are_counted_from_1 and 0 <= place < row.size:
        return place
    return IN_DOUBT if abs(number) <= max(row.size, 3) else None


def _place_of_number(word: str, row: _Row) -> int:
    """The place that a number behind a word means ("Response 2"): people count from 1 in words, unless
    columns count from 0.
    """
    number = float(word)
    is_place = number.is_integer() and 1 <= number <= row.size and row.marks[:1] != ("0",)
    return int(number) - 1 if is_place else IN_DOUBT


def _place_within(tokens: Sequence[str], words: Sequence[str], i: int, row: _Row) -> int | None:
    """The place of a mark among other words; None for a word that is none there."""
    word, before = words[i], words[i - 1] if i else ""
    behind = words[i + 1] if i + 1 < len(words) else ""
    is_cued = before in _NOUNS or before in _PREFERRING or before[-1:] in {*_SIGNS} or behind[:1] in {*_SIGNS}
    is_cued = is_cued or behind in _VERBS or (before == "is" and not behind)
    is_cued = is_cued or (row.is_told and not (_PREFERRING | LOSES).isdisjoint(words))
    if _is_number(word[-1]):
        return _place_of_number(word, row) if is_cued else None
    if before in _NOUNS and word in _SPELLED:
        return _place_of_number(_SPELLED[word], row)
    if len(word) > 1:
        is_cued = is_cued and (before != "is" or word not in _HANDS)  # "B is right"
        return _place_of_word(word, row) if is_cued or behind in _NOUNS else None
    return _place_of_word(word, row) if is_cued or tokens[i].isupper() else None


def _order(words: Sequence[str], row: _Row) -> tuple[int, ...] | int | None:
    """The places of answers from the best, of a text that is nothing but their order ("B>A", "A << B"); None
    for another text.
    """
    signs = [i for i, word in enumerate(words) if word[-1] in _SIGNS]
    sign = next((sign for sign in (_BETTER, _WORSE) if all(sign.fullmatch(words[i]) for i in signs)), None)
    if not signs or sign is None:
        return None
    ends = zip([-1, *signs], [*signs, len(words)], strict=True)
    named = [[word for word in words[start + 1 : end] if word not in _NOUNS] for start, end in ends]
    if any(len(part) != 1 for part in named):
        return None
    places = list(_places_of([part[0] for part in named], row))
    if None in places:
        return None
    order = tuple(place for place in places if place is not None)
    if IN_DOUBT in order or len({*order}) < len(order):
        return IN_DOUBT if row.is_told else None
    return order if sign is _BETTER else order[::-1]


def _places_of(names: Sequence[str], row: _Row) -> Iterator[int | None]:
    """The places of marks that an order names; numbers count from their least, where all are there."""
    numbers = sorted(int(name) for name in names if _is_number(name))
    base = numbers[0] if numbers and numbers[0] < 2 else 1
    are_all = numbers == list(range(base, base + row.size))
    for name in names:
        if _is_number(name):
            yield int(name) - base if are_all else IN_DOUBT
        else:
            yield _place_of_word(name, row)
