"""How varied a set of prompts is, by measures that need no model. Cosines are those of hashed n-grams: of
wording and topic, not of meaning.
"""

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from prefgen.text.near_duplicates import (
    NEAR_DUPLICATE_THRESHOLD,
    WordAlphabet,
    find_near_duplicates,
    words_of,
)
from prefgen.text.vectors import cluster_rows, hashed_ngrams

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

    Costly ones look at a seeded `sample`. With `reference`, a set to compare with, it is also said how alike
    the two are. `grounded` says of each prompt whether a text of a person stands behind it.
    """
    texts = [text for text, _ in prompts]
    rng = Random(seed)
    sampled_texts = _sample(texts, sample, rng)
    vectors = hashed_ngrams(sampled_texts)
    measures = (
        _word_measures([words_of(text) for text in texts])
        | _nearness_measures(sampled_texts, vectors, rng)
        | _group_measures(texts, [category for _, category in prompts if category is not None], vectors)
    )
    if grounded is not None:
        measures["grounded"] = (
            sum(grounded) / len(grounded) if grounded else None,
            "part that a person wrote, or that was written from a text of a file",
        )
    if reference is not None:
        reference_texts = _sample(list(reference), sample, rng)
        measures |= _reference_measures(sampled_texts, vectors, reference_texts, seed)
    return measures


def _sample(texts: list[str], most: int, rng: Random) -> list[str]:
    return texts if len(texts) <= most else rng.sample(texts, most)


def _word_measures(word_lists: Sequence[Sequence[str]]) -> Measures:
    lengths = [len(words) for words in word_lists]
    measures: Measures = {
        "prompts": (len(word_lists), "how many"),
        "words": (sum(lengths) / max(1, len(word_lists)), "mean number of words"),
        "words_sd": (_standard_deviation(lengths), "standard deviation of the number of words"),
    }
    for n in (1, 2, 3):
        measures[f"distinct_{n}"] = (
            distinct(word_lists, n),
            f"distinct runs of {n} words over all of them (0 to 1; more is more varied)",
        )
    return measures


def _nearness_measures(texts: Sequence[str], vectors: "np.ndarray", rng: Random) -> Measures:
    """How near the texts are to each other; `vectors` are theirs."""
    bleu_texts = rng.sample(texts, min(BLEU_TEXTS, len(texts)))
    return {
        "self_bleu": (
            self_bleu([words_of(text) for text in bleu_texts]),
            f"mean BLEU-4 of each of {BLEU_TEXTS} against the others (less is more varied)",
        ),
        "pairwise_cosine": (_mean_pairwise_cosine(vectors), "mean cosine of two (less is more varied)"),
        "nearest_cosine": (_mean_nearest_cosine(vectors), "mean cosine to the nearest other"),
        "vendi": (
            vendi(vectors),
            "Vendi score (arXiv 2210.02410): how many entirely different ones they are worth",
        ),
    }


def _group_measures(texts: Sequence[str], categories: Sequence[str], vectors: "np.ndarray") -> Measures:
    """Which groups the texts fall into; `vectors` are those of some of them."""
    topics = cluster_rows(vectors, TOPICS).astype(str).tolist() if len(vectors) >= TOPICS else None
    return {
        "near_duplicates": (
            near_duplicate_share(texts),
            f"part that is nearly the same as an earlier one (MinHash, {NEAR_DUPLICATE_THRESHOLD})",
        ),
        "category_entropy": (entropy(categories), "entropy of the categories in bits"),
        "topic_entropy": (
            None if topics is None else entropy(topics),
            f"entropy in bits of {TOPICS} clusters of their vectors (at most {math.log2(TOPICS):.2f})",
        ),
    }


def _reference_measures(
    texts: Sequence[str], vectors: "np.ndarray", reference: Sequence[str], seed: int
) -> Measures:
    """How alike the texts are to those of another set."""
    reference_vectors = hashed_ngrams(reference)
    nearest_cosines = (vectors @ reference_vectors.T).max(axis=1) if texts and reference else None
    return {
        "reference_cosine": (
            None if nearest_cosines is None else float(nearest_cosines.mean()),
            "mean cosine to the nearest of the reference set",
        ),
        "reference_rouge_l": (
            mean_rouge_l(texts, reference),
            "mean ROUGE-L with the nearest of the reference set",
        ),
        "reference_auc": (
            two_sample_auc(vectors, reference_vectors, seed),
            "how well a linear rule tells the two sets apart (0.5: not at all)",
        ),
    }


def distinct(texts: Sequence[Sequence[str]], n: int) -> float | None:
    """Distinct-n (Li et al., arXiv 1510.03055): different runs of `n` words over all runs."""
    runs = Counter(tuple(words[i : i + n]) for words in texts for i in range(len(words) - n + 1))
    return len(runs) / runs.total() if runs else None


def self_bleu(texts: Sequence[Sequence[str]]) -> float | None:
    """Mean BLEU-4 of each text with the others as references (Zhu et al., arXiv 1802.01886); unsmoothed,
    texts of four words and more.
    """
    long_texts = [list(words) for words in texts if len(words) >= 4]
    if len(long_texts) < 2:
        return None
    counts = [
        [Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1)) for n in (1, 2, 3, 4)]
        for words in long_texts
    ]
    top_counts = [_two_highest([text_counts[n] for text_counts in counts]) for n in range(4)]
    scores = []
    for words, own_counts in zip(long_texts, counts, strict=True):
        log_precisions = []
        for n in range(4):
            matched = sum(
                min(count, _highest_of_others(top_counts[n], run, count))
                for run, count in own_counts[n].items()
            )
            log_precisions.append(math.log(matched / own_counts[n].total()) if matched else -math.inf)
        nearest_length = min(
            (abs(len(other) - len(words)), len(other)) for other in long_texts if other is not words
        )[1]
        brevity = min(1.0, math.exp(1 - nearest_length / len(words)))
        scores.append(brevity * math.exp(sum(log_precisions) / 4) if min(log_precisions) > -math.inf else 0.0)
    return math.fsum(scores) / len(scores)


def _two_highest(counters: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[int, int]]:
    """Of each run, in how great numbers it stands in one text: the two greatest."""
    highest: dict[tuple[str, ...], tuple[int, int]] = {}
    for counter in counters:
        for run, count in counter.items():
            first, second = highest.get(run, (0, 0))
            highest[run] = (count, first) if count > first else (first, max(second, count))
    return highest


def _highest_of_others(
    tops: dict[tuple[str, ...], tuple[int, int]], run: tuple[str, ...], own_count: int
) -> int:
    first, second = tops[run]
    return second if own_count == first else first


def mean_rouge_l(texts: Sequence[str], others: Sequence[str]) -> float | None:
    """Mean over `texts` of the greatest F-measure of the longest common subsequence of words (Lin, 2004) with
    any of `others`.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    if not texts or not others:
        return None
    alphabet = WordAlphabet()
    encoded_texts, encoded_others = [alphabet.encode(t) for t in texts], [alphabet.encode(t) for t in others]
    return float(
        process.cdist(encoded_texts, encoded_others, scorer=Indel.normalized_similarity, workers=-1)
        .max(axis=1)
        .mean()
    )


