"""Check answers against rules that need no model: length, language, format, JSON, keywords, counts, regular
expressions, code.

Rules stand in the recipe, in a prompt's metadata (`constraints`), or in both. Each rule is an aspect of its
own with 1 for met and 0 for not, so that the judge's score is the share that is met; as a veto or with
`filter` it keeps out what breaks any (`veto: {ok: 1}`).
"""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import Any, Literal

from pydantic import Field, model_validator

from prefgen.errors import did_you_mean
from prefgen.kit.ratings import not_applicable_scores, read_metadata
from prefgen.plugins.decorators import judge
from prefgen.plugins.plugin import Plugin
from prefgen.roles import Ask, Verdict
from prefgen.text.language import known_languages, language_of
from prefgen.types import Prompt, Response, Score, Value

COUNT_KINDS = ("words", "characters", "sentences", "lines", "paragraphs", "bullets")
TEXT_KINDS = ("contains", "forbids", "starts_with", "ends_with", "language")


class Rule(Value):
    """One constraint.

    Counts take `least` and `most`; texts take `texts`, and so does `language` (en, de ...); `matches` takes
    `pattern`; `json` may take `keys`.
    """

    kind: Literal[
        "words", "characters", "sentences", "lines", "paragraphs", "bullets", "contains", "forbids",
        "starts_with", "ends_with", "matches", "json", "python", "lower_case", "upper_case", "language",
    ]  # fmt: skip
    name: str | None = None
    least: int | None = Field(default=None, ge=0)
    most: int | None = Field(default=None, ge=0)
    texts: tuple[str, ...] = ()
    pattern: str | None = None
    keys: tuple[str, ...] = ()

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
            else {"matches": {"pattern"}, "json": {"keys"}}.get(self.kind, set())
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
        rules = [*self.rules, *read_metadata(prompt, self.key, Rule, self.name)]
        names = aspect_names(rules)
        if not rules:  # nothing to check: that is no score, and not the best one
            return not_applicable_scores(
                (r.id for r in responses), "constraints", (0, 1), "the prompt has no rule"
            )
        scores = []
        for response in responses:
            for name, rule in zip(names, rules, strict=True):
                if rule.kind == "language" and language_of(response.text) is None:
                    scores += not_applicable_scores(
                        [response.id], name, (0, 1), "its language cannot be told"
                    )
                    continue
                violation = violation_of(rule, response.text)
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


def aspect_names(rules: Sequence[Rule]) -> list[str]:
    """A name for each rule: its own, or its kind, numbered where a name comes again."""
    names: list[str] = []
    for rule in rules:
        name = rule.name or rule.kind
        names.append(next(n for n in chain((name,), (f"{name}_{i}" for i in count(2))) if n not in names))
    return names


def violation_of(rule: Rule, text: str) -> str | None:
    """What a text breaks of a rule, in words; None when it is met."""
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
    folded = text.casefold().strip()
    if rule.kind == "contains":
        missing = [t for t in rule.texts if t.casefold() not in folded]
        return f"does not contain {missing[0]!r}" if missing else None
    if rule.kind == "forbids":
        matches = [t for t in rule.texts if re.search(rf"(?<!\w){re.escape(t)}(?!\w)", text, re.IGNORECASE)]
        return f"contains {matches[0]!r}" if matches else None
    if rule.kind in ("starts_with", "ends_with"):
        has_affix = folded.startswith if rule.kind == "starts_with" else folded.endswith
        return (
            None
            if any(has_affix(t.casefold()) for t in rule.texts)
            else f"{rule.kind.replace('_', ' ')} none of {', '.join(map(repr, rule.texts))}"
        )
    if rule.kind == "language":
        language = language_of(text)
        if language in rule.texts:
            return None
        told = language or "a language that cannot be told"
        return f"is written in {told}, not in {' or '.join(rule.texts)}"
    if rule.kind == "matches":
        return (
            None if re.search(rule.pattern or "", text, re.MULTILINE) else f"does not match {rule.pattern!r}"
        )
    if rule.kind == "json":
        return _json_violation(text, rule.keys)
    if rule.kind == "python":
        return _python_violation(text)
    wrong_case = text.upper() == text.lower() or (
        text != text.lower() if rule.kind == "lower_case" else text != text.upper()
    )
    return f"is not all {rule.kind.replace('_', ' ')}" if wrong_case else None


def count_of(kind: str, text: str) -> int:
    """How many there are of a kind that is counted."""
    if kind == "characters":
        return len(text)
    if kind == "words":
        return len(re.findall(r"\w+(?:[-'’]\w+)*", text))
    if kind == "sentences":
        return len(re.findall(r"[^.!?。！？\s][^.!?。！？]*(?:[.!?。！？]+|\Z)", text))
    if kind == "lines":
        return sum(bool(line.strip()) for line in text.splitlines())
    if kind == "bullets":
        return len(re.findall(r"^\s*(?:[-*•+]|\d+[.)])\s+\S", text, re.MULTILINE))
    return len([part for part in re.split(r"\n\s*\n", text) if part.strip()])


def _fenced_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```(?:{language})?[ \t]*\n(.*?)```", text, re.DOTALL | re.IGNORECASE)


def _json_violation(text: str, keys: Sequence[str]) -> str | None:
    blocks = _fenced_blocks(text, "json") or [text]
    try:
        value: Any = json.loads(blocks[0])
    except (ValueError, RecursionError) as error:
        return f"is no JSON ({error})"
    missing = [key for key in keys if not isinstance(value, Mapping) or key not in value]
    return f"the JSON has no {missing[0]!r}" if missing else None


def _python_violation(text: str) -> str | None:
    blocks = _fenced_blocks(text, "python|py") or [text]
    for block in blocks:
        try:
            ast.parse(block)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return f"is no Python that compiles ({error})"
    return None
