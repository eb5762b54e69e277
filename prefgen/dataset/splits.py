"""Which split a prompt is in: seeded, disjoint by prompt and by near-duplicate, and the same for a prompt
when others are added after it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from prefgen.stats.seeded_draws import uniform
from prefgen.text.near_duplicates import shingle_hashes, similar_earlier_texts
from prefgen.text.normalize import normalize
from prefgen.text.shingle_sets import ShingleSets

if TYPE_CHECKING:
    import numpy as np

TRAIN, TEST = "train", "test"


def splits_of(
    prompts: Sequence[tuple[str, str]], test: float, seed: int, *, asked: Mapping[str, str] | None = None
) -> dict[str, str | None]:
    """{id: split} of (id, text) pairs in the order of the dataset; None for a prompt that is nearly the same
    as prompts of both splits, or as an earlier one of the other.

    A prompt goes where those before it went whose MinHash is nearly the same (similarity 0.8), and otherwise
    where its draw says, of which a share of `test` says "test". MinHash misses some: where the Jaccard
    similarity itself says that two are nearly the same and they went to two splits, the later one is left
    out. To the other split it never goes: it may have been published in this one, before all were compared.
    `asked` has what is compared so of prompts of which it is not the text: {id: text}.
    """
    texts = {prompt_id: normalize(text) for prompt_id, text in prompts}
    first_id = {text: prompt_id for prompt_id, text in reversed(texts.items())}
    hashes = {text: shingle_hashes(text) for text in first_id} if test else {}
    split_of_text = _splits_by_minhash(first_id, list(dict.fromkeys(texts.values())), hashes, test, seed)
    splits = {prompt_id: split_of_text[text] for prompt_id, text in texts.items()}
    if test:
        compared = texts | {prompt_id: normalize(text) for prompt_id, text in (asked or {}).items()}
        splits |= dict.fromkeys(_later_of_two_splits(compared, splits, hashes))
    return splits


def _splits_by_minhash(
    first_id: Mapping[str, str],
    texts: Sequence[str],
    hashes: "Mapping[str, np.ndarray]",
    test: float,
    seed: int,
) -> dict[str, str | None]:
    """{text: split} of different texts in the order of the dataset, by what MinHash finds of them: that is
    what all releases were split by.
    """
    split_of_text: dict[str, str | None] = {}
    similar_indices = similar_earlier_texts(hashes[text] for text in texts) if test else {}
    for index, text in enumerate(texts):
        earlier_splits = {split for i in similar_indices.get(index, ()) if (split := split_of_text[texts[i]])}
        drawn_split = TEST if uniform("split", seed, first_id[text]) < test else TRAIN
        split_of_text[text] = (
            drawn_split if not earlier_splits else earlier_splits.pop() if len(earlier_splits) == 1 else None
        )
    return split_of_text


def _later_of_two_splits(
    texts: Mapping[str, str], splits: Mapping[str, str | None], hashes: "Mapping[str, np.ndarray]"
) -> list[str]:
    """The ids that must go so that no two texts which are left are nearly the same and in two splits: always
    the later one. `hashes` are of the shingles of most of the texts.
    """
    ids: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for prompt_id, text in texts.items():
        if split := splits[prompt_id]:
            ids[text, split].append(prompt_id)
    place = {unit: number for number, unit in enumerate(ids)}
    units = sorted(ids, key=lambda unit: unit[1])  # one split after the other, each in its order
    shingle_sets = ShingleSets()
    for text, _ in units:
        shingle_sets.add_hashes(hashes[text] if text in hashes else shingle_hashes(text))
    conflicts: defaultdict[int, list[int]] = defaultdict(list)
    for number, matches in shingle_sets.earlier_matches(groups=[split for _, split in units]):
        for other, _ in matches:
            earlier, later = sorted((place[units[number]], place[units[other]]))
            conflicts[later].append(earlier)
    left_out: set[int] = set()
    for later in sorted(conflicts):
        if not left_out.issuperset(conflicts[later]):
            left_out.add(later)
    return [
        prompt_id for unit, prompt_ids in ids.items() if place[unit] in left_out for prompt_id in prompt_ids
    ]
