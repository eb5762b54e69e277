"""Check answers against rules that need no model: length, language, format, JSON, keywords, counts, regular
expressions, code, and the 25 kinds of instructions of IFEval (arXiv 2311.07911).

Rules stand in the recipe, in a prompt's metadata (`constraints`, or `instruction_id_list` and `kwargs` as
IFEval's rows have them), or in both. Each rule is an aspect of its
own with 1 for met and 0 for not, so that the judge's score is the share that is met; as a veto or with
`filter` it keeps out what breaks any (`veto: {ok: 1}`).

A rule of a prompt that is not known, as one of another list of instructions, applies to no answer of it, and
is counted among the failures; one of the recipe stops it. An answer on which a regular expression takes too
long has no score.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from prefgen.errors import ReplyError, did_you_mean, first_problem
from prefgen.kit.ifeval import follows
from prefgen.kit.parsable import json_violation, python_violation
from prefgen.kit.ratings import not_applicable_scores
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.text.language import known_languages, language_of
from prefgen.text.patterns import PatternTooSlowError, count_matches
from prefgen.text.sentences import sentences_of
from prefgen.text.words import count_words, ends_with_word, has_word, starts_with_word
from prefgen.types import Prompt, Response, Score, Value

COUNT_KINDS = ("words", "characters", "sentences", "lines", "paragraphs", "bullets")
TEXT_KINDS = ("contains", "forbids", "starts_with", "ends_with", "language")
OWN_FIELDS = {"matches": {"pattern"}, "json": {"keys"}, "ifeval": {"instruction", "arguments"}}
NO_LANGUAGE = "its language cannot be told"


class Rule(Value):
    """One constraint.

    Counts take `least` and `most`; texts take `texts`, and so does `language` (en, de ...); `matches` takes
    `pattern`; `json` may take `keys`; `ifeval` takes `instruction` and `arguments`.
    """

    kind: Literal[
        "words", "characters", "sentences", "lines", "paragraphs", "bullets", "contains", "forbids",
        "starts_with", "ends_with", "matches", "json", "python", "lower_case", "upper_case",
        "language", "ifeval",
    ]  # fmt: skip
    name: str | None = None
    least: int | None = Field(default=None, ge=0)
    most: int | None = Field(default=None, ge=0)
    texts: tuple[str, ...] = ()
    pattern: str | None = None
    keys: tuple[str, ...] = ()
    instruction: str = ""
    arguments: Mapping[str, Any] = {}

    @model_validator(mode="after")
    def _check_kind_fields(self) -> "Rule":
        if self.kind in COUNT_KINDS and self.least is None and self.most is None:
            raise ValueError(f"{self.kind} needs least, most or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"{self.kind}: least is {self.least} and most is {self.most}")
        allowed = (
            {"least", "most"}
            if self.kind in COUNT_KINDS
            else {"texts"}
            if self.kind in TEXT_KINDS
            else OWN_FIELDS.get(self.kind, set())
        )
        unknown = self.model_fields_set - allowed - {"kind", "name"}
        if unknown:
            raise ValueError(f"{self.kind} takes no {sorted(unknown)[0]}")
        if self.kind in TEXT_KINDS and not self.texts:
            raise ValueError(f"{self.kind} needs texts")
        if self.kind == "language" and (unknown := set(self.texts) - set(known_languages())):
            code = sorted(unknown)[0]
            suggestion = code.casefold()[:2]
            is_known = suggestion in known_languages()
            hint = did_you_mean(suggestion, [suggestion]) if is_known else ": en, de, zh ..."
            raise ValueError(f"there is no language {code!r}{hint}")
        if self.kind == "ifeval":
            follows(self.instruction, "An example.", self.arguments)
        if self.kind == "matches":
            try:
                re.compile(self.pattern or "")
            except (re.error, OverflowError, RecursionError) as error:
                raise ValueError(f"pattern {self.pattern!r} is no regular expression: {error}") from None
            if not self.pattern:
                raise ValueError("matches needs a pattern")
        return self


@judge("constraints")
class Constraints(Plugin):
    """Rules that are met or not. Asks no model."""

    rules: tuple[Rule, ...] = Field(
        default=(), description="Rules of every prompt, such as {kind: words, most: 100}."
    )
    key: str = Field(
        default="constraints",
        description="Where a prompt's metadata holds rules of its own, as a list of the same form.",
    )

    def judge(
        self, prompt: Prompt, responses: Sequence[Response], ask: Ask
    ) -> Sequence[Verdict | ReplyError]:
        rules = [*self.rules, *rules_of(prompt, self.key), *ifeval_rules(prompt)]
        if not rules:  # nothing to check: that is no score, and not the best one
            return not_applicable_scores(
                (r.id for r in responses), "constraints", (0, 1), "the prompt has no rule"
            )
        named = list(zip(aspect_names(rules), rules, strict=True))
        verdicts: list[Verdict | ReplyError] = [
            ReplyError(f"constraints: a rule of the prompt is not known: {rule.reason}", code="unknown_rule")
            for rule in rules
            if isinstance(rule, UnknownRule)
        ]
        for response in responses:
            try:
                verdicts += [_score(response, name, rule) for name, rule in named]
            except PatternTooSlowError as error:  # without one rule the share of the others may be too good
                verdicts.append(ReplyError(f"constraints: {error}", code="slow_pattern"))
        return verdicts


def _score(response: Response, name: str, rule: "Rule | UnknownRule") -> Score:
    """The score of a response by one rule, which may not apply. Raises PatternTooSlowError."""
    try:
        if isinstance(rule, UnknownRule):
            raise NotToldError(rule.reason)
        violation = violation_of(rule, response.text)
    except NotToldError as error:
        return not_applicable_scores([response.id], name, (0, 1), str(error))[0]
    value = float(violation is None)
    return Score(response_id=response.id, aspect=name, value=value, scale=(0, 1), rationale=violation)


@dataclass(frozen=True)
class UnknownRule:
    """A rule of a prompt that cannot be checked, and why: it applies to no answer."""

    name: str
    reason: str
    kind = "constraint"


def rules_of(prompt: Prompt, key: str) -> list[Rule | UnknownRule]:
    """The rules that stand in a prompt's metadata under `key`: a list of them, or one."""
    found: Any = prompt.metadata.get(key) or ()
    return [
        _rule_of(item, item.get("name") or item.get("kind") if isinstance(item, Mapping) else None)
        for item in (found if isinstance(found, list | tuple) else [found])
    ]


