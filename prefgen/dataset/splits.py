"""Which split a prompt is in: seeded, disjoint by prompt and by near-duplicate, and the same for a prompt
when others are added after it.
"""

from collections.abc import Sequence

from prefgen.stats.seeded_draws import uniform
from prefgen.text.near_duplicates import similar_earlier_texts
from prefgen.text.normalize import normalize

TRAIN, TEST = "train", "test"


def splits_of(prompts: Sequence[tuple[str, str]], test: float, seed: int) -> dict[str, str | None]:
    """{id: split} of (id, text) pairs in the order of the dataset; None for a prompt that is nearly the same
    as prompts of both splits.

    A prompt goes where those before it went that are nearly the same (MinHash, similarity 0.8), and otherwise
    where its draw says, of which a share of `test` says "test".
    """
    split_of_text: dict[str, str | None] = {}
    texts = list(dict.fromkeys(normalize(text) for _, text in prompts))
    first_id = {normalize(text): prompt_id for prompt_id, text in reversed(prompts)}
    similar_indices = similar_earlier_texts(texts) if test else {}
    for index, text in enumerate(texts):
        earlier_splits = {split for i in similar_indices.get(index, ()) if (split := split_of_text[texts[i]])}
        drawn_split = TEST if uniform("split", seed, first_id[text]) < test else TRAIN
        split_of_text[text] = (
            drawn_split if not earlier_splits else earlier_splits.pop() if len(earlier_splits) == 1 else None
        )
    return {prompt_id: split_of_text[normalize(text)] for prompt_id, text in prompts}
