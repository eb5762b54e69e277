"""Check answers against rules that need no model: length, language, format, JSON, keywords, counts, regular
expressions, code, and the 25 kinds of instructions of IFEval (arXiv 2311.07911).

Rules stand in the recipe, in a prompt's metadata (`constraints`, or `instruction_id_list` and `kwargs` as
IFEval's rows have them), or in both. Each rule is an aspect of its
own with 1 for met and 0 for not, so that the judge's score is the share that is met; as a veto or with
`filter` it keeps out what breaks any (`veto: {ok: 1}`).
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from prefgen.errors import PluginError, did_you_mean, first_problem
from prefgen.kit.ifeval import follows
from prefgen.kit.parsable import json_violation, python_violation
from prefgen.kit.ratings import not_applicable_scores, read_metadata
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.text.language import known_languages, language_of
from prefgen.text.sentences import sentences_of
from prefgen.text.words import count_words, ends_with_word, has_word, starts_with_word
from prefgen.types import Prompt, Response, Score, Value

COUNT_KINDS = ("words", "characters", "sentences", "lines", "paragraphs", "bullets")
TEXT_KINDS = ("contains", "forbids", "starts_with", "ends_with", "language")


OWN_FIELDS = {"matches": {"pattern"}, "json": {"keys"}, "ifeval": {"instruction", "arguments"}}


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
            except re.error as error:
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

    def judge(self, prompt: Prompt, responses: Sequence[Response], ask: Ask) -> Sequence[Verdict]:
        rules = [*self.rules, *read_metadata(prompt, self.key, Rule, self.name), *ifeval_rules(prompt)]
        names = aspect_names(rules)
        if not rules:  # nothing to check: that is no score, and not the best one
            return not_applicable_scores(
                (r.id for r in responses), "constraints", (0, 1), "the prompt has no rule"
            )
        scores = []
        for response in responses:
            for name, rule in zip(names, rules, strict=True):
                try:
                    violation = violation_of(rule, response.text)
                except LanguageNotToldError as error:
                    scores += not_applicable_scores([response.id], name, (0, 1), str(error))
                    continue
                scores.append(
                    Score(
                        response_id=response.id,
                        aspect=name,
                        value=float(violation is None),
                        scale=(0, 1),
                        rationale=violation,
                    )
                )
        return scores


def ifeval_rules(prompt: Prompt) -> list[Rule]:
    """The rules of a row of IFEval's. Raises PluginError for instructions or arguments that are not of it."""
    names, arguments = prompt.metadata.get("instruction_id_list"), prompt.metadata.get("kwargs")
    if not isinstance(names, list | tuple):
        return []
    given = arguments if isinstance(arguments, list | tuple) else [{}] * len(names)
    try:
        return [
            Rule(kind="ifeval", name=name.partition(":")[2], instruction=name, arguments=values or {})
            for name, values in zip(names, given, strict=True)
        ]
    except (ValueError, TypeError, AttributeError) as error:
        detail = first_problem(error)[1] if isinstance(error, ValidationError) else str(error)
        raise PluginError(
            f"constraints: instruction_id_list of prompt {prompt.id[:12]} cannot be read: {detail}"
        ) from None


def aspect_names(rules: Sequence[Rule]) -> list[str]:
    """A name for each rule: its own, or its kind, numbered where a name comes again."""
    names: list[str] = []
    for rule in rules:
        name = rule.name or rule.kind
        names.append(next(n for n in chain((name,), (f"{name}_{i}" for i in count(2))) if n not in names))
    return names


class LanguageNotToldError(ValueError):
    """A rule is about a text's language, and that cannot be told."""

    def __init__(self) -> None:
        super().__init__("its language cannot be told")


def violation_of(rule: Rule, text: str) -> str | None:
    """What a text breaks of a rule, in words; None when it is met. Raises LanguageNotToldError."""
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
            raise LanguageNotToldError
        if language in rule.texts:
            return None
        return f"is written in {language}, not in {' or '.join(rule.texts)}"
    if rule.kind == "matches":
        return (
            None if re.search(rule.pattern or "", text, re.MULTILINE) else f"does not match {rule.pattern!r}"
        )
    if rule.kind == "ifeval":
        is_met = follows(rule.instruction, text, rule.arguments)
        if is_met is None:
            raise LanguageNotToldError
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
