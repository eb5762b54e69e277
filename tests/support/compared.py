"""What several tests use: answers of known quality, and a judge by comparisons that is never wrong."""

from itertools import combinations

from prefgen.kit.tournaments import Tournament
from prefgen.testing import a_record
from prefgen.types import Comparison


def of_qualities(*qualities):
    """Answers r0, r1 and so on; {id: quality}."""
    record = a_record("Q", *(f"answer {'x' * (i + 1)}" for i in range(len(qualities))))
    return record, dict(zip([r.id for r in record.responses], qualities, strict=True))


def verdict(qualities, first, second, judge="pw", method=None):
    """What a judge says that is never wrong and never in doubt."""
    difference = qualities[first] - qualities[second]
    probability = 0.5 if difference == 0 else float(difference > 0)
    return Comparison(
        first_id=first, second_id=second, probability=probability, aspect="x", judge=judge, method=method
    )


def compare_all(record, qualities, *, lost=(), judge="pw", untied=True):
    """Every two answers in both orders, but for the pairs of `lost`, of which each is two ids."""
    lost_pairs = {frozenset(pair) for pair in lost}
    ids = [r.id for r in record.responses]
    compared = []
    for a, b in combinations(ids, 2):
        if frozenset((a, b)) not in lost_pairs:
            compared += [verdict(qualities, a, b, judge), verdict(qualities, b, a, judge)]
        elif not untied:  # `one_order: tie`
            tie = Comparison(first_id=a, second_id=b, probability=0.5, aspect="x", judge=judge)
            compared.append(tie.replacing(method="one_order"))
    return record.adding(comparisons=compared)


def play(record, qualities, entrants, *, knockout, is_lost=lambda a, b: False):
    """A tournament of these answers; a lost comparison is missing."""
    by_id = {r.id: r for r in record.responses}
    tournament = Tournament([by_id[i] for i in entrants], knockout=knockout)
    while pairs := tournament.next_round():
        compared = [verdict(qualities, a.id, b.id) for a, b in pairs if not is_lost(a.id, b.id)]
        record = record.adding(comparisons=compared)
        tournament.end_round(pairs, compared)
    return record
