"""The label that an object names: the value of a well-known key, beside which stand reasons, how sure they
are, and the loser, which must be another one. Its reasons, and the words before it, must not speak
against it. Scores of the texts may stand beside it, and are none alone: which way they go is not said.
"""

import re
from collections.abc import Sequence
from typing import Any

from prefgen.kit.fields_beside import is_reason, is_sure
from prefgen.kit.final_words import withdraws
from prefgen.kit.label_first import speaks_for
from prefgen.kit.label_grammar import KEYS, label_alone, named_in
from prefgen.kit.label_leanings import ILL, leanings_in
from prefgen.kit.label_reasons import blames, mentions, says_tie, speaks_of_problem
from prefgen.kit.parse_failure import ParseFailure
from prefgen.kit.plain_words import plain
from prefgen.kit.reply_json import field_name, json_object

_KEY = re.compile(
    rf"(?:(?:final|overall|better|best|preferred|selected|chosen|winning|my)_)?(?:{'|'.join(KEYS)}|text|response|answer|option)"
)
_PLAIN_KEYS = frozenset(("text", "response", "option", "my_text", "my_response", "my_option"))
"""What `_KEY` fits, and is no name of a verdict."""
_NAMES_ANSWER = re.compile(r"(?:final_|my_)?answer")
"""What may be the answer to the request's own problem."""
_LOSER = re.compile(
    r"(?:los(?:er|es|ing)|worse|worst|rejected|weaker|inferior)(?:_(?:text|response|answer))?"
)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_ASKS_FOR_LOSER = re.compile(
    r"\b(?:which|identify|find|name)\b[^.]*\b(?:worse|worst|weaker|inferior|less \w+)\b", re.IGNORECASE
)
_REMOVES = re.compile(
    r"\b(?:(?:remove|delete|exclude|eliminate)[sd]?|drop(?:s|ped)?|filter(?:ed)? out)\b", re.IGNORECASE
)
_TURNED_SCORES = re.compile(
    rf"\b(?:(?:lower|less|fewer|1) (?:is|=|means) (?:the )?(?:best|better)|ranks?|how {ILL}"
    r"|number of (?:errors|mistakes|faults|violations))\b",
    re.IGNORECASE,
)
"""What makes the text with the higher score the worse one."""


def label_in_object(text: str, labels: Sequence[str]) -> str:
    """The label that the one object of a reply names. Raises ParseFailure."""
    data = json_object(text)
    failure = ParseFailure("ambiguous", f"expected one of {', '.join(labels)}, found {data!r:.120}")
    known = {label.casefold() for label in labels}
    winners: set[str | None] = set()
    losers: set[str | None] = set()
    highest: set[str | None] = set()
    reasons: list[str] = []
    scores: dict[str, Any] = {}
    is_answer = False
    for key, value in data.items():
        name = field_name(key)
        is_label = isinstance(value, str | int) and not isinstance(value, bool)
        label = label_alone(str(value).replace("_", " "), labels) if is_label else None
        if name in known:
            raise failure  # a rating of each text: which one the answer goes by is not said
        if name in ("scores", "ratings") and (best := _best_of(value, labels)) is not None:
            highest.add(best)
        elif _LOSER.fullmatch(name):
            losers.add(label)
        elif (scored := _label_of_score(name, labels)) is not None:
            scores[scored] = value
        elif name not in _PLAIN_KEYS and _KEY.fullmatch(name):
            winners.add(label)
            is_answer = is_answer or _NAMES_ANSWER.fullmatch(name) is not None
        elif label is not None or not (is_reason(name, value) or is_sure(name, value)):
            raise failure
        elif is_reason(name, value):
            reasons.append(str(value))
    if scores:
        highest.add(_best_of(scores, labels))
    before = text.partition("{")[0]
    words = "\n".join([before, *reasons])
    winner = winners.pop() if len(winners) == 1 else None
    if highest - {winner} or (highest and _TURNED_SCORES.search(words)):
        raise failure
    if winner is None or losers & {winner, None} or _speak_against([before, *reasons], winner, labels):
        raise failure
    if is_answer and speaks_of_problem(words, winner, labels):
        raise failure
    return winner


def _label_of_score(name: str, labels: Sequence[str]) -> str | None:
    """The label whose score a field holds by its name: "score_a", "text_b_score"."""
    match = re.fullmatch(
        r"(?:(?:text|response|assistant)_)?(\w+?)_(?:score|rating)|(?:score|rating)_(\w+)", name
    )
    found = {label.casefold(): label for label in labels}
    return found.get(next(filter(None, match.groups())).removeprefix("text_")) if match else None


def _best_of(scores: Any, labels: Sequence[str]) -> str | None:
    """The label with the highest of the scores of all labels, or None."""
    if not isinstance(scores, dict) or set(scores) != set(labels):
        return None
    numbers = [value for value in scores.values() if isinstance(value, int | float)]
    best = [label for label, value in scores.items() if value == max(numbers, default=None)]
    return best[0] if len(numbers) == len(labels) and len(best) == 1 else None


def _states_another(text: str, winner: str, labels: Sequence[str]) -> bool:
    """Whether a sentence of a text is itself a verdict for another label: "Thus the answer is B."."""
    sentences = (sentence.strip() for sentence in _SENTENCE_END.split(text))
    found = (named_in(sentence, labels) for sentence in sentences if sentence)
    return any(named is not None and named.label != winner for named in found)


def _speak_against(texts: Sequence[str], winner: str, labels: Sequence[str]) -> bool:
    texts = [plain(text) for text in texts]
    words = "\n".join(texts)
    others = [label for label in labels if label != winner]
    return (
        leanings_in(texts, labels).speak_against(winner)
        or any(_states_another(text, winner, labels) for text in texts)
        or any(
            speaks_for(other, text, labels, about=winner)
            for other in others
            for text in texts
            if text.strip()
        )
        or (not mentions(words, labels) and bool(blames(words) or _REMOVES.search(words)))
        or any(says_tie(text) or _ASKS_FOR_LOSER.search(text) or withdraws(text) for text in texts)
    )
