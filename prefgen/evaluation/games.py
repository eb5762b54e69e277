"""Games of two models: on one prompt, what a judge says of their answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    asked: bool = True
    """Whether a judge was needed: two answers of the same text are even."""


def build_game(
    record: Record, first: Sequence[Response], second: Sequence[Response], judge: str
) -> Game | None:
    """What the judge says of the answers of two models: the mean over pairs of them. None where it says
    nothing of some pair.
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
    judge_needed = any(one.text != other.text for one in first for other in second)
    return Game(
        record.prompt.id,
        math.fsum(probabilities) / len(probabilities),
        round(length_difference),
        all(agreements) if agreements else None,
        judge_needed,
    )


def _length(response: Response) -> int:
    return len(response.text)
