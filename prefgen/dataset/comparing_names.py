"""What the names of columns say of answers: which of them won or lost, what each of them got, or nothing.

One table for every reader. A name is its words; a word that stands in none of these sets makes it a name that
may be about anything.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from prefgen.dataset.answer_groups import SIDES, words_of_name

Sense = Literal["wins", "loses", "may win", "whatever"]
"""What a column may say: which answer is the better one, or the worse one; "may win" is a name that others
give to other things as well.
"""
WINS = frozenset((
    "winner", "winners", "winning", "wins", "win", "won", "better", "best", "verdict", "choice", "selected",
    "vote", "votes", "favored", "favoured",
))  # fmt: skip
LOSES = frozenset((
    "loser", "losers", "losing", "loses", "lose", "lost", "worse", "worst", "dispreferred",
))  # fmt: skip
MAY_WIN = frozenset((
    "label", "labels", "pref", "prefs", "human", "gold", "judgment", "judgement", "judgments", "decision",
    "outcome", "result", "picked", "pick",
))  # fmt: skip
REASONS = frozenset((
    "reason", "reasons", "explanation", "explanations", "rationale", "rationales", "justification",
    "feedback", "critique", "critiques", "comment", "comments", "statement", "statements", "elaboration",
))  # fmt: skip
"""Words of names under which people write what they like, much of it of both answers."""
NOT_WHICH = frozenset((
    *REASONS, "strength", "score", "scores", "rating", "ratings", "prob", "probability", "confidence",
    "margin", "count", "counts", "num", "number", "n", "of", "rate", "rates",
))  # fmt: skip
CERTAIN = frozenset((
    "is", "the", "non", "overall", "final", "human", "judge", "chosen", "rejected", "response", "answer",
    "output", "completion", "candidate", "option", "side", "label", "index", "idx", "winner", "winning",
    "prefer", "preferred", "preference", "better", "best", "verdict", "choice", "selected", "vote", "loser",
    "losing", "worse", "worst",
))  # fmt: skip
"""Words of names that say nothing but which answer is better, so that they must be understood."""
NO_COMPARISON = frozenset((
    "id", "ids", "uuid", "source", "topic", "category", "subject", "domain", "language", "lang", "split",
    "subset", "group", "batch", "section", "type", "level", "grade", "difficulty", "tier", "cluster",
    "version",
))  # fmt: skip
"""Words of names whose value may be a letter, and is no answer."""
WHO = frozenset(("annotator", "rater", "worker", "user", "author"))
"""Words of the same kind at the end of a name, and what does not matter before another word."""
_FLIPS = frozenset(("flip", "flipped", "swap", "swapped", "reversed", "inverted", "switched"))
_JUDGES = frozenset((
    *WHO, "judge", "reviewer", "evaluator", "expert", "labeler", "labeller", "grader", "critic",
))  # fmt: skip
_MODELS = frozenset((
    "model", "llm", "human", "gpt", "chatgpt", "openai", "claude", "anthropic", "gemini", "gemma", "palm",
    "llama", "mistral", "mixtral", "qwen", "deepseek", "grok", "phi", "command", "cohere", "nemotron", "yi",
    "glm", "kimi", "olmo", "tulu", "skywork", "prometheus", "vicuna",
))  # fmt: skip
_ITEMS = frozenset((
    "aspect", "criterion", "criteria", "dimension", "attribute", "metric", "principle", "rubric", "doc",
    "document", "passage", "source", "title", "url", "question", "query", "task", "benchmark", "dataset",
    "step", "round", "turn", "option", "order", "position", *_FLIPS,
))  # fmt: skip
"""Words of keys that tell the items of a list apart, where these are no answers."""
OTHER_TRAITS = frozenset((
    "longer", "longest", "shorter", "shortest", "length", "verbose", "size", "toxic", "harmful", "unsafe",
    "shown", "first", "position", "order", "variant", "class", "priority",
))  # fmt: skip
"""Words of names that say what else an answer is, or where it stood: a better one may be so or not."""
_OF_QUESTION = frozenset((
    "answer", "answers", "gold", "target", "solution", "correct", "key", "expected", "true", "letter", "the",
))  # fmt: skip
"""Words of names that hold what is right to answer, of whose options a letter is one."""
_POINTS = frozenset(("index", "idx", "id"))
_ELSE = (NO_COMPARISON | WHO) - {"id", "ids", "uuid"}
SCORES = frozenset(("score", "scores", "rating", "ratings", "reward", "rewards", "elo"))
RANKS = frozenset(("rank", "ranks", "ranking", "rankings"))
OF_EACH = frozenset((
    *SCORES, *RANKS, *LOSES, "quality", "prob", "probs", "probability", "probabilities", "correct", "vote",
    "votes", "upvotes", "wins", "win", "won", "winner", "better", "best", "preferred", "preference",
    "preferences", "label", "labels",
))  # fmt: skip
_QUALIFIERS = frozenset((
    "is", "the", "all", "overall", "avg", "average", "mean", "median", "total", "final", "rm", "model",
    "human", "judge", "gpt", "annotator", "response", "responses", "answer", "answers", "output", "outputs",
    "completion", "completions", "candidate", "candidates", "generation", "generations", "rate", "llm", "ai",
    "eval", "evaluation", "user", "crowd", "num", "number", "count",
))  # fmt: skip
"""Words that do not make a score that of one aspect alone, on which a worse answer may be the better one."""
_DIFFERENCES = frozenset(("diff", "difference", "delta", "gap", "margin", "strength"))
_OF_SCORES = frozenset((*SCORES, "preference", "prob", "probability", "quality"))
_TIES = frozenset(("tie", "tied"))
_OF_SIDES = frozenset(
    ("is", "was", "are", "label", "labels", "sides", "pair", "preference", "winner", *SIDES)
)


@lru_cache(maxsize=8192)
def sense_of(name: str) -> Sense:
    words = words_of_name(name)
    if not NOT_WHICH.isdisjoint(words):
        return "whatever"
    points = not _POINTS.isdisjoint(words)
    is_denied = "non" in words and _prefers(words)
    if is_denied or not LOSES.isdisjoint(words) or (points and "rejected" in words):
        return "loses"
    if not WINS.isdisjoint(words) or _prefers(words) or (points and "chosen" in words):
        return "whatever" if words[-1] in _ELSE else "wins"
    if "overall" in words and len(words) > 1 and is_certain(name):
        return "may win"  # `overall_response` of two
    is_else = words[-1] in WHO or not (NO_COMPARISON | OTHER_TRAITS).isdisjoint(words) if words else False
    return "whatever" if MAY_WIN.isdisjoint(words) or is_else else "may win"


@lru_cache(maxsize=8192)
def is_certain(name: str) -> bool:
    """Whether a name says nothing but which answer is meant."""
    return CERTAIN.issuperset(words_of_name(name))


@lru_cache(maxsize=8192)
def is_about_else(name: str) -> bool:
    """Whether a name certainly does not say which answer is better: a letter under it is no verdict."""
    words = set(words_of_name(name))
    return bool(words & (NO_COMPARISON | WHO)) or (bool(words & OTHER_TRAITS) and words.isdisjoint(SIDES))


def are_of_items(items: Sequence[Any], *, judges: bool) -> bool:
    """Whether mappings are each about something else than an answer: an aspect, a document, an order, or
    with `judges` about one of those who judge.
    """
    first = next((item for item in items if isinstance(item, Mapping)), {})
    return any(_tells_apart(str(key), judges) for key in first)


@lru_cache(maxsize=8192)
def _tells_apart(key: str, judges: bool) -> bool:
    return not (_ITEMS | _JUDGES if judges else _ITEMS).isdisjoint(words_of_name(key))


@lru_cache(maxsize=8192)
def is_of_judge(name: str) -> bool:
    """Whether a name is that of somebody, or of a model, who may judge answers."""
    words = (word.rstrip("0123456789") for word in words_of_name(name))
    return not (_JUDGES | _MODELS).isdisjoint(words)


@lru_cache(maxsize=8192)
def is_of_question(name: str) -> bool:
    """Whether a name is that of the right answer to what is asked: a letter alone is an option of it."""
    return _OF_QUESTION.issuperset(words_of_name(name))


@lru_cache(maxsize=8192)
def is_index(name: str) -> bool:
    """Whether a number under a name counts from 0."""
    return not _POINTS.isdisjoint(words_of_name(name))


@lru_cache(maxsize=8192)
def is_flip(name: str) -> bool:
    """Whether a column says that the sides were changed about, or that neither is better (`winner_tie`; the
    pair's own `tie` does not).
    """
    words = set(words_of_name(name))
    return bool(words & (_FLIPS | _TIES)) and words <= _FLIPS | _TIES | _OF_SIDES and name != "tie"


@lru_cache(maxsize=8192)
def is_difference(name: str) -> bool:
    """Whether a column says by how much the chosen side is the better one; `margin` is the pair's own."""
    words = set(words_of_name(name))
    return bool(words & _DIFFERENCES) and words <= _DIFFERENCES | _OF_SCORES | set(SIDES) and name != "margin"


@lru_cache(maxsize=8192)
def truth_of_mark(name: str, mark: str) -> Sense:
    """What it says of the answer with this mark that a column is true ("is_b_better", "a_loses")."""
    words = words_of_name(name)
    others = set(words) - {mark}
    if words.count(mark) != 1 or not others <= CERTAIN | WINS | LOSES | {"model"}:
        return "whatever"
    is_one = "is" in others or (words[-1] in SIDES and mark not in SIDES)
    if others & LOSES or (is_one and "rejected" in others):
        return "loses"
    return (
        "wins" if others & WINS or (is_one and "chosen" in others) or _prefers(tuple(others)) else "whatever"
    )


@lru_cache(maxsize=8192)
def says_of_each(words: tuple[str, ...]) -> bool:
    """Whether the words of a name are those of what tells how good an answer is, whatever the aspect."""
    return not OF_EACH.isdisjoint(words) and all(
        word in OF_EACH or word in _QUALIFIERS or word.isdigit() for word in words
    )


@lru_cache(maxsize=256)
def comparing(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that say by themselves which side is better."""
    return tuple(
        name
        for name in names
        if sense_of(name) != "whatever"
        or is_flip(name)
        or is_difference(name)
        or any(truth_of_mark(name, side) != "whatever" for side in SIDES)
    )


@lru_cache(maxsize=256)
def saying_of_each(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that may hold what each of several answers got."""
    return tuple(name for name in names if name not in SIDES and says_of_each(words_of_name(name)))


def _prefers(words: tuple[str, ...]) -> bool:
    return any(word.startswith("prefer") for word in words)
