"""What changed between two datasets of pairs: prompts and pairs by what they say, scores by judge, recipes
line by line.

Pairs are matched by the texts of prompt, chosen and rejected, so that any two datasets can be compared,
whatever ids they have.
"""

import difflib
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

import yaml

from prefgen.dataset.cells import decoded, is_missing
from prefgen.dataset.open_pairs import PairDataset
from prefgen.dataset.pair import pair_messages, pair_problems, text_of, turn_problems
from prefgen.dataset.same_turns import turns_key
from prefgen.errors import RecipeError
from prefgen.publish.diff_words import diff_lines
from prefgen.recipe.load import recipe_text
from prefgen.storage.canonical_json import canonical
from prefgen.text.said_lines import Line, Said

COMPARED_COLUMNS = ("score_chosen", "score_rejected", "margin", "chosen_probability", "weight", "tie")
"""Columns of a pair whose change is a change of the pair; so is another spelling of a text, and `moved` is
one to another split.
"""
Bump = Literal["major", "minor", "patch", "none"]
PairKey = tuple[bytes, bytes, int]
"""Of a prompt, of both answers, and how often the same pair stood before."""
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class _Pair:
    flipped_key: bytes
    """The same for a pair and its contrary."""
    chosen: bytes
    values: bytes
    """A digest of the columns that matter and of the texts as they are written."""
    rest: bytes
    """A digest of the others."""
    split: str | None


@dataclass
class DatasetSummary:
    """One dataset, as far as it is compared."""

    name: str
    prompts: dict[bytes, str] = field(default_factory=dict)
    pairs: dict[PairKey, _Pair] = field(default_factory=dict)
    scores: dict[str, dict[bytes, float]] = field(default_factory=lambda: defaultdict(dict))
    """{judge.aspect: {prompt and answer: score}}"""
    comparisons: dict[str, dict[bytes, tuple[bytes, float]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """{judge.aspect: {prompt and both answers: (the chosen one, its probability)}}"""
    columns: frozenset[str] = frozenset()
    recipe: str | None = None
    broken: int = 0
    """Rows that nobody may be handed."""
    first_broken: str = ""
    """Where the first of them stands, and why."""

    def broken_rows(self) -> str:
        """How many they are, and the first of them; empty for none."""
        if not self.broken:
            return ""
        return f"{self.name}: {self.broken:,} rows are no sound pairs, such as {self.first_broken}"


@dataclass(repr=False)
class Diff(Said):
    """Numbers of what changed; `drift` is {judge.aspect: (texts that both have, mean difference, mean
    absolute difference)}. Of those in `drift_of_comparisons` the texts are pairs of answers, and the
    difference is that of the probability of the answer which was chosen before.
    """

    before: str
    after: str
    prompts: dict[str, int]
    pairs: dict[str, int]
    drift: dict[str, tuple[int, float, float]]
    drift_of_comparisons: list[str]
    columns_gone: list[str]
    columns_new: list[str]
    recipe: list[str]
    examples: dict[str, list[str]]

    @property
    def bump(self) -> Bump:
        """Which part of a semantic version the change moves (docs/publishing.md)."""
        if self.pairs["removed"] or self.pairs["flipped"] or self.pairs["moved"] or self.columns_gone:
            return "major"
        if self.pairs["added"] or self.prompts["added"] or self.pairs["changed"] or self.columns_new:
            return "minor"
        return "patch" if self.pairs["relabelled"] or self.recipe else "none"

    def said_lines(self) -> Iterable[Line]:
        return diff_lines(self)

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "bump": self.bump}

    def markdown(self) -> str:
        """For a changelog."""
        lines = [f"- prompts: {_count_text(self.prompts)}", f"- pairs: {_count_text(self.pairs)}"]
        for name, (n, mean, absolute) in sorted(self.drift.items()):
            compared, before = ("pairs compared", " for the answer chosen before")
            if name not in self.drift_of_comparisons:
                compared, before = "answers rated", ""
            if absolute:
                lines.append(
                    f"- {name}: {n:,} {compared} in both, {mean:+.3f} on average{before} ({absolute:.3f} "
                    "either way)"
                )
        lines += [f"- column {name} is gone" for name in self.columns_gone] + [
            f"- column {name} is new" for name in self.columns_new
        ]
        if self.recipe:
            lines += ["- recipe:", "", "```diff", *self.recipe, "```"]
        return "\n".join(lines)


def _count_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n) or "none"


