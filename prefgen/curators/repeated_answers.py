"""Drop pairs whose chosen answer is the same as that of many others: a model learns one canned refusal from a
set that is full of it.

A released safety dataset has the same refusal in 22 to 58 % of its rows. Answers are the same when their text
is, after normalising case, width and white space; of those that are too many the pairs with the smallest
margin go first.
"""

from collections import defaultdict

from pydantic import Field

from prefgen.plugins.decorators import curator
from prefgen.plugins.plugin import Plugin
from prefgen.tables import Dropped, Table


@curator("repeated_answers")
class RepeatedAnswers(Plugin):
    """At most `share` of the pairs may have the same chosen answer."""

    operates_on = "pairs"

    share: float = Field(
        default=0.05, gt=0, le=1, description="The greatest part of all pairs (and always one pair)."
    )

    def curate(self, rows: Table) -> Table:
        pairs_by_text: dict[str, list[tuple[float, str]]] = defaultdict(list)
        columns = (rows.column("chosen_text"), rows.column("margin"))
        for row_id, text, margin in zip(rows.ids(), *columns, strict=True):
            pairs_by_text[text].append((margin if margin is not None else 0.0, row_id))
        dropped: dict[str, Dropped] = {}
        limit = _max_repeats([len(pairs) for pairs in pairs_by_text.values()], self.share)
        for pairs in pairs_by_text.values():
            ordered = sorted(pairs)
            for _, row_id in ordered[: max(0, len(pairs) - limit)]:
                dropped[row_id] = Dropped("chosen answer repeated", ordered[-1][1])
        return rows.dropping(dropped)


def _max_repeats(sizes: list[int], share: float) -> int:
    """How many pairs of one answer may stay, so that each is at most `share` of what is left: the greatest
    such number, at least one.
    """

    def fits(most: int) -> bool:
        return most <= share * sum(min(size, most) for size in sizes)

    low, high = 1, max(sizes, default=1)
    while low < high:  # the part that `most` makes up never falls as it grows
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