def ifeval_rules(prompt: Prompt) -> list[Rule | UnknownRule]:
    """The rules of a row of IFEval's: `instruction_id_list` and `kwargs`, an entry each."""
    names, arguments = prompt.metadata.get("instruction_id_list"), prompt.metadata.get("kwargs")
    if not isinstance(names, list | tuple):
        return []
    given = arguments if isinstance(arguments, list | tuple) else [{}] * len(names)
    if len(given) != len(names):
        reason = f"instruction_id_list has {len(names)} entries and kwargs {len(given)}"
        return [UnknownRule(_last_part(name), reason) for name in names]
    return [
        _rule_of(
            {"kind": "ifeval", "name": _last_part(name), "instruction": name, "arguments": values or {}},
            _last_part(name),
        )
        for name, values in zip(names, given, strict=True)
    ]


def _last_part(instruction: Any) -> str:
    return str(instruction).rpartition(":")[2] or "ifeval"


def _rule_of(item: Any, name: Any) -> Rule | UnknownRule:
    try:
        return Rule.model_validate(item)
    except ValidationError as error:
        place, problem = first_problem(error)
        reason = f"{place}: {problem}" if place else problem
        return UnknownRule(str(name or UnknownRule.kind)[:80], reason[:300])


def aspect_names(rules: Sequence[Rule | UnknownRule]) -> list[str]:
    """A name for each rule: its own, or its kind, numbered where a name comes again."""
    names: list[str] = []
    for rule in rules:
        name = rule.name or rule.kind
        names.append(next(n for n in chain((name,), (f"{name}_{i}" for i in count(2))) if n not in names))
    return names


class NotToldError(ValueError):
    """Whether a text follows a rule cannot be told, and why."""


def violation_of(rule: Rule, text: str) -> str | None:
    """What a text breaks of a rule, in words; None when it is met. Raises NotToldError and
    PatternTooSlowError.
    """
    if rule.kind in COUNT_KINDS:
        count = count_of(rule.kind, text)
        if (rule.least is not None and count < rule.least) or (rule.most is not None and count > rule.most):
            bounds = " and ".join(
                f"{word} {n}"
                for word, n in (("at least", rule.least), ("at most", rule.most))
                if n is not None
            )
            return f"{count} {rule.kind}, {bounds} wanted"
        return None
    if rule.kind == "contains":
        missing = [t for t in rule.texts if not has_word(text, t)]
        return f"does not contain {missing[0]!r}" if missing else None
    if rule.kind == "forbids":
        matches = [t for t in rule.texts if has_word(text, t)]
        return f"contains {matches[0]!r}" if matches else None
    if rule.kind in ("starts_with", "ends_with"):
        has_affix = starts_with_word if rule.kind == "starts_with" else ends_with_word
        return (
            None
            if any(has_affix(text, t) for t in rule.texts)
            else f"{rule.kind.replace('_', ' ')} none of {', '.join(map(repr, rule.texts))}"
        )
    if rule.kind == "language":
        language = language_of(text)
        if language is None:
            raise NotToldError(NO_LANGUAGE)
        if language in rule.texts:
            return None
        return f"is written in {language}, not in {' or '.join(rule.texts)}"
    if rule.kind == "matches":
        is_found = count_matches(rule.pattern or "", text, re.MULTILINE, most=1)
        return None if is_found else f"does not match {rule.pattern!r}"
    if rule.kind == "ifeval":
        is_met = follows(rule.instruction, text, rule.arguments)
        if is_met is None:
            raise NotToldError(NO_LANGUAGE)
        return None if is_met else f"does not follow {rule.instruction}"
    if rule.kind == "json":
        return json_violation(text, rule.keys)
    if rule.kind == "python":
        return python_violation(text)
    wrong_case = text.upper() == text.lower() or (
        text != text.lower() if rule.kind == "lower_case" else text != text.upper()
    )
    return f"is not all {rule.kind.replace('_', ' ')}" if wrong_case else None


_BULLET = re.compile(
    r"^[ \t]*(?!(?:[-*][ \t]*){3,}$)(?:[-*+–—•◦▪‣⁃·∙●○■□►➢✓✔]|(?P<number>\d{1,3})[.)])[ \t]+\S", re.MULTILINE
)
"""A mark and a text behind it; a line of marks alone is a rule."""


def count_of(kind: str, text: str) -> int:
    """How many there are of a kind that is counted."""
    if kind == "characters":
        return len(text)
    if kind == "words":
        return count_words(text)
    if kind == "sentences":
        return len(sentences_of(text))
    if kind == "lines":
        return sum(bool(line.strip()) for line in re.split(r"\r?\n|\r", text))
    if kind == "bullets":
        items = list(_BULLET.finditer(text))
        is_date = len(items) == 1 and items[0]["number"] not in (None, "0", "1")  # "5. May is a holiday"
        return 0 if is_date else len(items)
    return len([part for part in re.split(r"\n\s*\n", text) if part.strip()])