def read_side(dataset: PairDataset) -> DatasetSummary:
    """Read a dataset for comparing: what is kept of a pair are a few hashes and its scores."""
    side = DatasetSummary(dataset.name, recipe=dataset.recipe)
    columns: set[str] = set()
    for where, row in dataset.rows:
        columns |= {*row}
        turns = pair_messages(row, where)
        problem = next(chain(turn_problems(*turns), pair_problems(row, *turns[1:])), None)
        if problem is not None:
            side.broken += 1
            side.first_broken = side.first_broken or f"{where}: {problem[1]}"
        prompt_key, *answer_keys = (turns_key(messages) for messages in turns)
        side.prompts.setdefault(prompt_key, " ".join(text_of(turns[0][-1:]).split())[:100])
        answers_key = b"".join(sorted(answer_keys))
        other_values = {
            k: None if is_missing(v) else decoded(v)  # as a table of text has them too
            for k, v in row.items()
            if k not in (*COMPARED_COLUMNS, "prompt", "chosen", "rejected", "split", "id", "prompt_id")
        }
        compared_values = json.dumps([turns, *(row.get(name) for name in COMPARED_COLUMNS)], default=str)
        split = None if row.get("split") is None else str(row["split"])
        pair = _Pair(
            answers_key,
            answer_keys[0],
            _digest(compared_values),
            _digest(json.dumps(other_values, sort_keys=True, default=str)),
            split,
        )
        occurrence = 0
        while (prompt_key, answers_key, occurrence) in side.pairs:
            occurrence += 1
        side.pairs[prompt_key, answers_key, occurrence] = pair
        for name, answer_key in zip(("chosen", "rejected"), answer_keys, strict=True):
            for judge, value in _parse_aspects(row, name, where).items():
                side.scores[judge][prompt_key + answer_key] = value
        for judge, value in _parse_aspects(row, "preferred", where).items():
            side.comparisons[judge][prompt_key + answers_key] = answer_keys[0], value
    side.columns = frozenset(columns - {"split"})
    return side


def _parse_aspects(row: Mapping[str, Any], side: str, where: str) -> Mapping[str, float]:
    """What judges say of one side, or of which is `preferred`. Raises RecipeError."""
    aspects = row.get("aspects")
    if not aspects:
        return {}
    try:
        scores = json.loads(aspects) if isinstance(aspects, str) else aspects
        return {
            str(name): float(value) for name, value in (scores.get(side) or {}).items() if value is not None
        }
    except (ValueError, TypeError, AttributeError):
        raise RecipeError(
            "aspects are not {chosen: {judge.aspect: score}, rejected: ..., preferred: {judge.aspect: "
            f"probability}}}}: {str(aspects)[:60]!r}",
            where,
        ) from None


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(canonical(value), digest_size=16).digest()


