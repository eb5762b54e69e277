"""The pairs of a dataset as a trainer gets them: read, proven, split, measured; and the controls, which are
the same pairs with other labels.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from prefgen.dataset.bad_rows import BadRows
from prefgen.dataset.cells import decoded, is_absent
from prefgen.dataset.check import check_rows
from prefgen.dataset.open_pairs import PairDataset, open_pairs
from prefgen.dataset.pair import NotAPair, text_of, validated_pair
from prefgen.dataset.pair_rules import RULES, proven_rows
from prefgen.dataset.splits import TEST, TRAIN, splits_of
from prefgen.errors import GateFailed, RecipeError
from prefgen.stats.order_flips import label_noise
from prefgen.storage.canonical_json import canonical
from prefgen.text.normalize import normalize
from prefgen.text.shingle_sets import ShingleSets
from prefgen.trainers.origins import licenses_of
from prefgen.types import content_id

if TYPE_CHECKING:
    import numpy as np

Control = Literal["shuffled", "length"]
TrainingRow = dict[str, Any]
HELD_OUT_SHARE = 0.1
"""Share of the prompts that are held out of a dataset without a test split."""
TEST_NAMES, VALIDATION_NAMES = ("test", "eval"), ("val", "dev")
VALIDATION = "validation"
DESCRIPTIONS = ("id", "source", "category", "judge")
"""Columns that say which pair it is, for whoever looks at the margins of the held-out ones."""
BETWEEN_SPLITS = "between"
"""Where a prompt is that is nearly the same as prompts of both splits."""


@dataclass(frozen=True)
class TrainingPairs:
    """Rows with prompt, chosen, rejected (lists of messages), probability, weight and margin, by split; and
    what they come from.
    """

    train: Sequence[TrainingRow]
    test: Sequence[TrainingRow]
    """What the trained model is graded on, and nothing is picked by."""
    validation: Sequence[TrainingRow] = ()
    """What is looked at during training, and a model may be picked by; where it is empty, looks are at the
    test rows.
    """
    sources: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    leaking: int = 0
    """Rows that were left out of training, since their prompts are (nearly) held out in another dataset."""

    @cached_property
    def digest(self) -> str:
        """Of what is trained on: the sides, probabilities and weights of the pairs, in their order."""
        digest = hashlib.blake2b(digest_size=16)
        for row in self.train:
            digest.update(
                canonical(
                    {name: row[name] for name in ("prompt", "chosen", "rejected", "probability", "weight")}
                )
            )
        return digest.hexdigest()

    def label_noise(self) -> tuple[float, int, float]:
        """(probability that a label is wrong, pairs that were judged in both orders, share of them that has
        two winners). Raises RecipeError.
        """
        effects = [effect for source in self.sources for effect in source["order_effects"].values()]
        pairs = sum(effect["pairs"] for effect in effects)
        if not pairs:
            raise RecipeError(
                "label_smoothing: measured: no judge of these pairs saw them in both orders (`swap: true`), "
                "or their manifest is of an earlier version"
            )
        share = sum(effect["flipped"] for effect in effects) / pairs
        if share >= 0.5:
            raise RecipeError(
                f"label_smoothing: measured: in {share:.0%} of {pairs:,} pairs the other order has another "
                "winner: the labels are chance"
            )
        return label_noise(share), pairs, share


def read_training_pairs(
    names: Sequence[str], *, max_repeated_chosen: float, seed: int, bad_rows: BadRows | None = None
) -> TrainingPairs:
    """The pairs of one dataset or several. Raises RecipeError, GateFailed; where `bad_rows` leaves rows out,
    what is left must hold what a preference dataset must.

    Where none has a test split one is drawn, by prompts, over all of them. What is held out in one dataset is
    not trained on in another.
    """
    bad_rows = bad_rows or BadRows()
    rows: list[tuple[TrainingRow, str | None]] = []
    sources: list[dict[str, Any]] = []
    for name in names:
        dataset = open_pairs(name, bad_rows=bad_rows)
        given = dataset.rows if bad_rows.policy == "fail" else proven_rows(dataset.rows, bad_rows)
        proven = list(given)
        _check_pairs(name, proven, max_repeated_chosen)
        pairs = list(bad_rows.each(proven, lambda row, where: (row, _training_row(row, where))))
        if not pairs:
            left_out = f"; {bad_rows.sentence()}" if bad_rows.rows else ""
            raise RecipeError(f"{name!r} holds no pair to train on{left_out}")
        rows += [(read, _parse_split(row.get("split"), where)) for where, (row, read) in pairs]
        sources.append(_describe_source(dataset, [row for _, (row, _) in pairs]))
    if not any(split for _, split in rows):
        rows = _draw_splits([row for row, _ in rows], seed)
    train = [row for row, split in rows if split in (None, TRAIN)]
    test = [row for row, split in rows if split == TEST]
    validation = [row for row, split in rows if split == VALIDATION]
    if not test:
        test, validation = validation, []
    if not train:
        raise RecipeError("there is no pair to train on: all of them are in a test split")
    if not any(row["weight"] for row in train):
        raise RecipeError("there is no pair to train on: all of them have a weight of 0")
    kept_rows = _drop_leaking_rows(train, [*test, *validation]) if len(names) > 1 else train
    return TrainingPairs(kept_rows, test, validation, sources, len(train) - len(kept_rows))


def with_validation(data: TrainingPairs, seed: int) -> TrainingPairs:
    """The pairs with some prompts of the training set apart, by which a model may be picked; as they are
    where the dataset has such a split, or too few prompts to spare some.
    """
    if data.validation or not data.test:
        return data
    drawn = _draw_splits(data.train, seed + 1)  # by the first draw they are all to be trained on
    train, validation = ([row for row, split in drawn if split == name] for name in (TRAIN, TEST))
    return replace(data, train=train, validation=validation) if train and validation else data


def _parse_split(name: Any, where: str) -> str | None:
    """train, validation or test; None where the row says nothing. Raises RecipeError for a name that may mean
    any of them.
    """
    if name is None:
        return None
    lowered = str(name).lower()
    if lowered.startswith("train"):
        return TRAIN
    if lowered.startswith(TEST_NAMES):
        return TEST
    if lowered.startswith(VALIDATION_NAMES):
        return VALIDATION
    raise RecipeError(
        f"split {str(name)!r}: is it to train on, or held out? Name it train..., or "
        f"{', '.join((*TEST_NAMES, *VALIDATION_NAMES))}...",
        where,
    )


def _drop_leaking_rows(train: Sequence[TrainingRow], test: Sequence[TrainingRow]) -> list[TrainingRow]:
    """Rows of `train` whose prompts are not, and are not nearly, among those of `test`."""
    held_out_texts = dict.fromkeys(normalize(_prompt_text(row)) for row in test)
    prompt_texts = [normalize(_prompt_text(row)) for row in train]
    texts = [*held_out_texts, *dict.fromkeys(prompt_texts)]
    shingle_sets = ShingleSets()
    for text in texts:
        shingle_sets.add(text)
    groups = [i < len(held_out_texts) for i in range(len(texts))]
    leaking_texts = {texts[i] for i, _ in shingle_sets.earlier_matches(groups=groups)}
    return [row for row, text in zip(train, prompt_texts, strict=True) if text not in leaking_texts]


def _prompt_text(row: TrainingRow) -> str:
    return text_of(row["prompt"])


def _check_pairs(
    name: str, pairs: Sequence[tuple[str, Mapping[str, Any]]], max_repeated_chosen: float
) -> None:
    report = check_rows(iter(pairs), max_repeated_chosen=max_repeated_chosen)
    if report.findings:
        findings = "; ".join(
            f"{RULES[rule]}: {f.count:,} rows, such as {f.examples[0]}" for rule, f in report.findings.items()
        )
        raise GateFailed(
            f"{name!r} breaks what a preference dataset must hold, and is not trained on: {findings}"
        )


def _refuse_calls(row: Mapping[str, Any], turns: Sequence[Mapping[str, Any]], where: str) -> None:
    """Raises NotAPair where a row needs more of a chat template than turns of text: trained on without, a
    model would learn to call what it is not offered.
    """
    has_calls = any(turn.get("tool_calls") or turn["role"] == "tool" for turn in turns)
    if has_calls or not is_absent(decoded(row.get("tools") or None)):
        raise NotAPair(
            "tools or calls of tools, which `prefgen train` does not hand to the chat template: `prefgen "
            "export --to trl` keeps them for TRL's own trainers; `on_bad_rows: drop` leaves such rows out",
            where,
        )


def _training_row(row: Mapping[str, Any], where: str) -> TrainingRow:
    prompt, chosen, rejected = validated_pair(row, where)
    _refuse_calls(row, [*prompt, *chosen, *rejected], where)
    probability, weight = row.get("chosen_probability"), row.get("weight")
    return {
        "prompt": prompt,
        "chosen": chosen,
        "rejected": rejected,
        "probability": 0.5
        if row.get("tie") and probability is None
        else 1.0
        if probability is None
        else float(probability),
        "weight": 1.0 if weight is None else float(weight),
        "unsure": probability is not None and probability != 1,
        "margin": row.get("margin"),
        "score_chosen": row.get("score_chosen"),
        **{name: row.get(name) for name in DESCRIPTIONS},
        "prompt_key": content_id("prompt", prompt),
    }


def _draw_splits(rows: Sequence[TrainingRow], seed: int) -> list[tuple[TrainingRow, str | None]]:
    splits = splits_of([(row["prompt_key"], _prompt_text(row)) for row in rows], HELD_OUT_SHARE, seed)
    return [(row, splits[row["prompt_key"]] or BETWEEN_SPLITS) for row in rows]


def _describe_source(dataset: PairDataset, pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    manifest = dataset.manifest
    return {
        "name": dataset.name,
        "revision": dataset.revision,
        "pairs": len(pairs),
        "licenses": licenses_of(pairs, dataset.terms.license),
        "recipe": manifest.name if manifest else None,
        "row_digest": manifest.row_digest if manifest else None,
        "content_hash": dataset.release.get("content_hash") if dataset.release else None,
        "version": dataset.release.get("version") if dataset.release else None,
        "simulated": manifest is not None and manifest.simulated,
        "order_effects": {
            judge: effect.model_dump()
            for judge, effect in (manifest.order_effects if manifest else {}).items()
        },
    }


def with_control_labels(rows: Sequence[TrainingRow], control: Control | None, seed: int) -> list[TrainingRow]:
    """The same pairs with labels that cannot be right: drawn at random, or the longer side chosen."""
    if control is None:
        return list(rows)
    rng, relabelled = Random(f"control/{seed}"), []
    for row in rows:
        length_difference = _character_count(row["chosen"]) - _character_count(row["rejected"])
        swap = rng.random() < 0.5 if control == "shuffled" or not length_difference else length_difference < 0
        sides = {"chosen": row["rejected"], "rejected": row["chosen"]} if swap else {}
        relabelled.append({**row, **sides, "probability": 1.0, "score_chosen": None})
    return relabelled


def _character_count(turns: Sequence[Mapping[str, str]]) -> int:
    return sum(len(text_of([turn])) for turn in turns)


@dataclass(frozen=True)
class Lengths:
    """Tokens of prompt and answer: the longest, what 99 % of the sides need, the `max_length` that is
    proposed, and the means of both sides.
    """

    longest: int
    most: int
    proposed: int
    chosen: float
    rejected: float
    sizes: Sequence[int] = ()

    def over(self, cut: int) -> int:
        """How many sides are longer than `cut` tokens."""
        return sum(size > cut for size in self.sizes)

    def as_json(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("longest", "most", "proposed", "chosen", "rejected")}


def pairs_that_differ(
    token_pairs: "Sequence[tuple[np.ndarray, np.ndarray]]", max_length: int | None, limit: int
) -> tuple[list[bool], Lengths]:
    """(whether the sides of each pair still differ within `max_length` tokens, how long the sides are).

    `token_pairs` are the tokens of the prompt with each side. Without a `max_length` it is what the longest
    pair needs, at most `limit`.
    """
    sizes = sorted(len(side) for pair in token_pairs for side in pair)
    chosen, rejected = (sum(len(pair[side]) for pair in token_pairs) / len(token_pairs) for side in (0, 1))
    most = sizes[int(0.99 * (len(sizes) - 1))]
    lengths = Lengths(sizes[-1], most, min(sizes[-1], limit), chosen, rejected, sizes)
    cut = max_length or lengths.proposed
    return [first[:cut].tobytes() != second[:cut].tobytes() for first, second in token_pairs], lengths
