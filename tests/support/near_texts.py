"""Made-up prompts of which some are nearly the same, and their similarity by brute force."""

import re
from collections.abc import Sequence
from random import Random


def near_texts(families: int, seed: int = 0, size: int = 5) -> list[str]:
    """Texts of 20 to 110 words in families, of which each has up to six words replaced in a row: similarities
    from 0.5 to 1, many of them just about 0.8.
    """
    rng = Random(seed)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 8))) for _ in range(3000)]
    texts = []
    for _ in range(families):
        first = rng.choices(words, k=rng.randint(20, 110))
        for _ in range(size):
            text, changed = list(first), rng.randint(0, 6)
            start = rng.randrange(len(text) - changed)
            text[start : start + changed] = rng.choices(words, k=changed)
            texts.append(" ".join(text))
    rng.shuffle(texts)
    return list(dict.fromkeys(texts))


def similar_pairs(texts: Sequence[str], threshold: float = 0.8) -> dict[tuple[int, int], float]:
    """{(place, earlier place): similarity} of all that are as alike, each compared with each."""
    sets = [
        {tuple(words[start : start + 3]) for start in range(len(words) - 2)}
        for words in (re.findall(r"\w+|[^\w\s]", text) for text in texts)
    ]
    return {
        (i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j])
        for i in range(len(texts))
        for j in range(i)
        if len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j])
    }
