"""What several tests use: scores and pairs: missing is never low, ties by policy, chosen never below
rejected.
"""

from prefgen.testing import a_record


def sides(pairs):
    return [(p.chosen_id, p.rejected_id) for p in pairs]


def of_lengths(*lengths, scores):
    return a_record("Q", *("x" * n for n in lengths), scores={"j": scores})