def compare_sides(before: DatasetSummary, after: DatasetSummary) -> Diff:
    """What `after` has that `before` had not, and the other way round."""
    pairs_by_change = _pairs_by_change(before, after)
    prompt_texts = {**before.prompts, **after.prompts}
    drift = {
        name: _drift(_changes(before.scores[name], after.scores[name]))
        for name in before.scores.keys() & after.scores.keys()
    }
    drift_of_comparisons = {
        name if name not in drift else f"{name} (comparisons)": _drift(
            _probability_changes(before.comparisons[name], after.comparisons[name])
        )
        for name in before.comparisons.keys() & after.comparisons.keys()
    }
    return Diff(
        before=before.name,
        after=after.name,
        prompts={
            "added": len(after.prompts.keys() - before.prompts.keys()),
            "removed": len(before.prompts.keys() - after.prompts.keys()),
            "kept": len(before.prompts.keys() & after.prompts.keys()),
        },
        pairs={change: len(keys) for change, keys in pairs_by_change.items()},
        drift=dict(sorted({**drift, **drift_of_comparisons}.items())),
        drift_of_comparisons=sorted(drift_of_comparisons),
        columns_gone=sorted(before.columns - after.columns),
        columns_new=sorted(after.columns - before.columns),
        recipe=_changed_lines(before.recipe, after.recipe),
        examples={
            change: [prompt_texts[prompt_key] for prompt_key, _, _ in keys[:EXAMPLES]]
            for change, keys in pairs_by_change.items()
            if keys and change != "kept"
        },
    )


def _pairs_by_change(before: DatasetSummary, after: DatasetSummary) -> dict[str, list[PairKey]]:
    """The pairs of both, by what became of them; one that has moved to another split may have changed too."""
    same_columns = before.columns == after.columns
    by_change: dict[str, list[PairKey]] = {
        change: [] for change in ("added", "removed", "flipped", "changed", "moved", "relabelled", "kept")
    }
    by_change["removed"] = [key for key in before.pairs if key not in after.pairs]
    for key, pair in after.pairs.items():
        earlier = before.pairs.get(key)
        if earlier is None:
            by_change["added"].append(key)
            continue
        splits = {earlier.split, pair.split}
        moved = None not in splits and len(splits) > 1
        if moved:
            by_change["moved"].append(key)
        if earlier.chosen != pair.chosen:
            by_change["flipped"].append(key)
        elif earlier.values != pair.values:
            by_change["changed"].append(key)
        elif same_columns and not moved and earlier.rest != pair.rest:
            by_change["relabelled"].append(key)
        elif not moved:
            by_change["kept"].append(key)
    return by_change


def _changes(before: Mapping[bytes, float], after: Mapping[bytes, float]) -> list[float]:
    return [after[key] - before[key] for key in before if key in after]


def _probability_changes(
    before: Mapping[bytes, tuple[bytes, float]], after: Mapping[bytes, tuple[bytes, float]]
) -> list[float]:
    """Of the probability of the answer that was chosen before, which may be the rejected one now."""
    changes: list[float] = []
    for key, (chosen, probability) in before.items():
        if key in after:
            chosen_now, probability_now = after[key]
            changes.append((probability_now if chosen_now == chosen else 1 - probability_now) - probability)
    return changes


def _drift(changes: Sequence[float]) -> tuple[int, float, float]:
    """(how many, their mean, the mean of their sizes)."""
    n = len(changes)
    return n, math.fsum(changes) / n if n else 0.0, math.fsum(map(abs, changes)) / n if n else 0.0


def generation_settings(recipe: str | None) -> Any:
    """What of a recipe's text says how the rows came about: not where servers are, and not what is done with
    the rows. A text that is no recipe is given back.
    """
    try:
        settings = yaml.safe_load(recipe or "") or {}
    except yaml.YAMLError:
        return recipe
    return (
        {key: value for key, value in settings.items() if key not in ("run", "publish", "train", "version")}
        if isinstance(settings, dict)
        else recipe
    )


def _changed_lines(before: str | None, after: str | None) -> list[str]:
    """The changed lines of what recipes say of their rows, without those around them."""
    if before is None or after is None:
        return []
    diff_lines: Iterable[str] = difflib.unified_diff(
        _generation_lines(before), _generation_lines(after), lineterm="", n=0
    )
    return [line for line in diff_lines if not line.startswith(("---", "+++", "@@"))]


def _generation_lines(recipe: str) -> list[str]:
    settings = generation_settings(recipe)
    return (recipe_text(settings) if isinstance(settings, dict) else recipe).splitlines()
