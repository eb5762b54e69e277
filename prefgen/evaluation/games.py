"""Games of two models: on one prompt, what a judge says of their answers."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from prefgen.stats.scoring import ScoreSpec, probability_of, scores_of
from prefgen.types import Record, Response


@dataclass(frozen=True)
class Game:
    """One prompt: the probability that the model's answer is better, by how many characters it is longer, and
    whether both orders agreed.
    """

    prompt_id: str
    probability: float
    longer: int
    consistent: bool | None = None
    """None where the judge did not see both orders."""
    one_order: bool = False
    """Whether the judge saw two of the answers beside each other and never the other way round."""


def build_game(
    record: Record,
    first: Sequence[Response],
    second: Sequence[Response],
    judge: str,
    members: Mapping[str, Sequence[str]] = {},
) -> Game | None:
    """What the judge says of the answers of two models: the mean over pairs of them. None where it says
    nothing of some pair. `members` are {judge: the judges whose verdicts it makes its own of}.
    """
    name, _, aspect = judge.partition(".")
    comparisons = [c for c in record.comparisons if c.judge == name and aspect in ("", c.aspect)]
    scores = {} if comparisons else scores_of(record, ScoreSpec(mean=(judge,)))
    probabilities: list[float] = []
    agreements: list[bool] = []
    for response in first:
        for opponent in second:
            if comparisons:
                forward = [
                    c.probability
                    for c in comparisons
                    if (c.first_id, c.second_id) == (response.id, opponent.id)
                ]
                backward = [
                    1 - c.probability
                    for c in comparisons
                    if (c.first_id, c.second_id) == (opponent.id, response.id)
                ]
                if (probability := probability_of(comparisons, response.id, opponent.id)) is None:
                    return None
                probabilities.append(probability)
                if forward and backward:
                    agreements.append(
                        (math.fsum(forward) / len(forward) - 0.5)
                        * (math.fsum(backward) / len(backward) - 0.5)
                        > 0
                    )
            elif response.id in scores and opponent.id in scores:
                probabilities.append(0.5 + 0.5 * float(np.sign(scores[response.id] - scores[opponent.id])))
            else:
                return None
    length_difference = sum(map(_length, first)) / len(first) - sum(map(_length, second)) / len(second)
    seeing = members.get(name) or (judge,)
    return Game(
        record.prompt.id,
        math.fsum(probabilities) / len(probabilities),
        round(length_difference),
        all(agreements) if agreements else None,
        any(_is_in_one_order(record, *two, each) for two in product(first, second) for each in seeing),
    )


def _is_in_one_order(record: Record, first: Response, second: Response, judge: str) -> bool:
    """Whether a judge was shown both texts at once, and on some aspect never the other way round. One that
    sees an answer at a time, or no text at all, has no order.
    """
    if first.text == second.text:
        return False
    name, _, aspect = judge.partition(".")
    two = {first.id, second.id}
    first_is_first: dict[str, set[bool]] = defaultdict(set)
    for c in record.comparisons:
        if c.judge == name and aspect in ("", c.aspect) and {c.first_id, c.second_id} == two:
            first_is_first[c.aspect].add(c.first_id == first.id)
    places: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for s in record.scores:
        if s.judge == name and aspect in ("", s.aspect) and s.order is not None:
            places[s.aspect, s.sample][s.response_id] = s.order
    for (each, _), place in places.items():
        if two <= place.keys() and place[first.id] != place[second.id]:
            first_is_first[each].add(place[first.id] < place[second.id])
    return any(len(orders) == 1 for orders in first_is_first.values())


def _length(response: Response) -> int:
    return len(response.text)
