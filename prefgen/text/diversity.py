"""How varied a set of prompts is, by measures that need no model. Cosines are those of hashed n-grams: of wording and topic, not of meaning."""

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from prefgen.text.near_duplicates import ALIKE, WordAlphabet, find_near_duplicates, words_of
from prefgen.text.vectors import clusters, hashed_ngrams

if TYPE_CHECKING:
    import numpy as np

Measures = dict[str, tuple[float | int | None, str]]
BLEU_TEXTS = 200
TOPICS = 20


def diversity_measures(
    prompts: Sequence[tuple[str, str | None]],
    reference: Sequence[str] | None = None,
    *,
    sample: int = 1000,
    seed: int = 0,
    grounded: Sequence[bool] | None = None,
) -> Measures:
    """{measure: (value, what it is)} of (text, category) pairs; None where there is too little to measure.

    Costly ones look at a seeded `sample`. With `reference`, a set to compare with, it is also said how alike the two are.
    `grounded` says of each prompt whether a text of a person stands behind it.
    """
    texts = [text for text, _ in prompts]
    rng = Random(seed)
    drawn = texts if len(texts) <= sample else rng.sample(texts, sample)
    words = [words_of(text) for text in texts]
    lengths = [len(one) for one in words]
    vectors = hashed_ngrams(drawn)
    found: Measures = {
        "prompts": (len(texts), "how many"),
        "words": (sum(lengths) / max(1, len(texts)), "mean number of words"),
        "words_sd": (_deviation(lengths), "standard deviation of the number of words"),
    }
    for n in (1, 2, 3):
        found[f"distinct_{n}"] = (
            distinct(words, n),
            f"distinct runs of {n} words over all of them (0 to 1; more is more varied)",
        )
    found |= {
        "self_bleu": (
            self_bleu([words_of(t) for t in rng.sample(drawn, min(BLEU_TEXTS, len(drawn)))]),
            f"mean BLEU-4 of each of {BLEU_TEXTS} against the others (less is more varied)",
        ),
        "pairwise_cosine": (_mean_pairwise(vectors), "mean cosine of two (less is more varied)"),
        "nearest_cosine": (_mean_nearest(vectors), "mean cosine to the nearest other"),
        "vendi": (
            vendi(vectors),
            "Vendi score (arXiv 2210.02410): how many entirely different ones they are worth",
        ),
        "near_duplicates": (
            near_duplicates(texts),
            f"part that is nearly the same as an earlier one (MinHash, {ALIKE})",
        ),
        "category_entropy": (
            entropy([c for _, c in prompts if c is not None]),
            "entropy of the categories in bits",
        ),
        "topic_entropy": (
            entropy(clusters(vectors, TOPICS).astype(str).tolist()) if len(drawn) >= TOPICS else None,
            f"entropy in bits of {TOPICS} clusters of their vectors (at most {math.log2(TOPICS):.2f})",
        ),
    }
    if grounded is not None:
        share = sum(grounded) / len(grounded) if grounded else None
        found["grounded"] = (share, "part that a person wrote, or that was written from a text of a file")
    if reference is not None:
        others = list(reference) if len(reference) <= sample else rng.sample(list(reference), sample)
        known = hashed_ngrams(others)
        nearest = (vectors @ known.T).max(axis=1) if len(drawn) and len(others) else None
        found["reference_cosine"] = (
            None if nearest is None else float(nearest.mean()),
            "mean cosine to the nearest of the reference set",
        )
        found["reference_rouge_l"] = (
            mean_rouge_l(drawn, others),
            "mean ROUGE-L with the nearest of the reference set",
        )
        found["reference_auc"] = (
            two_sample_auc(vectors, known, seed),
            "how well a linear rule tells the two sets apart (0.5: not at all)",
        )
    return found


def distinct(texts: Sequence[Sequence[str]], n: int) -> float | None:
    """Distinct-n (Li et al., arXiv 1510.03055): different runs of `n` words over all runs."""
    runs = Counter(tuple(words[i : i + n]) for words in texts for i in range(len(words) - n + 1))
    return len(runs) / runs.total() if runs else None