def vendi(vectors: "np.ndarray") -> float | None:
    """The exponential of the entropy of the eigenvalues of the similarity matrix over its size (Friedman and
    Dieng, arXiv 2210.02410).
    """
    import numpy as np

    if not len(vectors):
        return None
    eigenvalues = np.linalg.svd(vectors, compute_uv=False).astype(float) ** 2 / len(vectors)
    eigenvalues = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-(eigenvalues * np.log(eigenvalues)).sum()))


def near_duplicate_share(texts: Sequence[str]) -> float | None:
    """The part of texts that are nearly the same as one before them."""
    return len(find_near_duplicates(texts)) / len(texts) if texts else None


def entropy(groups: Sequence[str]) -> float | None:
    """Bits; None where no row has a group."""
    counts = Counter(groups)
    shares = [n / counts.total() for n in counts.values()]
    return -math.fsum(p * math.log2(p) for p in shares) if shares else None


def two_sample_auc(first: "np.ndarray", second: "np.ndarray", seed: int = 0) -> float | None:
    """AUC on held-out halves of the line between the means of two sets: a two-sample test (0.5 where they are
    of one kind).
    """
    import numpy as np

    if min(len(first), len(second)) < 4:
        return None
    rng = np.random.default_rng(seed)
    a, b = first[rng.permutation(len(first))], second[rng.permutation(len(second))]
    direction = a[: len(a) // 2].mean(axis=0) - b[: len(b) // 2].mean(axis=0)
    first_scores, second_scores = a[len(a) // 2 :] @ direction, b[len(b) // 2 :] @ direction
    ranks = np.searchsorted(np.sort(second_scores), first_scores, "left") + np.searchsorted(
        np.sort(second_scores), first_scores, "right"
    )
    return float(ranks.mean() / (2 * len(second_scores)))


def _mean_pairwise_cosine(vectors: "np.ndarray") -> float | None:
    n = len(vectors)
    total = float((vectors.sum(axis=0).astype(float) ** 2).sum()) - float((vectors.astype(float) ** 2).sum())
    return total / (n * (n - 1)) if n > 1 else None


def _mean_nearest_cosine(vectors: "np.ndarray") -> float | None:
    import numpy as np

    if len(vectors) < 2:
        return None
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    return float(cosines.max(axis=1).mean())


def _standard_deviation(values: Sequence[int]) -> float | None:
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