def self_bleu(texts: Sequence[Sequence[str]]) -> float | None:
    """Mean BLEU-4 of each text with the others as references (Zhu et al., arXiv 1802.01886); unsmoothed, texts of four words and more."""
    long = [list(words) for words in texts if len(words) >= 4]
    if len(long) < 2:
        return None
    counts = [
        [Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for n in (1, 2, 3, 4)]
        for words in long
    ]
    tops = [_two_highest([one[n] for one in counts]) for n in range(4)]
    scores = []
    for words, mine in zip(long, counts, strict=True):
        logs = []
        for n in range(4):
            matched = sum(min(count, _of_others(tops[n], run, count)) for run, count in mine[n].items())
            logs.append(math.log(matched / mine[n].total()) if matched else -math.inf)
        nearest = min((abs(len(other) - len(words)), len(other)) for other in long if other is not words)[1]
        brevity = min(1.0, math.exp(1 - nearest / len(words)))
        scores.append(brevity * math.exp(sum(logs) / 4) if min(logs) > -math.inf else 0.0)
    return math.fsum(scores) / len(scores)


def _two_highest(counters: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[int, int]]:
    """Of each run, in how great numbers it stands in one text: the two greatest."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for counter in counters:
        for run, count in counter.items():
            first, second = found.get(run, (0, 0))
            found[run] = (count, first) if count > first else (first, max(second, count))
    return found


def _of_others(tops: dict[tuple[str, ...], tuple[int, int]], run: tuple[str, ...], mine: int) -> int:
    first, second = tops[run]
    return second if mine == first else first


def mean_rouge_l(texts: Sequence[str], others: Sequence[str]) -> float | None:
    """Mean over `texts` of the greatest F-measure of the longest common subsequence of words (Lin, 2004) with any of `others`."""
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    if not texts or not others:
        return None
    letters = WordAlphabet()
    one, other = [letters.spell(t) for t in texts], [letters.spell(t) for t in others]
    return float(process.cdist(one, other, scorer=Indel.normalized_similarity, workers=-1).max(axis=1).mean())


def vendi(vectors: "np.ndarray") -> float | None:
    """The exponential of the entropy of the eigenvalues of the similarity matrix over its size (Friedman and Dieng, arXiv 2210.02410)."""
    import numpy as np

    if not len(vectors):
        return None
    values = np.linalg.svd(vectors, compute_uv=False).astype(float) ** 2 / len(vectors)
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def near_duplicates(texts: Sequence[str]) -> float | None:
    """The part of texts that are nearly the same as one before them."""
    return len(find_near_duplicates(texts)) / len(texts) if texts else None


def entropy(groups: Sequence[str]) -> float | None:
    """Bits; None where no row has a group."""
    counts = Counter(groups)
    shares = [n / counts.total() for n in counts.values()]
    return -math.fsum(p * math.log2(p) for p in shares) if shares else None


def two_sample_auc(one: "np.ndarray", other: "np.ndarray", seed: int = 0) -> float | None:
    """AUC on held-out halves of the line between the means of two sets: a two-sample test (0.5 where they are of one kind)."""
    import numpy as np

    if min(len(one), len(other)) < 4:
        return None
    rng = np.random.default_rng(seed)
    a, b = one[rng.permutation(len(one))], other[rng.permutation(len(other))]
    line = a[: len(a) // 2].mean(axis=0) - b[: len(b) // 2].mean(axis=0)
    mine, theirs = a[len(a) // 2 :] @ line, b[len(b) // 2 :] @ line
    ranks = np.searchsorted(np.sort(theirs), mine, "left") + np.searchsorted(np.sort(theirs), mine, "right")
    return float(ranks.mean() / (2 * len(theirs)))


def _mean_pairwise(vectors: "np.ndarray") -> float | None:
    n = len(vectors)
    total = float((vectors.sum(axis=0).astype(float) ** 2).sum()) - float((vectors.astype(float) ** 2).sum())
    return total / (n * (n - 1)) if n > 1 else None


def _mean_nearest(vectors: "np.ndarray") -> float | None:
    import numpy as np

    if len(vectors) < 2:
        return None
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    return float(cosines.max(axis=1).mean())


def _deviation(values: Sequence[int]) -> float | None:
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
